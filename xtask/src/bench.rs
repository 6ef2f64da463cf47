//! `cargo xtask bench`: headstart beside candle and the rivals that are installed, on one machine in one run.

mod accuracy;
mod contestant;
mod errors;
mod machine;
mod networks;
mod plan;
mod process;
mod report;
mod rounds;
mod row;
mod table;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::json;

use crate::build;
use crate::flags::Bench;
use contestant::{Contestant, Server, Stage};
use machine::Machine;
use plan::{Kind, Plan};
use report::{Layers, Peaks, Present, Report};
use row::{Better, Row};

/// The start of the names of all rows of the convolutional base.
const BASE: &str = "conv base";

/// Measures, prints the table, and keeps it.
///
/// # Errors
/// A build fails, headstart can't be measured, or files can't be written. A missing rival is only reported.
pub(crate) fn run(flags: &Bench) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let plan = Plan::new(flags)?;
    let chosen = contestant::chosen(flags.only.as_deref())?;
    let root = crate::workspace_root()?;
    let stage = stage(&root, flags, &plan)?;
    let mut run = Run { stage, plan, contestants: 0, rows: vec![], peaks: vec![], layers: vec![] };

    let threads = run.plan.most_threads();
    let mut servers = Vec::new();
    let mut left_out = Vec::new();
    for contestant in chosen {
        match run.stage.start(contestant, threads) {
            Ok(server) => servers.push(server),
            Err(error) if servers.is_empty() => return Err(error).context("starting headstart"),
            Err(error) => {
                eprintln!("left out: {}: {error:#}", contestant.name);
                left_out.push((contestant.name, format!("{error:#}")));
            }
        }
    }
    let present = servers.iter().map(|server| Present {
        name: server.contestant.name,
        version: server.version.clone(),
        settings: server.settings.clone(),
    });
    let present: Vec<Present> = present.collect();
    let contestants: Vec<Contestant> = servers.iter().map(|server| server.contestant).collect();
    run.contestants = contestants.len();

    if let Err(error) = run.stage.make_networks(&run.plan.networks, threads) {
        eprintln!("left out: networks: {error:#}");
        left_out.push(("networks", format!("{error:#}")));
        run.plan.networks.clear();
        run.plan.network_layers.clear();
    }

    let timed = run.plan.kind != Kind::Accuracy;
    if timed {
        run.base(&mut servers, threads)?;
        if run.plan.vgg16 {
            run.head(&mut servers, threads);
        }
        run.layers(&mut servers[0])?;
        run.networks(&mut servers, threads)?;
        run.network_layers(&mut servers[0])?;
    }
    let mut reference = run.reference(threads)?;
    run.errors(&mut servers, &mut reference, threads)?;
    run.network_errors(&mut servers, &mut reference, threads)?;
    let reference = format!("{} {}", reference.contestant.name, reference.version);
    drop(servers);
    for &threads in run.plan.threads.clone().iter().rev().skip(1) {
        let start = |&contestant| run.stage.start(contestant, threads);
        let mut servers = contestants.iter().map(start).collect::<Result<Vec<_>, _>>()?;
        run.base(&mut servers, threads)?;
        run.networks(&mut servers, threads)?;
    }
    if timed && run.plan.vgg16 {
        run.processes(&contestants, threads);
    }
    if !run.plan.networks.is_empty() {
        run.network_processes(contestants[0], threads)?;
    }

    let Run { mut rows, peaks, layers, plan, .. } = run;
    // The rows that most readers look for come first, for any number of threads.
    rows.sort_by_key(|row| (!row.what.starts_with(BASE), !row.what.contains(", batch ")));
    let (machine, kind, seconds) = (Machine::here(&root), plan.kind, started.elapsed().as_secs_f64());
    let report = Report { machine, kind, seconds, present, left_out, reference, rows, peaks, layers };
    let folder = flags.out.clone().unwrap_or_else(|| root.join("benches/runs"));
    keep(&report, &folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the programs and makes the inputs.
fn stage(root: &Path, flags: &Bench, plan: &Plan) -> anyhow::Result<Stage> {
    let folder = root.join("runs/bench");
    // It may hold models from other versions of the rivals.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    // One build for both: two builds would compile candle twice, with different features.
    let both =
        ["-p", "headstart-cli", "-p", "headstart-benches", "--bin", "headstart", "--example", "measure"];
    let [headstart, measure] = build::executables(root, &both, ["headstart", "measure"])?;
    let inputs = |what: &str, number: usize| -> anyhow::Result<()> {
        let status = Command::new(&measure).arg(what).arg(&folder).arg(number.to_string()).status()?;
        if status.success() { Ok(()) } else { bail!("making the {what} failed: {status}") }
    };
    if plan.kind == Kind::Accuracy {
        plan.sides_for_error.iter().try_for_each(|&side| inputs("images", side))?;
    } else {
        inputs("inputs", plan.jpegs)?;
    }
    let python = flags.python.clone().unwrap_or_else(|| "python3".into());
    let networks = root.join("runs/networks");
    Ok(Stage { root: root.to_path_buf(), folder, networks, measure, headstart, python })
}

/// A run in progress.
struct Run {
    stage: Stage,
    plan: Plan,
    /// How many take part.
    contestants: usize,
    rows: Vec<Row>,
    peaks: Vec<Peaks>,
    layers: Vec<Layers>,
}

impl Run {
    /// The convolutional base, and the FMA peak before, between and after.
    fn base(&mut self, servers: &mut [Server], threads: usize) -> anyhow::Result<()> {
        if !self.plan.vgg16 {
            return Ok(());
        }
        self.peak(&mut servers[0], threads)?;
        for (side, batch) in self.plan.shapes.clone() {
            eprintln!("{BASE} {side} x {side}, batch {batch}, {}", table::threads(threads));
            let mut rounds = rounds::interleaved(servers.len(), self.plan.pace, |contestant, seconds| {
                servers[contestant].times(&json!({
                    "do": "base", "preset": "blog", "side": side, "batch": batch, "seconds": seconds,
                }))
            });
            rounds.iter_mut().flatten().for_each(|seconds| *seconds = batch as f64 / *seconds);
            let what = format!("{BASE} {side} x {side}, batch {batch}");
            self.rows.push(Row { what, unit: "images/s", better: Better::Higher, threads, rounds });
            self.peak(&mut servers[0], threads)?;
        }
        Ok(())
    }

    /// The FMA peak of the contestant's threads in GFLOP/s.
    fn peak(&mut self, headstart: &mut Server, threads: usize) -> anyhow::Result<()> {
        let answer = headstart.ask(&json!({ "do": "peak", "seconds": 0.1 }))?;
        let gflops = answer["gflops"].as_f64().context("expected gflops")?;
        match self.peaks.iter_mut().find(|peaks| peaks.threads == threads) {
            Some(peaks) => peaks.gflops.push(gflops),
            None => self.peaks.push(Peaks { threads, gflops: vec![gflops] }),
        }
        Ok(())
    }

    fn head(&mut self, servers: &mut [Server], threads: usize) {
        eprintln!("head, {}", table::threads(threads));
        let request = |seconds: f64| json!({ "do": "head", "seconds": seconds });
        // Most rivals have no head. Their first answer says so.
        let rounds = rounds::interleaved(servers.len(), self.plan.pace, |contestant, seconds| {
            servers[contestant].times(&request(seconds))
        });
        let what = "head, epoch of 2000 x 8192".to_owned();
        self.rows.push(Row { what, unit: "s", better: Better::Lower, threads, rounds });
    }

    fn layers(&mut self, headstart: &mut Server) -> anyhow::Result<()> {
        if !self.plan.vgg16 {
            return Ok(());
        }
        for &(side, batch) in &self.plan.layers {
            let seconds = 2.0 * self.plan.pace.slice;
            let request = json!({
                "do": "layers", "preset": "blog", "side": side, "batch": batch, "seconds": seconds,
            });
            let answer = headstart.ask(&request)?;
            let layers = answer["layers"].as_array().cloned().context("expected layers")?;
            self.layers.push(Layers { network: BASE, side, batch, layers });
        }
        Ok(())
    }

    /// Whole processes from start to exit: one image, and a folder of images.
    fn processes(&mut self, contestants: &[Contestant], threads: usize) {
        let jpegs = self.plan.jpegs as f64;
        for (name, folder) in [("one JPEG", "one"), ("folder of JPEGs", "folder")] {
            eprintln!("extraction, {name}");
            let mut seconds = vec![Vec::new(); contestants.len()];
            let mut memory = seconds.clone();
            let images = self.stage.folder.join(folder);
            // Noise matters less in a long run, so it needs no repetition.
            let runs = if folder == "one" { self.plan.runs } else { self.plan.runs.min(2) };
            for round in 0..runs {
                for index in rounds::order(contestants.len(), round) {
                    let Some(mut command) = self.stage.extract(contestants[index], threads, &images) else {
                        continue;
                    };
                    match process::run(&mut command) {
                        Ok(run) => {
                            seconds[index].push(run.seconds);
                            memory[index].extend(run.peak_megabytes);
                        }
                        Err(error) => eprintln!("not measured: {}: {error:#}", contestants[index].name),
                    }
                }
            }
            let mut push = |what: String, unit, better, rounds| {
                self.rows.push(Row { what, unit, better, threads, rounds });
            };
            if folder == "one" {
                push(format!("extract {name} from process start"), "s", Better::Lower, seconds);
            } else {
                seconds.iter_mut().flatten().for_each(|seconds| *seconds = jpegs / *seconds);
                push(format!("extract {name} from process start"), "images/s", Better::Higher, seconds);
            }
            push(format!("peak memory, {name}"), "MB", Better::Lower, memory);
        }
    }
}

/// Prints the table and keeps it with its record, under a new name.
fn keep(report: &Report, folder: &Path) -> anyhow::Result<()> {
    let text = report.markdown();
    println!("{text}");
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let word = report.kind.word().map(|word| format!("-{word}"));
    let name = report.machine.slug() + &word.unwrap_or_default();
    let names = (1..).map(|run| if run == 1 { name.clone() } else { format!("{name}-{run}") });
    let file = |name: &str, extension: &str| folder.join(format!("{name}.{extension}"));
    let mut free = names.filter(|name| !file(name, "json").exists() && !file(name, "md").exists());
    let name = free.next().context("no name is left")?;
    fs::write(file(&name, "md"), text)?;
    fs::write(file(&name, "json"), format!("{:#}\n", report.record()))?;
    eprintln!("kept as {}", file(&name, "md").display());
    Ok(())
}
