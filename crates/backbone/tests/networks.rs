//! Every network, on both engines.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use candle_core::{DType, Device, Tensor};
use candle_nn::Module;
use headstart_backbone::{Architecture, Backbone, Engine, Error, ErrorKind, Strategy, Vgg};
use headstart_weights::{Array, LayerParameters, LayerSlot, Parameter};

/// Reproducible values in -1..1 (Numerical Recipes' linear congruential generator).
fn values(count: usize, seed: &mut u32) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Kernels scaled so that maps neither vanish nor explode.
fn parameters(architecture: Architecture) -> Vec<LayerParameters> {
    let mut seed = 17;
    let mut layer = |slot: LayerSlot| {
        let array = |(shape, values): (&[usize], Vec<f32>)| Array { shape: shape.to_vec(), values };
        let (kernel, bias) = (slot.shape(Parameter::Kernel).unwrap(), slot.shape(Parameter::Bias).unwrap());
        let scale = (6.0 / (kernel[1] as f32 * 9.0)).sqrt();
        let kernel_values =
            values(kernel.iter().product(), &mut seed).iter().map(|value| value * scale).collect();
        let bias_values = values(bias[0], &mut seed).iter().map(|value| value * 0.1).collect();
        let (kernel, bias) = (array((kernel, kernel_values)), array((bias, bias_values)));
        LayerParameters::convolution(slot.name, kernel, bias)
    };
    architecture.slots().into_iter().map(&mut layer).collect()
}

fn vgg11() -> Architecture {
    "vgg11".parse().unwrap()
}

/// With the engine that suits many images.
fn built(parameters: &[LayerParameters]) -> Result<Vgg, Box<Error>> {
    let engine = Engine::suited(&Device::Cpu, usize::MAX);
    Vgg::with_engine(vgg11(), parameters, &Device::Cpu, engine).map_err(Box::new)
}

fn images(count: usize, height: usize, width: usize) -> Tensor {
    let shape = (count, 3, height, width);
    Tensor::from_vec(values(count * 3 * height * width, &mut 5), shape, &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_network_gives_the_same_features_on_both_engines() {
    for architecture in Architecture::all() {
        let parameters = parameters(architecture);
        let build = |engine| architecture.build(&parameters, &Device::Cpu, engine).unwrap();
        let (kernels, candle) = (build(Engine::Kernels(Strategy::Throughput)), build(Engine::Candle));
        let images = images(2, 65, 40);
        let (found, expected) = (kernels.forward(&images).unwrap(), candle.forward(&images).unwrap());
        let [channels, height, width] = architecture.feature_shape(65, 40).unwrap();
        assert_eq!(found.dims(), [2, channels, height, width]);
        assert_eq!(expected.dims(), [2, channels, height, width]);
        let (found, expected) = (flat(&found), flat(&expected));
        let scale = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(scale > 0.01, "{architecture}: the case must not be all zeros");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4 * scale, "{architecture}: {found} {expected}");
        }
    }
}

#[test]
fn a_view_of_a_larger_batch_is_read_where_it_lies() {
    let vgg = built(&parameters(vgg11())).unwrap();
    let batch = images(3, 32, 33);
    let all = flat(&Module::forward(&vgg, &batch).unwrap());
    let middle = flat(&Backbone::forward(&vgg, &batch.narrow(0, 1, 1).unwrap()).unwrap());
    assert_eq!(all[512..1024], middle);
    let turned = batch.transpose(2, 3).unwrap();
    assert_eq!(Backbone::forward(&vgg, &turned).unwrap().dims(), [3, 512, 1, 1]);
    assert_eq!(
        flat(&Backbone::forward(&vgg, &turned).unwrap()),
        flat(&Backbone::forward(&vgg, &turned.contiguous().unwrap()).unwrap())
    );
}

#[test]
fn bad_parameters_and_images_are_named() {
    let good = parameters(vgg11());
    let build = |parameters: &[_]| built(parameters).unwrap_err().to_string();
    assert_eq!(build(&good[1..]), "vgg11: expected the parameters of 8 layers, found 7");
    let mut wrong = good.clone();
    wrong[2].arrays[0].1.shape = vec![256, 127, 3, 3];
    assert_eq!(
        build(&wrong),
        "block3_conv1: expected a kernel of shape [256, 128, 3, 3], found [256, 127, 3, 3]"
    );
    wrong[2].arrays.remove(0);
    assert_eq!(build(&wrong), "block3_conv1: expected a kernel of shape [256, 128, 3, 3], found none");

    let vgg = built(&good).unwrap();
    let run = |images: &Tensor| Backbone::forward(&vgg, images).err().unwrap();
    let small = run(&images(1, 31, 64));
    assert!(matches!(small, Error::TooSmall { height: 31, width: 64, smallest: 32, .. }), "{small}");
    assert_eq!(small.kind(), ErrorKind::Usage);
    let grey = images(1, 32, 32).narrow(1, 0, 1).unwrap();
    assert_eq!(
        run(&grey).to_string(),
        "images: expected f32 of shape N x 3 x H x W, found f32 of shape [1, 1, 32, 32]"
    );
    let double = images(1, 32, 32).to_dtype(DType::F64).unwrap();
    assert!(matches!(run(&double), Error::Images { dtype: "f64", .. }));
}

#[test]
fn the_shipped_weights_are_recognized_as_vgg16() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights/vgg16_weights.h5");
    assert_eq!(Architecture::of_file(&path).unwrap().name(), "vgg16");
}
