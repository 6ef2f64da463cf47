//! `cargo xtask test`: everything that must pass before a change is merged, the quickest checks first.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::{cargo, tidy, workspace_root};

/// A step that is a run of cargo.
struct Step {
    name: &'static str,
    args: &'static [&'static str],
    /// A variable and its value.
    env: Option<(&'static str, &'static str)>,
    /// A component that a toolchain may lack, with the arguments that show whether it is there.
    component: Option<(&'static str, &'static [&'static str])>,
}

const FORMATTING: Step = Step {
    name: "formatting",
    args: &["fmt", "--all", "--check"],
    env: None,
    component: Some(("rustfmt", &["fmt", "--version"])),
};

/// Whether each crate can be packaged: its README is there, and its dependencies have versions. Nothing is compiled.
const PACKAGES: Step = Step {
    name: "packages",
    args: &[
        "package",
        "--workspace",
        "--exclude",
        "xtask",
        "--exclude",
        "headstart-benches",
        "--no-verify",
        "--no-metadata",
        "--exclude-lockfile",
        "--allow-dirty",
        "--quiet",
    ],
    env: None,
    component: None,
};

/// This and the next steps use the release profile, so the heavy dependencies are compiled once, for the pipeline too.
const CLIPPY: Step = Step {
    name: "clippy",
    args: &["clippy", "--workspace", "--all-targets", "--release", "--", "-D", "warnings"],
    env: None,
    component: Some(("clippy", &["clippy", "--version"])),
};

const TESTS: Step = Step {
    name: "unit, integration, property and doc tests",
    args: &["test", "--workspace", "--release"],
    env: None,
    component: None,
};

/// What the tests run exported networks in. It is a workspace of its own, which says why.
const ONNX_RUNTIME: Step = Step {
    name: "runtime of ONNX",
    args: &["build", "--manifest-path", "onnx-check/Cargo.toml", "--release"],
    env: None,
    component: None,
};

const DOCUMENTATION: Step = Step {
    name: "documentation",
    args: &["doc", "--workspace", "--no-deps", "--release"],
    env: Some(("RUSTDOCFLAGS", "-D warnings")),
    component: None,
};

/// The fuzz targets are a workspace of their own. Checking them without the fuzzer needs neither a nightly toolchain nor a
/// C++ compiler. A real build compiles every dependency again with sanitizers, which takes minutes.
const FUZZ_TARGETS: Step = Step {
    name: "fuzz targets",
    args: &[
        "clippy",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--no-default-features",
        "--release",
        "--",
        "-D",
        "warnings",
    ],
    env: None,
    component: Some(("clippy", &["clippy", "--version"])),
};

/// None is tidy.
const STEPS: [Option<Step>; 8] = [
    Some(FORMATTING),
    None,
    Some(PACKAGES),
    Some(CLIPPY),
    Some(ONNX_RUNTIME),
    Some(TESTS),
    Some(DOCUMENTATION),
    Some(FUZZ_TARGETS),
];

/// What to do with a step whose component is missing.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Skip,
    Fail,
}

/// Runs the steps in order; the exit code is the first failing step's.
///
/// # Errors
/// A program can't be started, or a file can't be read.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut skipped = Vec::new();
    for step in STEPS {
        // Tidy is not a run of cargo.
        let Some(step) = step else {
            let code = timed("tidy", tidy::run)?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
            continue;
        };
        if let Some(component) = missing_component(&step)? {
            match on_missing(std::env::var_os("CI").is_some()) {
                Missing::Fail => {
                    eprintln!(
                        "xtask: {} needs the component {component}, and CI must check it; add it with rustup component add {component}",
                        step.name
                    );
                    return Ok(ExitCode::FAILURE);
                }
                Missing::Skip => {
                    eprintln!("xtask: NOT CHECKED: {}, because this toolchain lacks {component}", step.name);
                    eprintln!("xtask: to check it: rustup component add {component}");
                    skipped.push(step.name);
                    continue;
                }
            }
        }
        let code = timed(step.name, || run_step(&step))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    let all =
        if skipped.is_empty() { String::new() } else { format!(", NOT CHECKED: {}", skipped.join(", ")) };
    eprintln!("xtask: test: passed in {:.1} s{all}", start.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn run_step(step: &Step) -> anyhow::Result<ExitCode> {
    let mut command = cargo(&workspace_root()?);
    command.args(step.args).envs(step.env);
    exit_code(&mut command)
}

/// Runs a program to its end and returns its exit code; 1 if a signal ended it.
pub(crate) fn exit_code(command: &mut Command) -> anyhow::Result<ExitCode> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// The component that the step needs, if the toolchain lacks it.
fn missing_component(step: &Step) -> anyhow::Result<Option<&'static str>> {
    let Some((component, probe)) = step.component else { return Ok(None) };
    let mut command = cargo(&workspace_root()?);
    let status = command.args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok((!status.success()).then_some(component))
}

/// On a person's machine the other steps are still worth running. CI must check everything.
fn on_missing(ci: bool) -> Missing {
    if ci { Missing::Fail } else { Missing::Skip }
}

/// Announces a step, and says how it ended and how long it took.
pub(crate) fn timed(name: &str, run: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    eprintln!("xtask: {name} ...");
    let start = Instant::now();
    let code = run()?;
    let end = if code == ExitCode::SUCCESS { "passed" } else { "FAILED" };
    eprintln!("xtask: {name}: {end} in {:.1} s", start.elapsed().as_secs_f64());
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ci_insists_on_every_component() {
        assert_eq!(on_missing(true), Missing::Fail);
        assert_eq!(on_missing(false), Missing::Skip);
    }

    #[test]
    fn a_component_that_cargo_does_not_know_is_missing() {
        let absent = Step { component: Some(("absent", &["no-such-command", "--version"])), ..TESTS };
        assert_eq!(missing_component(&absent).unwrap(), Some("absent"));
        let present = Step { component: Some(("cargo", &["--version"])), ..TESTS };
        assert_eq!(missing_component(&present).unwrap(), None);
        assert_eq!(missing_component(&TESTS).unwrap(), None);
    }

    #[test]
    fn a_failing_program_s_exit_code_is_passed_on() {
        let root = workspace_root().unwrap();
        let code = exit_code(cargo(&root).args(["no-such-command"]).stderr(Stdio::null())).unwrap();
        assert_eq!(code, ExitCode::from(101));
        assert_eq!(
            exit_code(cargo(&root).arg("--version").stdout(Stdio::null())).unwrap(),
            ExitCode::SUCCESS
        );
    }
}
