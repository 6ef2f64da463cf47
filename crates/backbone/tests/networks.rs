//! Every network, on both engines.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_nn::Module;
use headstart_backbone::{Architecture, Backbone, Engine, Error, ErrorKind, Vgg};
use headstart_weights::LayerParameters;

fn parameters(architecture: Architecture) -> Vec<LayerParameters> {
    common::parameters(&architecture.slots())
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
    Tensor::from_vec(common::images(count, height, width), shape, &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_vgg_gives_the_same_features_on_both_engines() {
    let images = images(2, 33, 40);
    // The other networks are held against goldens, in src/convolutional/tests.rs.
    for architecture in Architecture::all().filter(|network| network.name().starts_with("vgg")) {
        let parameters = parameters(architecture);
        let forward = |engine| {
            let network = architecture.build(&parameters, &Device::Cpu, engine).unwrap();
            network.forward(&images).unwrap()
        };
        let found = forward(architecture.suited_engine(&Device::Cpu, usize::MAX));
        let expected = forward(Engine::Candle);
        let [channels, height, width] = architecture.feature_shape(33, 40).unwrap();
        assert_eq!(found.dims(), [2, channels, height, width]);
        assert_eq!(expected.dims(), [2, channels, height, width]);
        let (found, expected) = (flat(&found), flat(&expected));
        let scale = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(scale > 0.01, "{architecture}: the case must not be all zeros");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5 * scale, "{architecture}: {found} {expected}");
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
