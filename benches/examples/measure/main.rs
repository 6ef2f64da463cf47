//! The Rust side of `cargo xtask bench`, which starts it:
//!
//! - `measure inputs FOLDER JPEGS` writes what all contestants are measured on ([`inputs`]);
//! - `measure images FOLDER SIDE` writes all shipped images of one size, for errors alone ([`inputs`]);
//! - `measure serve kernels|candle|reference FOLDER WEIGHTS` measures our kernels, or candle's own ops, or computes exact
//!   features, as it is asked on its standard input ([`serve`]).
//!
//! Threads are rayon's, and candle's, from the variable RAYON_NUM_THREADS.
#![allow(clippy::print_stdout, reason = "answers go to whoever asks")]

mod candle_head;
mod inputs;
mod reference;
mod serve;

use std::error::Error;
use std::path::Path;

use serve::Contestant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["inputs", folder, jpegs] => inputs::write(Path::new(folder), jpegs.parse()?),
        ["images", folder, side] => inputs::write_all_images(Path::new(folder), side.parse()?),
        ["serve", contestant, folder, weights] => {
            let contestant = match contestant {
                "kernels" => Contestant::Kernels,
                "candle" => Contestant::Candle,
                "reference" => Contestant::Reference,
                _ => return Err("expected one of kernels, candle, reference".into()),
            };
            serve::run(contestant, Path::new(folder), Path::new(weights))
        }
        _ => {
            Err("expected: inputs FOLDER JPEGS, images FOLDER SIDE, or serve CONTESTANT FOLDER WEIGHTS"
                .into())
        }
    }
}
