//! The registry, with a network of other layers than its own: what a new network needs is in this file.

use std::io::Write;
use std::path::PathBuf;

use candle_core::Tensor;
use headstart_weights::{Array, IfExists, Parameter, ParameterSlot, legacy};

use super::*;

/// A convolution without a bias, and a depthwise one with the batch normalization after it.
#[derive(Debug)]
struct TwoLayers;

impl Network for TwoLayers {
    fn name(&self) -> &'static str {
        "two-layers"
    }

    fn published_names(&self) -> &'static [&'static str] {
        &[]
    }

    fn presets(&self) -> &'static [Preset] {
        &[Preset::Torchvision]
    }

    fn slots(&self) -> Vec<LayerSlot> {
        let stem = ParameterSlot::new(Parameter::Kernel, [2, 3, 1, 1]).safetensors("conv_stem.weight");
        let depthwise =
            ParameterSlot::new(Parameter::DepthwiseKernel, [2, 1, 3, 3]).safetensors("blocks.0.dw.weight");
        let norm = [
            (Parameter::Gamma, "weight"),
            (Parameter::Beta, "bias"),
            (Parameter::Mean, "running_mean"),
            (Parameter::Variance, "running_var"),
        ];
        let norm = norm.map(|(parameter, name)| {
            ParameterSlot::new(parameter, [2]).safetensors(format!("blocks.0.bn.{name}"))
        });
        vec![
            LayerSlot::new("stem", vec![stem]),
            LayerSlot::new("block", std::iter::once(depthwise).chain(norm).collect()),
        ]
    }

    fn smallest_image(&self) -> usize {
        1
    }

    fn image_side(&self) -> usize {
        64
    }

    fn feature_shape(&self, height: usize, width: usize) -> [usize; 3] {
        [2, height, width]
    }

    fn suited_engine(&self, _: &Device, _: usize) -> Engine {
        Engine::Candle
    }

    fn build(
        &'static self,
        parameters: Vec<LayerParameters>,
        device: &Device,
        _: Engine,
    ) -> Result<Box<dyn Backbone>, Error> {
        Ok(Box::new(Loaded { parameters: parameters.to_vec(), device: device.clone() }))
    }
}

static TWO_LAYERS: TwoLayers = TwoLayers;

#[derive(Debug)]
struct Loaded {
    parameters: Vec<LayerParameters>,
    device: Device,
}

impl Backbone for Loaded {
    fn architecture(&self) -> Architecture {
        Architecture(&TWO_LAYERS)
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// The first two planes plus the first value of the depthwise kernel: enough to see that parameters arrived.
    fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        let kernel = self.parameters[1].array(Parameter::DepthwiseKernel).expect("checked by the registry");
        Ok((images.narrow(1, 0, 2)? + f64::from(kernel.values[0]))?)
    }
}

/// The names of the registry, as errors list them.
fn known() -> String {
    names(&Architecture::all().collect::<Vec<_>>())
}

/// A safetensors file of these tensors, whose values count up from 7.
fn safetensors(folder: &Path, tensors: &[(&str, &[usize])]) -> PathBuf {
    let path = unwritten_safetensors(folder, tensors);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let lengths = tensors.iter().map(|(_, shape)| shape.iter().product());
    file.set_len(file.metadata().unwrap().len() - 4 * lengths.clone().sum::<usize>() as u64).unwrap();
    for value in lengths.flat_map(|length| 0..length) {
        file.write_all(&(value as f32 + 7.0).to_le_bytes()).unwrap();
    }
    path
}

/// The same with values that were never written, so that a file of any size takes no time.
fn unwritten_safetensors(folder: &Path, tensors: &[(&str, &[usize])]) -> PathBuf {
    let (mut entries, mut start) = (Vec::new(), 0);
    for (name, shape) in tensors {
        let end = start + 4 * shape.iter().product::<usize>();
        entries
            .push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
        start = end;
    }
    let header = format!("{{{}}}", entries.join(","));
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let path = folder.join("network.safetensors");
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len((bytes.len() + start) as u64).unwrap();
    path
}

const TWO_LAYERS_FILE: [(&str, &[usize]); 6] = [
    ("blocks.0.bn.bias", &[2]),
    ("blocks.0.bn.running_mean", &[2]),
    ("blocks.0.bn.running_var", &[2]),
    ("blocks.0.bn.weight", &[2]),
    ("blocks.0.dw.weight", &[2, 1, 3, 3]),
    ("conv_stem.weight", &[2, 3, 1, 1]),
];

#[test]
fn a_new_network_is_told_from_its_file_loaded_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = safetensors(folder.path(), &TWO_LAYERS_FILE);
    let all = || Architecture::all().chain([Architecture(&TWO_LAYERS)]);
    let found = Architecture::of_file_among(&path, all()).unwrap();
    assert_eq!(found.name(), "two-layers");
    let (network, report) = found.load(&path, &LoadOptions::default(), &Device::Cpu, Engine::Candle).unwrap();
    assert_eq!(report.applied, ["stem", "block"]);
    let mut features = [0.0; 4];
    network.forward_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 3, 1, 2], &mut features).unwrap();
    assert_eq!(features, [8.0, 9.0, 10.0, 11.0]);
    let short = network.forward_slice(&[0.0; 6], [1, 3, 1, 2], &mut [0.0; 3]).unwrap_err();
    assert_eq!(short.to_string(), "features: expected room for 4 values, found room for 3");
    assert_eq!(network.plan(1, 2), None);
    assert_eq!(
        (found.pooling(), "vgg16".parse::<Architecture>().unwrap().pooling()),
        (Pooling::Average, Pooling::None)
    );
    let mut pooled = [0.0; 2];
    let images = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for (pooling, expected) in [(Pooling::Average, [8.5, 10.5]), (Pooling::Max, [9.0, 11.0])] {
        network.forward_pooled(&images, [1, 3, 1, 2], pooling, &mut pooled).unwrap();
        assert_eq!(pooled, expected);
    }
    let long = network.forward_pooled(&images, [1, 3, 1, 2], Pooling::Max, &mut features).unwrap_err();
    assert_eq!(long.to_string(), "features: expected room for 2 values, found room for 4");
    network.forward_pooled(&images, [1, 3, 1, 2], Pooling::None, &mut features).unwrap();
    assert_eq!(features, [8.0, 9.0, 10.0, 11.0]);

    let twice = all().chain([Architecture(&TWO_LAYERS)]);
    let error = Architecture::of_file_among(&path, twice).unwrap_err().to_string();
    assert!(error.contains("found parameters that fit each of two-layers, two-layers"), "{error}");
}

#[test]
fn a_network_without_kernels_is_not_described_as_computed_by_them() {
    for images in [1, usize::MAX] {
        let engine = Architecture(&TWO_LAYERS).suited_engine(&Device::Cpu, images);
        assert_eq!(engine.describe(&Device::Cpu).unwrap(), "candle, cpu");
        let vgg16: Architecture = "vgg16".parse().unwrap();
        assert_eq!(vgg16.suited_engine(&Device::Cpu, images), Engine::suited(&Device::Cpu, images));
    }
}

#[test]
fn a_file_of_no_known_network_is_shown_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = safetensors(folder.path(), &[("features.0.bias", &[2]), ("features.0.weight", &[2, 3, 3, 3])]);
    let error = Architecture::of_file(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: expected the parameters of one of {}, found safetensors (names of torchvision or timm) with 2 \
             tensors: features.0.bias [2], features.0.weight [2, 3, 3, 3]",
            path.display(),
            known()
        )
    );
    let error = Architecture::of_file(&safetensors(folder.path(), &TWO_LAYERS_FILE)).unwrap_err();
    assert!(
        error.to_string().contains("(names of torchvision or timm) with 6 tensors: blocks.0.bn.bias [2]"),
        "{error}"
    );
    let error = Architecture::of_file(&safetensors(folder.path(), &[("bert.weight", &[2])])).unwrap_err();
    assert!(
        error.to_string().contains("found a file of another layout with 1 tensors: bert.weight [2]"),
        "{error}"
    );
    assert_eq!(error.kind(), headstart_files::ErrorKind::BadData);
    let error = Architecture::of_file(&folder.path().join("absent.h5")).unwrap_err();
    assert!(matches!(error, Error::Weights(WeightsError::File(_))), "{error}");
}

#[test]
fn loading_the_file_of_another_network_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let network = |name: &str| name.parse::<Architecture>().unwrap();
    let slots = network("efficientnet_lite0").slots();
    let tensors: Vec<(&str, &[usize])> = slots
        .iter()
        .flat_map(|slot| &slot.parameters)
        .map(|parameter| (parameter.safetensors.as_deref().unwrap(), parameter.shape.as_slice()))
        .collect();
    let path = unwritten_safetensors(folder.path(), &tensors);
    let load = |name| {
        let options = LoadOptions::default();
        network(name).load(&path, &options, &Device::Cpu, Engine::Candle).map(|_| ()).unwrap_err()
    };
    for name in ["vgg16", "efficientnet_lite2", "repvgg_a0", "resnet50"] {
        let error = load(name);
        let expected =
            format!("{}: expected the weights of {name}, found those of efficientnet_lite0", path.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), headstart_files::ErrorKind::BadData);
    }
    // Weights of no known network are shown as they are.
    unwritten_safetensors(folder.path(), &tensors[..5]);
    assert!(matches!(load("resnet50"), Error::Weights(WeightsError::MissingParameter { .. })));
}

#[test]
fn every_network_is_told_from_a_file_of_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    for (architecture, slots) in forms() {
        let mut parameters = slots.iter().flat_map(|slot| &slot.parameters);
        // Keras's files are tested in crates/weights/tests/keras_networks.rs.
        if parameters.clone().all(|parameter| parameter.keras.is_some() && parameter.legacy.is_none()) {
            continue;
        }
        let tensors: Option<Vec<_>> = parameters
            .clone()
            .map(|parameter| Some((parameter.safetensors.as_deref()?, parameter.shape.as_slice())))
            .collect();
        let tensors = tensors.expect("all parameters have a place in safetensors");
        assert_eq!(
            Architecture::of_file(&unwritten_safetensors(folder.path(), &tensors)).unwrap(),
            architecture
        );
        // As a part of a larger model.
        let names: Vec<String> = tensors.iter().map(|(name, _)| format!("module.{name}")).collect();
        let wrapped: Vec<_> =
            names.iter().zip(&tensors).map(|(name, (_, shape))| (name.as_str(), *shape)).collect();
        assert_eq!(
            Architecture::of_file(&unwritten_safetensors(folder.path(), &wrapped)).unwrap(),
            architecture
        );
        if parameters.all(|parameter| parameter.legacy.is_some()) {
            let zeros = |shape: &Vec<usize>| Array {
                shape: shape.clone(),
                values: vec![0.0; shape.iter().product()],
            };
            let layer = |slot: &LayerSlot| legacy::LegacyLayer {
                index: slot.parameters[0].legacy.unwrap().0,
                parameters: slot.parameters.iter().map(|parameter| zeros(&parameter.shape)).collect(),
            };
            let path = folder.path().join("weights.h5");
            let layers: Vec<_> = slots.iter().map(layer).collect();
            legacy::write(&path, &layers, IfExists::Replace).unwrap();
            assert_eq!(Architecture::of_file(&path).unwrap(), architecture);
        }
    }
}

/// Every form of every network.
fn forms() -> impl Iterator<Item = (Architecture, Vec<LayerSlot>)> {
    Architecture::all().flat_map(|network| network.forms().into_iter().map(move |slots| (network, slots)))
}

#[test]
fn the_features_alone_are_told_without_what_is_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    for (architecture, slots) in forms().filter(|(_, slots)| slots.iter().any(|slot| !slot.is_needed)) {
        let needed = slots.iter().filter(|slot| slot.is_needed).flat_map(|slot| &slot.parameters);
        let tensors: Vec<_> = needed
            .map(|parameter| (parameter.safetensors.as_deref().unwrap(), parameter.shape.as_slice()))
            .collect();
        assert_eq!(
            Architecture::of_file(&unwritten_safetensors(folder.path(), &tensors)).unwrap(),
            architecture
        );
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for architecture in Architecture::all() {
        assert_eq!(architecture.name().parse::<Architecture>().unwrap(), architecture);
        let json = serde_json::to_string(&architecture).unwrap();
        assert_eq!(json, format!("\"{architecture}\""));
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), architecture);
    }
    let error = "resnet1001".parse::<Architecture>().unwrap_err();
    assert_eq!(error.to_string(), format!("backbone resnet1001: expected one of {}", known()));
    assert!(known().contains("vgg11, vgg13, vgg16, vgg19"));
}

#[test]
fn every_form_has_words_and_every_published_name_is_of_one_network() {
    let mut names: Vec<&str> = Vec::new();
    for network in Architecture::all() {
        let (forms, words) = (network.forms().len(), network.0.form_names().len());
        assert_eq!(words, if forms == 1 { 0 } else { forms }, "{network}");
        names.extend(network.published_names());
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    // timm's networks that compute something else from the same parameters.
    for other in ["efficientnet_lite0", "tf_mobilenetv3_large_100", "resnetaa50"] {
        assert!(!names.contains(&other), "{other}");
    }
}

#[test]
fn threads_share_the_batches_of_a_vgg_and_have_their_own_of_others() {
    let at_once = |name: &str, engine| name.parse::<Architecture>().unwrap().batches_at_once(engine, 6);
    let kernels = Engine::suited(&Device::Cpu, usize::MAX);
    assert_eq!([at_once("vgg16", kernels), at_once("resnet18", kernels)], [1, 6]);
    for name in ["vgg16", "resnet18"] {
        assert_eq!(at_once(name, Engine::Candle), 1);
        assert_eq!(at_once(name, Engine::Cuda(crate::Precision::F32)), on_device::BATCHES);
    }
}
