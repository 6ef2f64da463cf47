//! Prints how long each layer of a network takes, and the whole network, the shortest of five times: `layers WEIGHTS [DEVICE]
//! [IMAGES] [SIDE] [PRECISION]`, where the device is `cpu` or the number of a GPU, and the precision `f32` or `tf32`.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use headstart_backbone::{Architecture, Precision};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |at: usize, default: &str| arguments.get(at).map_or(default, |text| text).to_owned();
    let weights = argument(0, "data/weights/vgg16_weights.h5");
    let device = match argument(1, "cpu").as_str() {
        "cpu" => Device::Cpu,
        ordinal => Device::new_cuda(ordinal.parse()?)?,
    };
    let (count, side) = (argument(2, "16").parse::<usize>()?, argument(3, "224").parse::<usize>()?);
    let architecture = Architecture::of_file(Path::new(&weights))?;
    let precision = if argument(4, "f32") == "tf32" { Precision::Tf32 } else { Precision::F32 };
    let engine = architecture.suited_engine(&device, count).with_precision(precision)?;
    let (network, _) = architecture.load(Path::new(&weights), &Default::default(), &device, engine)?;
    let shape = [count, 3, side, side];
    let images: Vec<f32> = (0..count * 3 * side * side).map(|at| (at as f32 * 0.37).sin()).collect();
    let mut features = vec![0.0; count * architecture.feature_shape(side, side)?.iter().product::<usize>()];
    network.forward_slice(&images, shape, &mut features)?;
    let mut whole = f64::INFINITY;
    for _ in 0..5 {
        let started = Instant::now();
        network.forward_slice(&images, shape, &mut features)?;
        whole = whole.min(started.elapsed().as_secs_f64());
    }
    let tensor = candle_core::Tensor::from_slice(&images, &shape, network.device())?;
    network.profile(&tensor)?;
    println!("{architecture}, {count} images of {side} x {side}, {}", engine.describe(&device)?);
    for layer in network.profile(&tensor)? {
        let rate = layer.direct_multiply_adds * 2.0 / layer.seconds / 1e9;
        println!("{:30} {:20} {:8.3} ms {rate:8.0} GFLOP/s", layer.name, layer.method, layer.seconds * 1e3);
    }
    println!("copied and computed: {:.3} ms, {:.0} images/s", whole * 1e3, count as f64 / whole);
    Ok(())
}
