//! Every network on an NVIDIA GPU, held against the CPU; needs the feature `cuda` and a GPU.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
#![allow(clippy::print_stdout, reason = "the distances are of interest")]

mod common;

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor};
use headstart_backbone::{Architecture, Backbone, Engine, Error, Precision};

/// Largest relative L2 distance between features of the CPU and of a GPU. TF32 would be far away.
const TOLERANCE: f64 = 1e-5;

/// The same for TF32, which has 10 bits after the point: about 3e-4 a convolution.
const TF32_TOLERANCE: f64 = 4e-3;

/// The tests take turns: one of them takes all memory.
fn gpu() -> (Device, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (Device::new_cuda(0).unwrap(), turn)
}

fn build(architecture: Architecture, device: &Device) -> Box<dyn Backbone> {
    build_with(architecture, device, Precision::F32)
}

fn build_with(architecture: Architecture, device: &Device, precision: Precision) -> Box<dyn Backbone> {
    let parameters = common::parameters(&architecture.slots());
    let engine = architecture.suited_engine(device, usize::MAX).with_precision(precision).unwrap();
    architecture.build(&parameters, device, engine).unwrap()
}

/// The features of images whose sides are these, one row after the other.
fn features(network: &dyn Backbone, images: &[f32], size: [usize; 2]) -> Vec<f32> {
    computed(network, images, size).unwrap()
}

fn computed(network: &dyn Backbone, images: &[f32], [height, width]: [usize; 2]) -> Result<Vec<f32>, String> {
    let count = images.len() / (3 * height * width);
    let row: usize = network.architecture().feature_shape(height, width).unwrap().iter().product();
    let mut features = vec![f32::NAN; count * row];
    let done = network.forward_slice(images, [count, 3, height, width], &mut features);
    done.map(|()| features).map_err(|error| error.to_string())
}

fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let mut differences = found.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b));
    norm(&mut differences) / norm(&mut expected.iter().map(|value| f64::from(*value)))
}

/// Asserts the distance of each network's features on the GPU from those of the CPU.
fn check_distances(precision: Precision, allowed: Range<f64>) {
    let (device, _turn) = gpu();
    let mut wrong = Vec::new();
    for architecture in Architecture::all() {
        for size in [[64, 64], [75, 50]] {
            let images = common::images(3, size[0], size[1]);
            let expected = features(&*build(architecture, &Device::Cpu), &images, size);
            let found = computed(&*build_with(architecture, &device, precision), &images, size);
            let found = found.map(|found| distance(&found, &expected));
            println!("{architecture} {size:?} in {precision}: {found:?}");
            if !found.as_ref().is_ok_and(|distance| allowed.contains(distance)) {
                wrong.push(format!("{architecture} {size:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn features_are_those_of_the_cpu_within_rounding() {
    check_distances(Precision::F32, 0.0..TOLERANCE);
}

#[test]
fn tf32_is_near_f32_and_tells_itself_apart() {
    check_distances(Precision::Tf32, 1e-5..TF32_TOLERANCE);
    let (device, _turn) = gpu();
    let told = |precision| Engine::Cuda(precision).describe(&device).unwrap();
    assert_ne!(told(Precision::F32), told(Precision::Tf32));
}

/// Asserts that no network's features depend on the images beside.
fn check_batches(precision: Precision) {
    let (device, _turn) = gpu();
    let mut wrong = Vec::new();
    for architecture in Architecture::all() {
        wrong.extend(differing_batch(architecture, &*build_with(architecture, &device, precision)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_row_is_the_same_in_any_batch_and_at_any_place() {
    check_batches(Precision::F32);
}

#[test]
fn a_row_in_tf32_is_the_same_in_any_batch_and_at_any_place() {
    check_batches(Precision::Tf32);
}

/// The first batch of a network in which an image has other features.
fn differing_batch(architecture: Architecture, network: &dyn Backbone) -> Option<String> {
    // The second is more than the GPU is given at once.
    for (size, count) in [([64, 48], 37), ([96, 96], 165)] {
        let values = 3 * size[0] * size[1];
        let images = common::images(count, size[0], size[1]);
        let all = match computed(network, &images, size) {
            Ok(all) => all,
            Err(error) => return Some(format!("{architecture} {size:?}: {error}")),
        };
        let row = all.len() / count;
        for batch in [1, 2, 5, 32] {
            let places = (0..count).step_by(batch).filter(|first| batch > 2 || first % 11 == 0);
            for first in places {
                let end = (first + batch).min(count);
                let found = features(network, &images[first * values..end * values], size);
                if found != all[first * row..end * row] {
                    return Some(format!("{architecture} {size:?}: images {first} to {end}"));
                }
            }
        }
    }
    None
}

#[test]
fn tensors_and_slices_give_the_same() {
    let (device, _turn) = gpu();
    for name in ["vgg11", "resnet18", "mobilenetv3_large"] {
        let network = build(name.parse().unwrap(), &device);
        let images = common::images(4, 64, 64);
        for device in [&device, network.device(), &Device::Cpu] {
            let tensor = Tensor::from_slice(&images, (4, 3, 64, 64), device).unwrap();
            let found = network.forward(&tensor).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(found == features(&*network, &images, [64, 64]), "{name} {device:?}");
        }
        let none = Tensor::zeros((0, 3, 64, 64), DType::F32, network.device()).unwrap();
        assert_eq!(network.forward(&none).unwrap().elem_count(), 0, "{name}");
    }
}

#[test]
fn the_times_of_layers_are_measured() {
    let (device, _turn) = gpu();
    let network = build("resnet18".parse().unwrap(), &device);
    let images = Tensor::zeros((2, 3, 64, 64), DType::F32, network.device()).unwrap();
    let times = network.profile(&images).unwrap();
    assert!(times.len() > 20 && times.iter().all(|time| time.seconds > 0.0));
    assert!(times.iter().any(|time| time.method == "tiles" && time.direct_multiply_adds > 1e6));
}

#[test]
fn a_batch_that_does_not_fit_says_so() {
    let (device, _turn) = gpu();
    let network = build("vgg11".parse().unwrap(), &device);
    let images = common::images(64, 150, 150);
    let mut taken = Vec::new();
    for megabytes in [4096, 256] {
        while let Ok(memory) = Tensor::zeros(megabytes << 20, DType::U8, &device) {
            taken.push(memory);
        }
    }
    let mut rows = vec![0.0; 64 * 512 * 16];
    let error = network.forward_slice(&images, [64, 3, 150, 150], &mut rows).unwrap_err();
    assert!(matches!(error, Error::GpuMemory { images: 64, height: 150, width: 150, .. }), "{error}");
    drop(taken);
    network.forward_slice(&images, [64, 3, 150, 150], &mut rows).unwrap();
}
