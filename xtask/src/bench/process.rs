//! A program from its start to its exit: how long it took, and how much memory it had at most.

use std::fs;
use std::process::{Child, Command, Stdio};
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

/// How often the memory of a running program is read. The system keeps the peak, so only a peak in the last moments can be
/// missed. The time is accurate to this interval.
const LOOK: Duration = Duration::from_millis(2);

/// Runs a program and ignores its output.
///
/// # Errors
/// The program can't be started, or fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak_megabytes = None;
    let status = loop {
        peak_megabytes = peak(&child).or(peak_megabytes);
        if let Some(status) = child.try_wait().context("waiting for a program")? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    if !status.success() {
        bail!("{status}");
    }
    Ok(Run { seconds: started.elapsed().as_secs_f64(), peak_megabytes })
}

fn peak(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
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
