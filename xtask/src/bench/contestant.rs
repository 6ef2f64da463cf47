//! The contestants, and the requests to a running one.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::plan::Network;

/// An engine that computes the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    program: Program,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// An engine of benches/examples/measure.
    Measure(&'static str),
    /// A script of benches/rivals, with a flag if it has more than one form.
    Script(&'static str, Option<&'static str>),
}

/// All contestants, headstart first: ratios are relative to the first.
pub(crate) const CONTESTANTS: [Contestant; 9] = [
    Contestant { name: "headstart", program: Program::Measure("kernels") },
    Contestant { name: "candle", program: Program::Measure("candle") },
    Contestant { name: "pytorch", program: Program::Script("rival_torch.py", None) },
    Contestant { name: "onnxruntime", program: Program::Script("rival_onnxruntime.py", None) },
    Contestant { name: "openvino", program: Program::Script("rival_openvino.py", None) },
    Contestant { name: "openvino-bf16", program: Program::Script("rival_openvino.py", Some("--bf16")) },
    Contestant { name: "mnn", program: Program::Script("rival_mnn.py", None) },
    Contestant { name: "ncnn", program: Program::Script("rival_ncnn.py", None) },
    Contestant { name: "tensorflow", program: Program::Script("rival_tensorflow.py", None) },
];

/// The references in f64 that errors are measured against: another implementation, or else the seven loops.
pub(crate) const REFERENCES: [Contestant; 2] = [
    Contestant { name: "pytorch-f64", program: Program::Script("rival_torch.py", Some("--float64")) },
    Contestant { name: "seven-loops-f64", program: Program::Measure("reference") },
];

/// The programs and folders that contestants need.
pub(crate) struct Stage {
    pub(crate) root: PathBuf,
    /// The inputs, and the models and logs of the contestants.
    pub(crate) folder: PathBuf,
    /// The networks' files for all contestants.
    pub(crate) networks: PathBuf,
    /// benches/examples/measure.
    pub(crate) measure: PathBuf,
    /// The binary.
    pub(crate) headstart: PathBuf,
    pub(crate) python: PathBuf,
}

impl Stage {
    pub(crate) fn weights(&self) -> PathBuf {
        self.root.join("data/weights/vgg16_weights.h5")
    }

    /// A program with this number of threads in its thread pools.
    pub(crate) fn command(&self, program: &Path, threads: usize) -> Command {
        let mut command = Command::new(program);
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        command
    }

    /// A script with its flag and one of its commands.
    fn script(&self, file: &str, flag: Option<&str>, threads: usize, arguments: &[&Path]) -> Command {
        let mut command = self.command(&self.python, threads);
        // -B writes no compiled files among the sources.
        command.arg("-B").arg(self.root.join("benches/rivals").join(file)).args(flag).args(arguments);
        command.args(["--threads", &threads.to_string()]).arg("--folder").arg(&self.folder);
        command
    }

    /// Extracts features of a folder of images in one process. candle has no program for this.
    pub(crate) fn extract(&self, contestant: Contestant, threads: usize, images: &Path) -> Option<Command> {
        let output = self.folder.join("features.npy");
        match contestant.program {
            Program::Measure("kernels") => {
                let mut command = self.command(&self.headstart, threads);
                command.arg("extract").arg(images).arg("--output").arg(output);
                command.arg("--weights").arg(self.weights());
                command.args(["--fresh", "--json", "--threads", &threads.to_string()]);
                Some(command)
            }
            Program::Measure(_) => None,
            Program::Script(file, flag) => {
                Some(self.script(file, flag, threads, &["extract".as_ref(), images, &output]))
            }
        }
    }

    /// Makes the networks' files that are missing.
    ///
    /// # Errors
    /// Python can't be started, or lacks what the weights need.
    pub(crate) fn make_networks(&self, networks: &[Network], threads: usize) -> anyhow::Result<()> {
        let log = self.folder.join("networks.log");
        let mut command = self.command(&self.python, threads);
        command.arg("-B").arg(self.root.join("benches/rivals/networks.py")).arg(&self.networks);
        for Network { name, side, preset } in networks {
            let images = self.folder.join(format!("{preset}_{side}.f32"));
            command.arg(format!("{name}:{side}:{}", images.display()));
        }
        let talk = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(talk.try_clone()?).stderr(talk);
        let status = command.status().with_context(|| format!("starting {}", self.python.display()))?;
        if status.success() { Ok(()) } else { bail!("{}", last_line(&log)) }
    }

    /// How many images the inputs have for a preset and a side.
    ///
    /// # Errors
    /// The inputs are missing.
    pub(crate) fn images(&self, preset: &str, side: usize) -> anyhow::Result<usize> {
        let path = self.folder.join(format!("{preset}_{side}.f32"));
        let bytes = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(bytes as usize / (size_of::<f32>() * 3 * side * side))
    }

    /// Starts a contestant and waits until it is ready.
    ///
    /// # Errors
    /// A contestant can't be started, or ends at once because its engine is not installed.
    pub(crate) fn start(&self, contestant: Contestant, threads: usize) -> anyhow::Result<Server> {
        let mut command = match contestant.program {
            Program::Measure(engine) => {
                let mut command = self.command(&self.measure, threads);
                command.args(["serve", engine]).arg(&self.folder).arg(self.weights());
                command
            }
            Program::Script(file, flag) => self.script(file, flag, threads, &["serve".as_ref()]),
        };
        let log = self.folder.join(format!("{}.log", contestant.name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().context("cannot be started")?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take());
        let requests = requests.context("no standard input")?;
        let answers = BufReader::new(answers.context("no standard output")?);
        let mut server =
            Server { contestant, child, requests, answers, version: String::new(), settings: String::new() };
        let Ok(hello) = server.answer() else { bail!("{}", last_line(&log)) };
        server.version = text(&hello, "version");
        server.settings = text(&hello, "settings");
        Ok(server)
    }
}

/// Why a contestant ended: the last line of its log.
fn last_line(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("ended without a word").trim().to_owned()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("unknown").to_owned()
}

/// A contestant that waits for requests. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) contestant: Contestant,
    pub(crate) version: String,
    pub(crate) settings: String,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// One request, one answer.
    ///
    /// # Errors
    /// The contestant has ended, or says that it failed.
    pub(crate) fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        writeln!(self.requests, "{request}")?;
        let answer = self.answer()?;
        match answer["error"].as_str() {
            Some(error) => bail!("{}: {error}", self.contestant.name),
            None => Ok(answer),
        }
    }

    /// The seconds of each call. There are several if the request says for how long to repeat.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub(crate) fn times(&mut self, request: &Value) -> anyhow::Result<Vec<f64>> {
        let answer = self.ask(request)?;
        let times = answer["seconds"].as_array().context("expected seconds")?;
        Ok(times.iter().filter_map(Value::as_f64).collect())
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                bail!("{} has ended", self.contestant.name);
            }
            // Some engines print a greeting when they are loaded.
            if let Ok(answer @ Value::Object(_)) = serde_json::from_str(&line) {
                return Ok(answer);
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The contestants in a list of names separated by commas, and always headstart.
///
/// # Errors
/// A name is unknown.
pub(crate) fn chosen(names: Option<&str>) -> anyhow::Result<Vec<Contestant>> {
    let Some(names) = names else { return Ok(CONTESTANTS.to_vec()) };
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let known = CONTESTANTS.map(|contestant| contestant.name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("contestant {unknown}: expected some of {}", known.join(","));
    }
    let asked = |(index, contestant): &(usize, Contestant)| *index == 0 || names.contains(&contestant.name);
    Ok(CONTESTANTS.into_iter().enumerate().filter(asked).map(|(_, contestant)| contestant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_keeps_the_order_and_always_holds_ourselves() {
        let names = |list| chosen(list).unwrap().iter().map(|c| c.name).collect::<Vec<_>>();
        assert_eq!(names(Some("mnn, candle")), ["headstart", "candle", "mnn"]);
        assert_eq!(names(None), CONTESTANTS.map(|contestant| contestant.name));
    }

    #[test]
    fn an_unknown_contestant_is_named() {
        let error = chosen(Some("mnn,caffe")).unwrap_err().to_string();
        assert!(error.starts_with("contestant caffe: expected some of headstart,candle,"), "{error}");
    }
}
