//! The networks with pooled features: the same rounds, errors and processes as for VGG16.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::accuracy::Errors;
use super::contestant::{Contestant, Server};
use super::plan::{NETWORK_BATCHES, Network};
use super::report::Layers;
use super::row::{Better, Row, median};
use super::{Run, process, rounds, table};

/// The network in the binary.
const SHIPPED: &str = "efficientnet_lite2";

/// Images of a batch when the kernels' rate is compared with that of an extraction: its batch.
const BATCH_OF_EXTRACTION: usize = 32;

/// How often the extraction is compared with the kernels, and a prediction is run.
const RUNS: usize = 5;

impl Run {
    /// What contestants are asked for: the features of a network for the images of its preset and side.
    fn request(&self, network: Network) -> Value {
        let files = self.stage.networks.join(network.name);
        json!({ "do": "base", "network": files, "preset": network.preset, "side": network.side })
    }

    /// The rates of all networks, and the FMA peak before and between.
    pub(super) fn networks(&mut self, servers: &mut [Server], threads: usize) -> anyhow::Result<()> {
        for network in self.plan.networks.clone() {
            for batch in NETWORK_BATCHES {
                self.peak(&mut servers[0], threads)?;
                let Network { name, side, .. } = network;
                let what = format!("{name} {side} x {side}, batch {batch}");
                eprintln!("{what}, {}", table::threads(threads));
                let mut request = self.request(network);
                request["batch"] = json!(batch);
                let times = |contestant: usize, seconds: f64| {
                    request["seconds"] = json!(seconds);
                    servers[contestant].times(&request)
                };
                let mut rounds = rounds::interleaved(self.contestants, self.plan.network_pace, times);
                rounds.iter_mut().flatten().for_each(|seconds| *seconds = batch as f64 / *seconds);
                self.rows.push(Row { what, unit: "images/s", better: Better::Higher, threads, rounds });
            }
        }
        Ok(())
    }

    pub(super) fn network_layers(&mut self, headstart: &mut Server) -> anyhow::Result<()> {
        for network in self.plan.network_layers.clone() {
            for batch in NETWORK_BATCHES {
                let mut request = self.request(network);
                request["do"] = json!("layers");
                request["batch"] = json!(batch);
                request["seconds"] = json!(2.0 * self.plan.network_pace.slice);
                let answer = headstart.ask(&request)?;
                let layers = answer["layers"].as_array().cloned().context("expected layers")?;
                let Network { name, side, .. } = network;
                self.layers.push(Layers { network: name, side, batch, layers });
            }
        }
        Ok(())
    }

    /// How far pooled features are from the reference's, all values of all images together.
    pub(super) fn network_errors(
        &mut self,
        servers: &mut [Server],
        reference: &mut Server,
        threads: usize,
    ) -> anyhow::Result<()> {
        for network in self.plan.networks.clone() {
            let Network { name, side, preset } = network;
            eprintln!("errors, {name}");
            let images = self.stage.images(preset, side)?;
            let errors = match self.errors_of(servers, reference, &self.request(network), images, 1) {
                Ok(errors) => errors,
                Err(error) => {
                    eprintln!("not measured: {error:#}");
                    continue;
                }
            };
            let rounds =
                errors.iter().map(|errors| errors.iter().map(Errors::relative_l2).collect()).collect();
            let (what, unit) = (format!("error, {name} {side} x {side}"), "relative L2");
            self.rows.push(Row { what, unit, better: Better::Accuracy, threads, rounds });
        }
        Ok(())
    }

    /// headstart's processes with the network in the binary, from start to exit: a folder of images, and one image.
    pub(super) fn network_processes(&mut self, headstart: Contestant, threads: usize) -> anyhow::Result<()> {
        let Some(network) = self.plan.networks.iter().copied().find(|network| network.name == SHIPPED) else {
            return Ok(());
        };
        eprintln!("extraction and prediction, {SHIPPED}");
        let (folder, head) = (self.stage.folder.join("folder"), self.stage.folder.join("head.safetensors"));
        let features = self.stage.folder.join("pooled.npy");
        let number = threads.to_string();
        let program = |name: &str| {
            let mut command = self.stage.command(&self.stage.headstart, threads);
            command.arg(name).args(["--threads", &number]);
            command
        };
        let extract = || {
            let mut command = program("extract");
            command
                .arg(&folder)
                .args(["--backbone", SHIPPED, "--fresh", "--json", "--output"])
                .arg(&features);
            command
        };
        let mut server = self.stage.start(headstart, threads)?;
        let mut request = self.request(network);
        request["batch"] = json!(BATCH_OF_EXTRACTION);
        let mut rate = |seconds: f64| -> anyhow::Result<f64> {
            request["seconds"] = json!(seconds);
            let times = server.times(&request)?;
            Ok(BATCH_OF_EXTRACTION as f64 / median(&times).context("expected times")?)
        };
        // The first call loads the network.
        rate(0.0)?;
        let (mut rates, mut memory, mut shares) = (vec![], vec![], vec![]);
        for _ in 0..RUNS {
            let before = rate(1.0)?;
            let run = process::run(&mut extract())?;
            let kernels = f64::midpoint(before, rate(1.0)?);
            rates.push(self.plan.jpegs as f64 / run.seconds);
            shares.push(self.plan.jpegs as f64 / run.seconds / kernels);
            memory.extend(run.peak_megabytes);
        }
        let mut train = program("train");
        train.arg("--train").arg(&features).arg("--output").arg(&head).args(["--epochs", "1"]);
        told(&mut train)?;
        let image = first_image(&self.stage.folder.join("one/even"))?;
        let (mut seconds, mut memory_of_one) = (vec![], vec![]);
        for _ in 0..2 * RUNS {
            let mut predict = program("predict");
            predict.arg(&head).arg(&image);
            let run = process::run(&mut predict)?;
            seconds.push(run.seconds);
            memory_of_one.extend(run.peak_megabytes);
        }
        let mut push = |what: &str, unit, better, figures| {
            let mut rounds = vec![vec![]; self.contestants];
            rounds[0] = figures;
            self.rows.push(Row { what: format!("{SHIPPED}: {what}"), unit, better, threads, rounds });
        };
        push("extract folder of JPEGs from process start", "images/s", Better::Higher, rates);
        push("the same as a share of the kernels' rate", "share", Better::Higher, shares);
        push("peak memory, folder of JPEGs", "MB", Better::Lower, memory);
        push("predict one JPEG from process start", "s", Better::Lower, seconds);
        push("peak memory, predict one JPEG", "MB", Better::Lower, memory_of_one);
        Ok(())
    }
}

/// Runs a program that need not be timed.
fn told(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("starting headstart")?;
    if !output.status.success() {
        bail!("headstart failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn first_image(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut images = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    Ok(images.next().context("expected an image")??.path())
}
