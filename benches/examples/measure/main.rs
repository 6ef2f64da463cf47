//! The Rust side of `cargo xtask bench`, which starts it:
//!
//! - `measure inputs FOLDER JPEGS` writes what all contestants are measured on ([`inputs`]);
//! - `measure serve kernels|candle FOLDER WEIGHTS` measures our kernels, or candle's own ops, as it is asked on its standard
//!   input ([`serve`]).
//!
//! Threads are rayon's, and candle's, from the variable RAYON_NUM_THREADS.
#![allow(clippy::print_stdout, reason = "answers go to whoever asks")]

mod candle_head;
mod inputs;
mod serve;

use std::error::Error;
use std::path::Path;

use headstart_backbone::Engine;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["inputs", folder, jpegs] => inputs::write(Path::new(folder), jpegs.parse()?),
        ["serve", "kernels", folder, weights] => {
            serve::run(Engine::Kernels, Path::new(folder), Path::new(weights))
        }
        ["serve", "candle", folder, weights] => {
            serve::run(Engine::Candle, Path::new(folder), Path::new(weights))
        }
        _ => {
            Err("expected: inputs FOLDER JPEGS, serve kernels FOLDER WEIGHTS or serve candle FOLDER WEIGHTS"
                .into())
        }
    }
}
