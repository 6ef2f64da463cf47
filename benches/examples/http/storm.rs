//! Good requests among bad ones.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Images;
use crate::client::Client;

/// Bytes of a huge request, beyond what a server takes by default.
const HUGE: usize = 40 << 20;

/// How often the memory is told.
const TOLD: Duration = Duration::from_secs(15);

/// What came of the requests, by kind and status.
type Counts = Mutex<BTreeMap<(&'static str, String), usize>>;

/// Sends requests of all kinds for some time. Fails if a good one is lost or is answered in another way than before.
pub(crate) fn run(
    address: &str,
    clients: usize,
    time: Duration,
    process: u32,
    images: &Images,
) -> Result<(), Box<dyn Error>> {
    let mut client = Client::new(address);
    let expected = images.iter().map(|image| client.predict(image)).collect::<Result<Vec<_>, _>>()?;
    if let Some((status, _)) = expected.iter().find(|(status, _)| *status != 200) {
        return Err(format!("expected images that are answered, found status {status}").into());
    }
    let (counts, stop, start) = (Counts::default(), AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        for number in 0..clients {
            let (counts, stop, expected) = (&counts, &stop, &expected);
            scope.spawn(move || {
                let mut client = Client::new(address);
                let mut turn = number;
                while !stop.load(Ordering::Relaxed) {
                    turn += 1;
                    let (kind, came) = one(address, &mut client, number, turn, images, expected);
                    *counts
                        .lock()
                        .unwrap_or_else(|lost| lost.into_inner())
                        .entry((kind, came))
                        .or_default() += 1;
                }
            });
        }
        while start.elapsed() < time {
            println!("{:4.0} s  {:6} kB", start.elapsed().as_secs_f64(), memory(process).unwrap_or(0));
            thread::sleep(TOLD.min(time.saturating_sub(start.elapsed())));
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{:4.0} s  {:6} kB", start.elapsed().as_secs_f64(), memory(process).unwrap_or(0));
    let counts = counts.into_inner().unwrap_or_default();
    let mut lost = 0;
    for ((kind, came), count) in &counts {
        println!("{kind:10} {came:30} {count}");
        // A server that is full may say so.
        lost += if ["good", "slow"].contains(kind) && came != "right" && came != "503" { *count } else { 0 };
    }
    if lost > 0 { Err(format!("{lost} good requests have no good answer").into()) } else { Ok(()) }
}

/// One request: of eight clients, four send good images, one sends them slowly, and one each broken, huge and aborted requests.
fn one(
    address: &str,
    client: &mut Client,
    number: usize,
    turn: usize,
    images: &Images,
    expected: &[(u16, Vec<u8>)],
) -> (&'static str, String) {
    let image = &images[turn % images.len()];
    let told = |answer: std::io::Result<(u16, Vec<u8>)>| match answer {
        Ok((status, _)) => status.to_string(),
        Err(error) => format!("{:?}", error.kind()),
    };
    let judged = |answer: std::io::Result<(u16, Vec<u8>)>| match answer {
        Ok((200, body)) if body == expected[turn % images.len()].1 => "right".to_owned(),
        Ok((200, _)) => "another answer".to_owned(),
        other => told(other),
    };
    match number % 8 {
        4 => {
            let kept = image.len() * (1 + turn % 7) / 9;
            let mut broken = image[..kept].to_vec();
            broken[turn % kept] ^= 0x55;
            ("broken", told(client.predict(&broken)))
        }
        5 => {
            let answer =
                client.predict(&vec![turn as u8; if turn.is_multiple_of(2) { HUGE } else { HUGE / 2 }]);
            thread::sleep(Duration::from_millis(500));
            ("huge", told(answer))
        }
        6 => {
            let pause = Duration::from_millis(1 + 1000 * (turn % 4) as u64);
            ("slow", judged(client.predict_slowly(image, pause)))
        }
        7 => {
            let Ok(mut stream) = Client::connect(address) else { return ("aborted", "refused".to_owned()) };
            let head = Client::head(image.len());
            let sent = if turn.is_multiple_of(2) { image.len() } else { image.len() / 3 };
            let _ = stream.write_all(&[head.as_bytes(), &image[..sent]].concat());
            thread::sleep(Duration::from_millis((turn % 40) as u64));
            drop(stream);
            ("aborted", "gone".to_owned())
        }
        _ => ("good", judged(client.predict(image))),
    }
}

/// The memory of a process in kB, as Linux tells it.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
