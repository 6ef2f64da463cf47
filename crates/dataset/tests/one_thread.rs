//! Batches consumed on rayon's global pool when that has a single thread: a loader that needed it to decode would wait
//! for ever. It is a test binary of its own because a process has one global pool.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a panic is the message; clippy only knows it within #[test] functions"
)]

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use headstart_dataset::{Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, scan};
use rayon::iter::{ParallelBridge, ParallelIterator};

/// Long enough for any machine. Only a loader that waits for ever takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_only_thread_of_the_global_pool_may_consume() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let root = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(root.path().join(class)).unwrap();
        for number in 0..5 {
            fs::write(root.path().join(format!("{class}/{number}.ppm")), b"P6 1 1 255\n123").unwrap();
        }
    }
    let dataset = Arc::new(scan(root.path(), &ScanOptions::default()).unwrap());
    let loader = {
        let dataset = Arc::clone(&dataset);
        move || {
            let options = LoaderOptions::default().with_batch_size(4);
            Loader::new(Arc::clone(&dataset), Preprocessing::preset(Preset::Blog, 1, 2), options).unwrap()
        }
    };

    let (sender, done) = channel();
    rayon::spawn(move || {
        let counted = loader().count();
        let bridged = loader().par_bridge().map(|batch| batch.rows.len()).sum::<usize>();
        let mut dropped = loader();
        dropped.next();
        drop(dropped);
        sender.send((counted, bridged)).unwrap();
    });
    assert_eq!(done.recv_timeout(PATIENCE), Ok((3, 10)));
}
