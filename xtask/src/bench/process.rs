//! A program from its start to its exit: how long it took, and how much memory it had at most.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What a run of a program took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Wall time from start to exit.
    pub(crate) seconds: f64,
    /// The most resident memory, in MB; none on systems other than Linux.
    pub(crate) peak_megabytes: Option<f64>,
}

/// How often the memory of a running program is read: every 2 ms at first, then in twentieths of the time so far, because each
/// look takes time from the program. The system keeps the peak, so only a peak in the last moments can be missed.
const LOOKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// Runs a program and ignores its output.
///
/// # Errors
/// The program can't be started, or fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let (id, ended) = (child.id(), AtomicBool::new(false));
    let (status, seconds, peak_megabytes) = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut highest = None;
            while !ended.load(Ordering::Relaxed) {
                highest = peak(id).or(highest);
                thread::sleep((started.elapsed() / 20).clamp(LOOKS[0], LOOKS[1]));
            }
            highest
        });
        let status = child.wait();
        let seconds = started.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, looking.join().unwrap_or_default())
    });
    let status = status.context("waiting for a program")?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(Run { seconds, peak_megabytes })
}

fn peak(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    peak_of_status(&status)
}

/// The peak in /proc/PID/status of Linux, `VmHWM: 1234 kB`. A program that has ended has none.
fn peak_of_status(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(peak_of_status("Name:\tx\nVmHWM:\t    1000 kB\nVmRSS:\t 10 kB\n"), Some(1.024));
        assert_eq!(peak_of_status("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_program_is_timed_and_its_failure_told() {
        let cargo = |argument: &str| {
            let mut command = crate::cargo(&crate::workspace_root().unwrap());
            command.arg(argument);
            command
        };
        let done = run(&mut cargo("--version")).unwrap();
        assert!(done.seconds > 0.0);
        assert_eq!(done.peak_megabytes.is_some(), cfg!(target_os = "linux"));
        assert!(run(&mut cargo("no-such-command")).is_err());
    }
}
