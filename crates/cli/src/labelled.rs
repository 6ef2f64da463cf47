//! Features with their labels, and what must be true of them before a head is trained or judged.

use std::path::Path;

use headstart_features::Features;
use headstart_head::{EpochMetrics, Head, Labelled, LayerConfig, Samples, TrainOptions};
use headstart_weights::{Model, ModelMetadata};
use serde_json::json;

use crate::outcome::Fault;
use crate::run_folder::DataSettings;

/// Features with a label a row.
pub(crate) struct LabelledFeatures {
    pub(crate) features: Features,
    pub(crate) labels: Vec<u32>,
    /// How many classes the labels are of, by the manifest or the counts.
    pub(crate) class_count: usize,
}

impl LabelledFeatures {
    pub(crate) fn open(path: &Path, counts: Option<&[usize]>) -> anyhow::Result<Self> {
        let features = Features::open(path)?;
        let labels = match (features.labels(), counts) {
            (Some(labels), None) => labels,
            (None, Some(counts)) => features.labels_from_counts(counts)?,
            (Some(labels), Some(counts)) => {
                if features.labels_from_counts(counts)? != labels {
                    let path = path.display();
                    return Err(Fault::BadData(format!(
                        "{path}: the counts {counts:?} do not give the labels that its manifest has; leave the \
                         counts out"
                    ))
                    .into());
                }
                labels
            }
            (None, None) => {
                return Err(Fault::Usage(format!(
                    "{}: expected a manifest ({}) or the number of rows of each class (--counts, \
                     --validation-counts), found neither",
                    path.display(),
                    headstart_features::manifest_path(path).display()
                ))
                .into());
            }
        };
        let manifest = features.manifest().map(|manifest| manifest.header.classes.len());
        let class_count = manifest.or(counts.map(<[usize]>::len)).unwrap_or(0);
        Ok(Self { features, labels, class_count })
    }

    pub(crate) fn classes(&self) -> Option<&[String]> {
        self.features.manifest().map(|manifest| manifest.header.classes.as_slice())
    }

    /// What a run's record says of them.
    pub(crate) fn settings(&self) -> DataSettings {
        let manifest = self.features.manifest();
        DataSettings {
            path: self.features.path().to_path_buf(),
            rows: self.features.rows(),
            classes: self.classes().map(<[String]>::to_vec).unwrap_or_default(),
            fingerprint: manifest.map(|manifest| manifest.header.fingerprint.clone()),
            data_hash: manifest.and_then(|manifest| manifest.data_hash.clone()),
        }
    }

    /// A head that was trained on them, with all that a prediction needs.
    pub(crate) fn model(
        &self,
        head: &Head,
        layers: &[LayerConfig],
        epoch: &EpochMetrics,
        options: &TrainOptions,
    ) -> anyhow::Result<Model> {
        let mut metadata = ModelMetadata {
            head: Some(serde_json::to_value(layers)?),
            row_shape: self.features.row_shape().to_vec(),
            training: Some(json!({ "rows": self.features.rows(), "metrics": epoch, "options": options })),
            headstart_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..ModelMetadata::default()
        };
        if let Some(header) = self.features.manifest().map(|manifest| &manifest.header) {
            let side = |name: &str| header.preprocessing[name].as_u64().map(|side| side as usize);
            metadata.classes = header.classes.clone();
            (metadata.height, metadata.width) = (side("height"), side("width"));
            metadata.preset = Some(header.preset.clone());
            metadata.preprocessing = Some(header.preprocessing.clone());
            metadata.backbone = Some(header.backbone.clone());
            metadata.weights_name = Some(header.weights_name.clone());
            metadata.weights_hash = Some(header.weights_hash.clone());
            metadata.fingerprint = Some(header.fingerprint.clone());
        }
        let layer_names = head.layer_names().to_vec();
        Ok(Model { layers: head.to_saved()?, layer_names, metadata })
    }

    pub(crate) fn as_labelled(&self) -> Labelled<'_> {
        Labelled { samples: self, labels: &self.labels }
    }
}

impl Samples for LabelledFeatures {
    fn rows(&self) -> usize {
        self.features.rows()
    }

    fn row_shape(&self) -> &[usize] {
        self.features.row_shape()
    }

    fn read(
        &self,
        indices: &[usize],
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.features.read_rows(indices, out)?)
    }
}

/// There must be two classes or more, and rows of at least `least` of them.
pub(crate) fn check_classes(data: &LabelledFeatures, least: usize) -> anyhow::Result<()> {
    let (path, count) = (data.features.path().display(), data.class_count);
    if count < 2 {
        return Err(Fault::BadData(format!("{path}: expected at least two classes, found {count}")).into());
    }
    let missing: Vec<usize> = (0..count).filter(|&label| !data.labels.contains(&(label as u32))).collect();
    if let Some(&label) = missing.first()
        && count - missing.len() < least
    {
        let expected = match (count, least) {
            (2, _) => "both classes".to_owned(),
            (_, least) if least == count => format!("each of {count} classes"),
            (_, least) => format!("at least {least} classes"),
        };
        let class = data.classes().map_or(label.to_string(), |classes| classes[label].clone());
        return Err(Fault::BadData(format!(
            "{path}: expected rows of {expected}, found none of class {class}"
        ))
        .into());
    }
    Ok(())
}

/// Training and validation features must mean the same.
pub(crate) fn check_pair(training: &LabelledFeatures, validation: &LabelledFeatures) -> anyhow::Result<()> {
    let (ours, theirs) = (training.features.path().display(), validation.features.path().display());
    let differ = |what: &str, a: &str, b: &str| {
        let advice = "extract both in the same way";
        Err(Fault::BadData(format!("{ours} and {theirs} differ in their {what}: {a} and {b}; {advice}"))
            .into())
    };
    let (Some(a), Some(b)) = (training.features.manifest(), validation.features.manifest()) else {
        let (a, b) = (training.class_count, validation.class_count);
        if a != b {
            return differ("number of classes", &a.to_string(), &b.to_string());
        }
        let (a, b) = (training.features.row_shape(), validation.features.row_shape());
        return if a == b { Ok(()) } else { differ("row shape", &format!("{a:?}"), &format!("{b:?}")) };
    };
    let (a, b) = (&a.header, &b.header);
    if a.classes != b.classes {
        return differ("classes", &a.classes.join(", "), &b.classes.join(", "));
    }
    for (what, a, b) in [
        ("backbone", &a.backbone, &b.backbone),
        (
            "weights",
            &format!("{} {}", a.weights_name, a.weights_hash),
            &format!("{} {}", b.weights_name, b.weights_hash),
        ),
        ("preprocessing", &a.preprocessing.to_string(), &b.preprocessing.to_string()),
        ("fingerprint", &a.fingerprint, &b.fingerprint),
    ] {
        if a != b {
            return differ(what, a, b);
        }
    }
    Ok(())
}
