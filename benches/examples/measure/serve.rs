//! Answers requests, one line of JSON each, as benches/README.md documents them.

use std::error::Error;
use std::fs;
use std::io::{BufRead, stdin};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use headstart_backbone::{Architecture, Backbone, Engine, LayerTime, Strategy};
use headstart_head::{Head, InMemory, Labelled, LayerConfig, TrainOptions, TrainingEvent, train};
use headstart_kernels::{Path as KernelPath, peak};
use headstart_provenance::Pooling;
use headstart_weights::{LayerParameters, LoadOptions, load_layers};
use serde_json::{Value, json};

use crate::candle_head::CandleHead;
use crate::inputs::{COLUMNS, ROWS, read_f32, write_f32};
use crate::reference;

type Answer = Result<Value, Box<dyn Error>>;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// Our kernels and head.
    Kernels,
    /// candle's own ops.
    Candle,
    /// The seven loops in f64, for errors alone.
    Reference,
}

struct Server {
    contestant: Contestant,
    parameters: Vec<LayerParameters>,
    engine: Engine,
    vgg: Box<dyn Backbone>,
    /// Another network with its file, if one was asked for: the last one.
    network: Option<(PathBuf, Box<dyn Backbone>)>,
    folder: PathBuf,
}

pub(crate) fn run(contestant: Contestant, folder: &Path, weights: &Path) -> Result<(), Box<dyn Error>> {
    let vgg16: Architecture = "vgg16".parse()?;
    let parameters = load_layers(weights, &vgg16.slots(), &LoadOptions::default())?.layers;
    let engine = if contestant == Contestant::Kernels {
        Engine::Kernels(Strategy::Throughput)
    } else {
        Engine::Candle
    };
    let vgg = vgg16.build(&parameters, &Device::Cpu, engine)?;
    let mut server = Server { contestant, parameters, engine, vgg, network: None, folder: folder.to_owned() };
    let (version, settings) = match contestant {
        Contestant::Kernels => (env!("CARGO_PKG_VERSION"), format!("f32, {}", KernelPath::detect()?)),
        Contestant::Candle => (candle_version(), "f32, its own conv2d, relu and max_pool2d".to_owned()),
        Contestant::Reference => (env!("CARGO_PKG_VERSION"), "f64".to_owned()),
    };
    println!("{}", json!({ "version": version, "settings": settings }));
    for line in stdin().lock().lines() {
        let answer = server.answer(&serde_json::from_str(&line?)?);
        println!("{}", answer.unwrap_or_else(|error| json!({ "error": error.to_string() })));
    }
    Ok(())
}

/// candle tells its version nowhere; it is the one that Cargo.lock pins.
fn candle_version() -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let version = lock.split_once("name = \"candle-core\"\nversion = \"").map(|(_, rest)| rest);
    version.and_then(|rest| rest.split('"').next()).unwrap_or("unknown")
}

impl Server {
    fn answer(&mut self, request: &Value) -> Answer {
        let seconds = request["seconds"].as_f64().unwrap_or(0.0);
        if let Some(network) = request["network"].as_str() {
            self.load(network)?;
        }
        match request["do"].as_str() {
            Some("base") if request["network"].is_string() => self.pooled(request, seconds),
            Some("base") => self.base(request, seconds),
            Some("head") => self.head(seconds),
            Some("layers") => self.layers(request, seconds),
            Some("peak") => {
                let gflops = peak::gflops(KernelPath::detect()?, Duration::from_secs_f64(seconds))?;
                Ok(json!({ "gflops": gflops }))
            }
            _ => Err(format!("unknown request {request}").into()),
        }
    }

    /// Loads a network from its file, whose path comes without its ending.
    fn load(&mut self, network: &str) -> Result<(), Box<dyn Error>> {
        let file = PathBuf::from(format!("{network}.safetensors"));
        if self.contestant == Contestant::Reference {
            return Err("computes no network but VGG16".into());
        }
        if self.network.as_ref().is_none_or(|(loaded, _)| *loaded != file) {
            let name = Path::new(network).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let architecture: Architecture = name.parse()?;
            let options = LoadOptions::default();
            let (loaded, _) = architecture.load(&*file, &options, &Device::Cpu, self.engine)?;
            self.network = Some((file, loaded));
        }
        Ok(())
    }

    /// The images that a request names.
    fn images(&self, request: &Value) -> Result<Tensor, Box<dyn Error>> {
        let preset = request["preset"].as_str().ok_or("expected a preset")?;
        let number = |name: &str| request[name].as_u64().ok_or_else(|| format!("expected a number {name}"));
        let (side, batch) = (number("side")? as usize, number("batch")? as usize);
        let path = self.folder.join(format!("{preset}_{side}.f32"));
        let (first, image) = (request["first"].as_u64().unwrap_or(0) as usize, 3 * side * side);
        let pixels = read_f32(&path, first * image, batch * image)?;
        Ok(Tensor::from_vec(pixels, (batch, 3, side, side), &Device::Cpu)?)
    }

    fn base(&self, request: &Value, seconds: f64) -> Answer {
        let images = self.images(request)?;
        let Some(output) = request["output"].as_str().map(Path::new) else {
            if self.contestant == Contestant::Reference {
                return Err("is not timed".into());
            }
            let times = repeat(seconds, || Ok(self.vgg.forward(&images).map(drop)?))?;
            return Ok(json!({ "seconds": times }));
        };
        if self.contestant == Contestant::Reference {
            let side = images.dim(2)?;
            let images: Vec<f32> = images.flatten_all()?.to_vec1()?;
            let images = images.chunks_exact(3 * side * side);
            let values = images.flat_map(|pixels| reference::features(&self.parameters, pixels, side));
            fs::write(output, values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>())?;
        } else {
            write_f32(output, &self.vgg.forward(&images)?.flatten_all()?.to_vec1()?)?;
        }
        Ok(json!({}))
    }

    /// The means of the last maps of a network.
    fn pooled(&self, request: &Value, seconds: f64) -> Answer {
        let (_, network) = self.network.as_ref().ok_or("expected a network")?;
        let images = self.images(request)?;
        let (count, channels, height, width) = images.dims4()?;
        let [values, _, _] = network.architecture().feature_shape(height, width)?;
        let (images, shape) = (images.flatten_all()?.to_vec1()?, [count, channels, height, width]);
        let mut features = vec![0.0; count * values];
        let mut forward = || Ok(network.forward_pooled(&images, shape, Pooling::Average, &mut features)?);
        if let Some(output) = request["output"].as_str() {
            forward()?;
            write_f32(Path::new(output), &features)?;
            return Ok(json!({}));
        }
        Ok(json!({ "seconds": repeat(seconds, forward)? }))
    }

    fn head(&self, seconds: f64) -> Answer {
        let rows = read_f32(&self.folder.join("head.f32"), 0, ROWS * COLUMNS)?;
        let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % 2).collect();
        let times = match self.contestant {
            Contestant::Kernels => {
                let samples = InMemory::new(&rows, &[COLUMNS])?;
                let training = Labelled { samples: &samples, labels: &labels };
                let mut options = TrainOptions::default();
                options.epochs = 1;
                let mut head = Head::new(&LayerConfig::default_head(), &[COLUMNS], 1, &Device::Cpu)?;
                let mut go_on = |_: TrainingEvent<'_>| ControlFlow::Continue(());
                repeat(seconds, || Ok(train(&mut head, training, None, &options, &mut go_on).map(drop)?))?
            }
            Contestant::Candle => {
                let rows = Tensor::from_vec(rows, (ROWS, COLUMNS), &Device::Cpu)?;
                let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
                let labels = Tensor::from_vec(labels, (ROWS, 1), &Device::Cpu)?;
                let mut head = CandleHead::new(COLUMNS)?;
                repeat(seconds, || Ok(head.epoch(&rows, &labels)?))?
            }
            Contestant::Reference => return Err("has no head".into()),
        };
        Ok(json!({ "seconds": times }))
    }

    /// The layers of the pass that was the fastest in all.
    fn layers(&self, request: &Value, seconds: f64) -> Answer {
        let images = self.images(request)?;
        let network = match &self.network {
            Some((_, network)) if request["network"].is_string() => network,
            _ => &self.vgg,
        };
        let mut passes = Vec::new();
        repeat(seconds, || {
            passes.push(network.profile(&images)?);
            Ok(())
        })?;
        let total = |pass: &[LayerTime]| pass.iter().map(|layer| layer.seconds).sum::<f64>();
        let fastest = passes.into_iter().min_by(|a, b| total(a).total_cmp(&total(b))).unwrap_or_default();
        let layers = fastest.iter().map(|layer| {
            json!({
                "name": layer.name,
                "method": layer.method,
                "seconds": layer.seconds,
                "multiply_adds": layer.multiply_adds,
                "direct_multiply_adds": layer.direct_multiply_adds,
            })
        });
        Ok(json!({ "layers": layers.collect::<Vec<_>>() }))
    }
}

/// Seconds of each call: as many calls as begin before so much time has passed, at least one.
fn repeat(
    seconds: f64,
    mut call: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || begin.elapsed().as_secs_f64() < seconds {
        let started = Instant::now();
        call()?;
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}
