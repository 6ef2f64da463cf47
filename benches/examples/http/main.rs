//! Clients for a server of predictions: how much it answers, and whether it bears clients that behave badly.
//!
//! ```text
//! cargo run --release -p headstart-benches --example http -- rate  HOST:PORT CLIENTS SECONDS IMAGE...
//! cargo run --release -p headstart-benches --example http -- storm HOST:PORT CLIENTS SECONDS PID IMAGE...
//! ```
//!
//! `rate` keeps a number of clients busy, each with one image after another on a connection of its own, and prints requests a
//! second and the times that they take as JSON. `storm` sends good images among broken, huge, slow and aborted requests, checks
//! each good answer against the first one of its image, and prints the memory of the process PID over time.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

mod client;
mod storm;

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use self::client::Client;

/// An image with its number.
type Images = Vec<Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage =
        "expected rate HOST:PORT CLIENTS SECONDS IMAGE... or storm HOST:PORT CLIENTS SECONDS PID IMAGE...";
    let [mode, address, clients, seconds, rest @ ..] = arguments.as_slice() else { return Err(usage.into()) };
    let (clients, seconds) = (clients.parse()?, Duration::from_secs_f64(seconds.parse()?));
    match (&**mode, rest) {
        ("rate", paths) if !paths.is_empty() => rate(address, clients, seconds, &read(paths)?),
        ("storm", [process, paths @ ..]) if !paths.is_empty() => {
            storm::run(address, clients, seconds, process.parse()?, &read(paths)?)
        }
        _ => Err(usage.into()),
    }
}

fn read(paths: &[String]) -> Result<Images, Box<dyn Error>> {
    paths.iter().map(|path| Ok(std::fs::read(PathBuf::from(path))?)).collect()
}

/// Requests a second, and how long they take.
fn rate(address: &str, clients: usize, time: Duration, images: &Images) -> Result<(), Box<dyn Error>> {
    let (stop, start) = (AtomicBool::new(false), Instant::now());
    // The first part of the time warms everything up.
    let warm = time.mul_f64(0.15);
    let (mut times, mut failed, mut answered) = (Vec::new(), 0, 0);
    thread::scope(|scope| {
        let work = |number: usize| {
            let stop = &stop;
            move || {
                let (mut times, mut failed, mut answered, mut next) = (Vec::new(), 0, 0, number * 7);
                let mut client = Client::new(address);
                while !stop.load(Ordering::Relaxed) {
                    let sent = Instant::now();
                    next += 1;
                    let answer = client.predict(&images[next % images.len()]);
                    match answer {
                        Ok((200, _)) if start.elapsed() > warm => times.push(sent.elapsed().as_secs_f64()),
                        Ok((200, _)) => {}
                        _ => failed += 1,
                    }
                    answered += 1;
                }
                (times, failed, answered)
            }
        };
        let threads: Vec<_> = (0..clients).map(|number| scope.spawn(work(number))).collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            let (found, lost, all) = thread.join().unwrap_or_default();
            times.extend(found);
            failed += lost;
            answered += all;
        }
    });
    let took = start.elapsed() - warm;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = times.len().saturating_sub(1);
        times.get((times.len() as f64 * share) as usize).or(times.get(last)).map_or(0.0, |time| time * 1e3)
    };
    let rate = times.len() as f64 / took.as_secs_f64();
    println!(
        "{}",
        json!({"clients": clients, "requests_a_second": rate, "p50_ms": at(0.5), "p99_ms": at(0.99),
            "slowest_ms": at(1.0), "requests": times.len(), "answered": answered, "failed": failed})
    );
    Ok(())
}
