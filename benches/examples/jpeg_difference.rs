//! How far headstart-dataset's JPEG decoding is from Pillow's, over the shipped images: the figures in the docs of `decode`.
//!
//! Takes the folder of pixels that `tests/golden/decode/dump_jpegs.py` writes.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use headstart_benches::data;
use headstart_dataset::{Limits, ScanOptions, decode, scan};

fn main() -> Result<(), Box<dyn Error>> {
    let dump = PathBuf::from(std::env::args_os().nth(1).ok_or("expected the folder of Pillow's pixels")?);
    for part in ["train", "validation"] {
        let dataset = scan(&data(part), &ScanOptions::default())?;
        // How many values differ by each number of levels.
        let mut counts = [0_u64; 256];
        for sample in &dataset.samples {
            let ours = decode(&fs::read(dataset.path_of(sample))?, &Limits::default())?;
            let pillows = fs::read(dump.join(part).join(&sample.path).with_extension("rgb"))?;
            if ours.as_raw().len() != pillows.len() {
                return Err(format!("{}: the sizes differ", sample.path).into());
            }
            for (ours, pillows) in ours.as_raw().iter().zip(&pillows) {
                counts[usize::from(ours.abs_diff(*pillows))] += 1;
            }
        }
        let values = counts.iter().sum::<u64>() as f64;
        let mean = (0_u64..).zip(&counts).map(|(levels, count)| levels * count).sum::<u64>() as f64 / values;
        let largest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        let equal = 100.0 * counts[0] as f64 / values;
        let near = 100.0 * counts[..=2].iter().sum::<u64>() as f64 / values;
        println!(
            "{part}: {} images, largest {largest}, mean {mean:.4}, equal {equal:.2} %, within 2 levels {near:.2} %",
            dataset.samples.len()
        );
    }
    Ok(())
}
