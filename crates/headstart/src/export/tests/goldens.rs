//! Models that ONNX Runtime, OpenVINO, Keras and PyTorch ran (tests/golden/export/generate.py): every network in each kind of its
//! files, and what only some heads have. This tree must predict as they do, and write the files that they ran.

use std::collections::BTreeSet;
use std::io::copy;

use headstart_dataset::{Limits, load_file};
use headstart_weights::{KerasModel, LayerSlot};
use prost::Message;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;

/// Shipped images, stored without loss.
const IMAGES: [&str; 3] = ["bananas_nicu_buculei_01", "color_tiger_susan_park_01", "hen_01"];

#[derive(Deserialize)]
struct Case {
    network: String,
    /// The number of the form of its files.
    form: usize,
    /// Units and activations of the head's layers.
    head: Vec<(usize, String)>,
    preset: String,
    interpolation: String,
    pooling: String,
    /// What the kernel of the head's first layer is multiplied by.
    scale: f64,
    /// Those of ONNX Runtime.
    probabilities: Vec<Vec<f32>>,
    /// SHA-256 of what was written: the graph, the whole model of Keras, its head alone, the state dict.
    onnx: String,
    keras: Option<String>,
    keras_head: String,
    pytorch: Option<String>,
    /// The largest difference of a probability from headstart's, by program.
    largest: BTreeMap<String, f64>,
}

/// Of an ONNX file: the graph, without what tells headstart's version.
#[derive(Clone, PartialEq, Message)]
struct GraphOnly {
    #[prost(bytes = "vec", tag = "7")]
    graph: Vec<u8>,
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn cases<T: for<'a> Deserialize<'a>>(file: &str) -> BTreeMap<String, T> {
    let text = std::fs::read_to_string(goldens().join("export").join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Case {
    fn architecture(&self) -> Architecture {
        self.network.parse().unwrap()
    }

    fn preprocessing(&self) -> Preprocessing {
        let preset = Preprocessing::preset(self.preset.parse().unwrap(), SIZE[0], SIZE[1]);
        Preprocessing { interpolation: self.interpolation.parse().unwrap(), ..preset }
    }

    fn slots(&self) -> Vec<LayerSlot> {
        let slots = self.architecture().forms().swap_remove(self.form);
        slots.into_iter().filter(|slot| slot.is_needed).collect()
    }

    /// The head of the formula.
    fn head(&self, row_shape: &[usize]) -> Head {
        let flatten = (row_shape.len() > 1).then_some(LayerConfig::Flatten);
        let dense = self.head.iter().map(|(units, activation)| dense(*units, activation.parse().unwrap()));
        let layers: Vec<LayerConfig> = flatten.into_iter().chain(dense).collect();
        let mut head = Head::new(&layers, row_shape, 1, &Device::Cpu).unwrap();
        let mut saved = head.to_saved().unwrap();
        for (layer, number) in saved.iter_mut().zip(1..) {
            let kernel = &mut layer.kernel;
            let of_inputs = || (3.0 / kernel.shape[0] as f64).sqrt() as f32;
            let scale = if number == 1 { self.scale as f32 } else { of_inputs() };
            let values = seeded::signed(&format!("head.{number}.kernel"), kernel.values.len());
            kernel.values = values.iter().map(|value| value * scale).collect();
            let bias = layer.bias.as_mut().unwrap();
            let values = seeded::signed(&format!("head.{number}.bias"), bias.values.len());
            bias.values = values.iter().map(|value| 0.5 * value).collect();
        }
        head.set_parameters(&saved).unwrap();
        head
    }

    /// As `predict` computes it.
    fn ours(&self, parameters: &[LayerParameters]) -> Ours {
        let (preprocessing, pooling) = (self.preprocessing(), self.pooling.parse().unwrap());
        let images = read(&preprocessing);
        let (row_shape, features) =
            features(self.architecture(), parameters, &preprocessing, pooling, &images);
        let head = self.head(&row_shape);
        let samples = InMemory::new(&features, &row_shape).unwrap();
        let probabilities = predict(&head, &samples, IMAGES.len()).unwrap();
        let rgb = ChannelOrder::Rgb;
        let as_they_are = Preprocessing {
            scale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            channel_order: rgb,
            ..preprocessing.clone()
        };
        Ours { pixels: read(&as_they_are), preprocessing, pooling, row_shape, features, head, probabilities }
    }
}

/// The images as a network reads them.
fn read(preprocessing: &Preprocessing) -> Vec<f32> {
    let image = |name: &&str| {
        let mut pixels = vec![0.0; PIXELS];
        let path = goldens().join(format!("networks/{name}.png"));
        load_file(&path, preprocessing, &Limits::default(), &mut pixels).unwrap();
        pixels
    };
    IMAGES.iter().flat_map(image).collect()
}

fn hexadecimal(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

fn hash_of_onnx(graph: &OnnxGraph<'_>, folder: &Path) -> String {
    let path = folder.join("model.onnx");
    graph.write(&path, IfExists::Replace).unwrap();
    let file = GraphOnly::decode(&std::fs::read(path).unwrap()[..]).unwrap();
    hexadecimal(Sha256::new_with_prefix(file.graph))
}

/// Of what the layers are, and of their variables.
fn hash_of_keras(model: &KerasModel, folder: &Path) -> String {
    let path = folder.join("model.keras");
    model.write(&path, &BTreeMap::new(), IfExists::Replace).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut hash = Sha256::new();
    for name in ["config.json", "model.weights.h5"] {
        copy(&mut archive.by_name(name).unwrap(), &mut hash).unwrap();
    }
    hexadecimal(hash)
}

/// Of the names and the values, sorted by name.
fn hash_of_state(state: impl Iterator<Item = (String, Array)>) -> String {
    let mut hash = Sha256::new();
    for (name, array) in state.collect::<BTreeMap<_, _>>() {
        hash.update(name);
        array.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    hexadecimal(hash)
}

#[test]
fn every_network_predicts_and_is_written_as_in_other_programs() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let cases: BTreeMap<String, Case> = cases("models.json");
    let networks: BTreeSet<&str> = cases.values().map(|case| case.network.as_str()).collect();
    assert_eq!(networks, Architecture::all().map(Architecture::name).collect());
    for (name, case) in &cases {
        let slots = case.slots();
        let parameters = seeded::parameters(&slots);
        let ours = case.ours(&parameters);
        let pairs = ours.probabilities.iter().zip(case.probabilities.iter().flatten());
        let most = pairs.map(|(ours, theirs)| f64::from((ours - theirs).abs())).fold(0.0, f64::max);
        println!("{name}: {most:.1e} from ONNX Runtime");
        assert_eq!(
            ours.probabilities.len(),
            case.probabilities.iter().map(Vec::len).sum::<usize>(),
            "{name}"
        );
        assert!(most < TOLERANCE, "{name}: {most:e}");

        let classes = classes(case.probabilities[0].len());
        let network = case.architecture().folded(&parameters).unwrap();
        let parts = ours.parts(&classes, None);
        let graph = onnx::graph(&network, &parts).unwrap();
        if let Some(runtime) = &runtime {
            ours.check(runtime, name, &graph);
        }
        let is_what_they_ran = |what: &str, ours: String, theirs: &str| {
            assert!(
                ours == theirs,
                "{name}: the {what} is not the one that other programs ran. If it is meant to be another, let \
                 tests/golden/export/generate.py run it"
            );
        };
        is_what_they_ran("ONNX graph", hash_of_onnx(&graph, folder.path()), &case.onnx);
        let head = keras::head(&parts.row_shape, &parts.layers).unwrap();
        is_what_they_ran("head of Keras", hash_of_keras(&head, folder.path()), &case.keras_head);
        let whole = keras::whole(&network, &parts).unwrap();
        assert_eq!(whole.is_some(), case.keras.is_some(), "{name}");
        if let (Some(whole), Some(keras)) = (whole, &case.keras) {
            is_what_they_ran("model of Keras", hash_of_keras(&whole, folder.path()), keras);
        }
        let layers = slots.into_iter().zip(parameters).collect();
        let state = pytorch::network(layers, &ours.preprocessing);
        assert_eq!(state.is_some(), case.pytorch.is_some(), "{name}");
        if let (Some(state), Some(pytorch)) = (state, &case.pytorch) {
            let normalization = pytorch::normalization(&ours.preprocessing);
            let state = normalization.into_iter().chain(state).chain(pytorch::head(&parts));
            is_what_they_ran("state dict", hash_of_state(state), pytorch);
        }
    }
}

#[test]
fn other_programs_gave_the_probabilities_of_predict() {
    let models: BTreeMap<String, Case> = cases("models.json");
    let fitted: BTreeMap<String, BTreeMap<String, f64>> = cases("fitted.json");
    assert!(fitted.len() == 5 && models.len() > 24, "{} {}", fitted.len(), models.len());
    let of_models = models.iter().map(|(name, case)| (name, &case.largest));
    for (name, largest) in of_models.chain(&fitted) {
        assert!(["onnxruntime", "openvino"].iter().all(|runtime| largest.contains_key(*runtime)), "{name}");
        assert!(largest.values().all(|difference| *difference < TOLERANCE), "{name}: {largest:?}");
    }
}
