//! `cargo xtask python`: the Python package in a virtual environment, built, installed and tested.

mod features;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

use crate::flags;
use crate::test_suite::{exit_code, timed};
use crate::{cargo, workspace_root};

/// The oldest Python that the package is for.
const OLDEST: (u32, u32) = (3, 9);

/// The package, in the workspace.
const PACKAGE: &str = "crates/python";

/// What its tests need, beside the package's own folder.
const REQUIREMENTS: &str = "tests/requirements.txt";

/// Why the package was not checked, on a machine that lacks something.
struct NotChecked(String);

/// A Python with all that the tests need.
struct Environment {
    /// The virtual environment's folder of programs.
    programs: PathBuf,
}

/// Builds the wheel, installs it and runs its tests; the exit code is that of the first step that fails. Where there is no
/// Python, or its packages can't be had, it says so and succeeds.
///
/// # Errors
/// A program can't be started, or a file can't be written.
pub(crate) fn run(flags: &flags::Python) -> anyhow::Result<ExitCode> {
    let root = workspace_root()?;
    let environment = match environment(&root, flags)? {
        Ok(environment) => environment,
        Err(NotChecked(reason)) => {
            eprintln!("xtask: NOT CHECKED: the Python package, because {reason}");
            eprintln!(
                "xtask: to check it: cargo xtask python --python FILE, with a Python {}.{} or newer and a network",
                OLDEST.0, OLDEST.1
            );
            return Ok(ExitCode::SUCCESS);
        }
    };
    let package = root.join(PACKAGE);
    let wheels = root.join("target/python/wheels");
    let steps: [(&str, &dyn Fn() -> anyhow::Result<ExitCode>); 5] = [
        ("formatting of the Python package", &|| {
            let mut command = cargo(&package);
            exit_code(command.args(["fmt", "--check"]))
        }),
        ("dependencies that are compiled once", &|| features::check(&root, &package)),
        ("wheel", &|| {
            if wheels.exists() {
                fs::remove_dir_all(&wheels).with_context(|| format!("cannot remove {}", wheels.display()))?;
            }
            let mut maturin = environment.program("maturin", &package);
            maturin.args(["build", "--release", "--locked", "--interpreter"]).arg(environment.path("python"));
            exit_code(maturin.arg("--out").arg(&wheels))
        }),
        ("installation of the wheel", &|| {
            let mut pip = environment.pip(&package);
            pip.args(["install", "--quiet", "--force-reinstall", "--no-deps"]).arg(only_wheel(&wheels)?);
            exit_code(&mut pip)
        }),
        ("tests of the Python package", &|| {
            let mut pytest = environment.program("python", &package);
            pytest.args(["-B", "-m", "pytest", "-q"]);
            if let Some(filter) = &flags.filter {
                pytest.args(["-k", filter]);
            }
            exit_code(&mut pytest)
        }),
    ];
    for (name, step) in steps {
        let code = timed(name, step)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The virtual environment of a Python, with the pinned packages in it. It is kept for the next time.
fn environment(root: &Path, flags: &flags::Python) -> anyhow::Result<Result<Environment, NotChecked>> {
    let found = match &flags.python {
        Some(python) => Some((
            python.clone(),
            version(python).with_context(|| format!("{} is no Python", python.display()))?,
        )),
        None => ["python3", "python"].map(PathBuf::from).into_iter().find_map(|python| {
            let version = version(&python)?;
            Some((python, version))
        }),
    };
    let Some((python, version)) = found else {
        return Ok(Err(NotChecked("there is no Python on the path".to_owned())));
    };
    let (major, minor) = version;
    if version < OLDEST {
        let (oldest, older) = OLDEST;
        return Ok(Err(NotChecked(format!(
            "{} is Python {major}.{minor}, older than {oldest}.{older}",
            python.display()
        ))));
    }
    if let Some(reason) = missing_crates(&root.join(PACKAGE))? {
        return Ok(Err(NotChecked(reason)));
    }
    let folder = root.join(format!("target/python/{major}.{minor}"));
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let environment = Environment { programs };
    let requirements = root.join(PACKAGE).join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    // What was installed, once all of it is there.
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(environment));
    }
    eprintln!("xtask: packages of Python {major}.{minor} ...");
    let mut venv = Command::new(&python);
    venv.args(["-m", "venv"]).arg(&folder);
    if let Some(fault) = fault(&mut venv)? {
        return Ok(Err(NotChecked(format!("{} makes no virtual environment: {fault}", python.display()))));
    }
    let mut pip = environment.pip(root);
    pip.args(["install", "--quiet", "--requirement"]).arg(&requirements);
    if let Some(fault) = fault(&mut pip)? {
        return Ok(Err(NotChecked(format!("its packages can't be installed: {fault}"))));
    }
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(Ok(environment))
}

impl Environment {
    fn path(&self, program: &str) -> PathBuf {
        self.programs.join(program).with_extension(std::env::consts::EXE_EXTENSION)
    }

    fn program(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.path(program));
        command.current_dir(folder);
        command
    }

    fn pip(&self, folder: &Path) -> Command {
        let mut command = self.program("python", folder);
        command.args(["-m", "pip", "--disable-pip-version-check"]);
        command
    }
}

/// Major and minor version of a Python that runs.
fn version(python: &Path) -> Option<(u32, u32)> {
    let script = "import sys; print(*sys.version_info[:2])";
    let output = Command::new(python).args(["-c", script]).stderr(Stdio::null()).output().ok()?;
    version_in(&String::from_utf8(output.stdout).ok()?)
}

fn version_in(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why the crates that the package needs besides can't be had, if they can't. A lock file that is out of date is an error.
fn missing_crates(package: &Path) -> anyhow::Result<Option<String>> {
    let mut fetch = cargo(package);
    let Some(fault) = fault(fetch.args(["fetch", "--locked", "--quiet"]))? else { return Ok(None) };
    if fault.contains("--locked") {
        bail!("{PACKAGE}/Cargo.lock is out of date: {fault}");
    }
    Ok(Some(format!("its crates can't be downloaded: {fault}")))
}

/// What a program said last that failed.
fn fault(command: &mut Command) -> anyhow::Result<Option<String>> {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Ok(Some(last.unwrap_or("it failed").to_owned()))
}

/// The wheel that was built.
fn only_wheel(folder: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let wheels: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        found => bail!("expected one wheel in {}, found {}", folder.display(), found.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(version_in("3 9\n"), Some((3, 9)));
        assert_eq!(version_in("3 13\n"), Some((3, 13)));
        for text in ["", "3", "three nine", "3 9 18"] {
            assert_eq!(version_in(text), None, "{text}");
        }
        assert!((3, 9) < (3, 13) && (2, 7) < OLDEST);
    }

    #[test]
    fn what_is_no_python_has_no_version() {
        assert_eq!(version(Path::new("no-such-python")), None);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        assert_eq!(version(Path::new(&cargo)), None);
    }

    #[test]
    fn a_failing_program_s_last_words_are_kept() {
        let root = workspace_root().unwrap();
        let said = fault(cargo(&root).args(["no-such-command"])).unwrap().unwrap();
        assert!(!said.is_empty());
        assert_eq!(fault(cargo(&root).arg("--version")).unwrap(), None);
    }
}
