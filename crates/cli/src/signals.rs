//! Ctrl-C and SIGTERM: the first asks a command to end after the batch at hand, the second ends it at once.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::outcome::Outcome;
use crate::output::note;

/// A second signal that comes sooner is the first one's echo: `timeout`, for one, signals a process and then its whole
/// group.
const ECHO: Duration = Duration::from_millis(300);

/// How often the listener looks whether a signal has come. Windows has no call that waits for one.
const LOOK: Duration = Duration::from_millis(20);

/// Listens for the signals from when it is made to the end of the process.
pub(crate) struct Signals {
    /// The exit code that the first signal asks for, or 0.
    exit_code: Arc<AtomicU8>,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Self::listen_and(|| {})
    }

    /// Calls a function at the first signal, on a thread of its own.
    pub(crate) fn listen_and(at_first: impl Fn() + Send + 'static) -> anyhow::Result<Self> {
        let exit_code = Arc::new(AtomicU8::new(0));
        let signals = signals().context("listening for signals")?;
        let first_code = Arc::clone(&exit_code);
        let listener = thread::Builder::new().name("headstart-signals".to_owned());
        let spawned = listener.spawn(move || {
            let mut first = None;
            for signal in signals {
                // As shells have it: 130 for Ctrl-C, 143 for SIGTERM.
                let code = 128 + signal as u8;
                match first {
                    None => {
                        first = Some(Instant::now());
                        first_code.store(code, Ordering::Relaxed);
                        at_first();
                    }
                    Some(first) if first.elapsed() < ECHO => {}
                    Some(_) => std::process::exit(code.into()),
                }
            }
        });
        spawned.context("listening for signals")?;
        Ok(Self { exit_code })
    }

    /// The exit code that a signal asked for, if there was one.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        Some(self.exit_code.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }

    /// How a job ended that a signal asked to end: says what is kept, and gives the signal's exit code.
    pub(crate) fn ended(&self, message: &dyn Display) -> Outcome {
        note!("{message}");
        // Without a signal something else ended it, which counts as Ctrl-C.
        Outcome::Interrupted(self.exit_code().unwrap_or(128 + SIGINT as u8))
    }
}

/// SIGINT and SIGTERM as they come, for ever.
fn signals() -> io::Result<impl Iterator<Item = i32>> {
    let asked = [SIGINT, SIGTERM].map(|signal| (signal, Arc::new(AtomicBool::new(false))));
    for (signal, flag) in &asked {
        signal_hook::flag::register(*signal, Arc::clone(flag))?;
    }
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some((signal, _)) = asked.iter().find(|(_, flag)| flag.swap(false, Ordering::Relaxed)) {
                return Some(*signal);
            }
            thread::sleep(LOOK);
        }
    }))
}
