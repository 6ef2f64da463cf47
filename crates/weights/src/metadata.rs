//! What a model says about itself, and its flat form in files.

use headstart_provenance::{Pooling, Preprocessing, Provenance, WeightsFile};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Error, LayerConfig};

/// What a model says about itself. Everything may be absent: a file of weights that Keras wrote has only parameters.
///
/// Serialized it is one flat object, in files and for people: `classes`, `head`, `row_shape`, `preset`,
/// `preprocessing`, `height`, `width`, `backbone`, `weights_name`, `weights_hash`, `pooling`, `fingerprint`, `training` and
/// `headstart_version`. What is unknown is left out, and so is a pooling of `none`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelMetadata {
    /// Class names; a label is a position in them. Empty if unknown.
    pub classes: Vec<String>,
    /// The layers with their settings, in order.
    pub head: Option<Vec<LayerConfig>>,
    /// Shape of the rows that it takes: channels, height, width, or the number of values if they are pooled or flat. Empty
    /// if unknown.
    pub row_shape: Vec<usize>,
    /// What the features that it was trained on depend on.
    pub provenance: Option<Provenance>,
    /// How it was trained and how well that went.
    pub training: Option<TrainingRecord>,
    /// The headstart that trained it.
    pub headstart_version: Option<String>,
}

impl ModelMetadata {
    /// Whether it says that it takes pooled features. Their values are the channels: they have no order of axes.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.provenance.as_ref().is_some_and(|provenance| !provenance.pooling.is_none())
    }
}

/// How a model was trained and how well that went, as the crate that trains describes it. It is kept as it is.
///
/// # Examples
/// ```
/// use headstart_weights::TrainingRecord;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize)]
/// struct Run { rows: usize, seed: u64 }
/// #[derive(Deserialize)]
/// struct Rows { rows: usize }
///
/// let record = TrainingRecord::new(&Run { rows: 400, seed: 7 })?;
/// assert_eq!(record.read::<Rows>().map(|read| read.rows), Some(400));
/// assert!(record.read::<String>().is_none());
/// # Ok::<(), headstart_weights::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrainingRecord(Value);

impl TrainingRecord {
    /// A record of anything that has a JSON form.
    ///
    /// # Errors
    /// [`Error::NoJson`] if it has none, such as a map whose keys are not texts.
    pub fn new(training: &impl Serialize) -> Result<Self, Error> {
        let no_json = |error: serde_json::Error| Error::NoJson { reason: error.to_string() };
        serde_json::to_value(training).map(Self).map_err(no_json)
    }

    /// The record as a type; `None` if it does not have what the type asks for.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.0).ok()
    }
}

/// The form in files. `preset`, `height` and `width` repeat what `preprocessing` says, for tools that read them alone.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Flat {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    row_shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preprocessing: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backbone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pooling: Option<Pooling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<TrainingRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headstart_version: Option<String>,
}

impl Serialize for ModelMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Flat::new(self).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ModelMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Flat::deserialize(deserializer)?.into_metadata().map_err(D::Error::custom)
    }
}

impl Flat {
    fn new(metadata: &ModelMetadata) -> Result<Self, serde_json::Error> {
        let ModelMetadata { classes, head, row_shape, provenance, training, headstart_version } = metadata;
        let mut flat = Self {
            classes: classes.clone(),
            // Through values, so that keys are sorted and singles are written as doubles.
            head: head.as_ref().map(serde_json::to_value).transpose()?,
            row_shape: row_shape.clone(),
            training: training.clone(),
            headstart_version: headstart_version.clone(),
            ..Self::default()
        };
        if let Some(Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. }) = provenance {
            flat.preset = Some(preprocessing.preset.clone());
            flat.preprocessing = Some(serde_json::to_value(preprocessing)?);
            (flat.height, flat.width) = (Some(preprocessing.height), Some(preprocessing.width));
            flat.backbone = Some(backbone.clone());
            flat.weights_name = Some(weights.name.clone());
            flat.weights_hash = Some(weights.blake3.clone());
            flat.pooling = Some(*pooling).filter(|pooling| !pooling.is_none());
            flat.fingerprint = Some(fingerprint.clone());
        }
        Ok(flat)
    }

    fn into_metadata(mut self) -> Result<ModelMetadata, String> {
        let head = self.head.take().map(serde_json::from_value).transpose();
        let metadata = ModelMetadata {
            head: head.map_err(|reason| format!("head: expected layers that headstart has: {reason}"))?,
            provenance: self.provenance()?,
            classes: self.classes,
            row_shape: self.row_shape,
            training: self.training,
            headstart_version: self.headstart_version,
        };
        if metadata.is_pooled() && metadata.row_shape.len() > 1 {
            return Err(format!(
                "row_shape: expected one number for pooled rows, found {:?}",
                metadata.row_shape
            ));
        }
        Ok(metadata)
    }

    /// All of its fields, or none: a part of them can't be trusted.
    fn provenance(&mut self) -> Result<Option<Provenance>, String> {
        let Self {
            preset,
            preprocessing,
            height,
            width,
            backbone,
            weights_name,
            weights_hash,
            pooling,
            fingerprint,
            ..
        } = self;
        let texts = [&*preset, backbone, weights_name, weights_hash, fingerprint];
        if preprocessing.is_none()
            && height.is_none()
            && width.is_none()
            && pooling.is_none()
            && texts.into_iter().all(Option::is_none)
        {
            return Ok(None);
        }
        let preset = required(preset.take(), "preset")?;
        let preprocessing = required(preprocessing.take(), "preprocessing")?;
        let preprocessing: Preprocessing =
            serde_json::from_value(preprocessing).map_err(|reason| format!("preprocessing: {reason}"))?;
        let (height, width) = (required(height.take(), "height")?, required(width.take(), "width")?);
        if (&preset, height, width) != (&preprocessing.preset, preprocessing.height, preprocessing.width) {
            return Err(format!(
                "preset, height and width are {preset} {height}x{width}, and those of preprocessing are \
                 {preprocessing}"
            ));
        }
        let backbone = required(backbone.take(), "backbone")?;
        let weights = WeightsFile {
            name: required(weights_name.take(), "weights_name")?,
            blake3: required(weights_hash.take(), "weights_hash")?,
        };
        let fingerprint = required(fingerprint.take(), "fingerprint")?;
        let pooling = pooling.unwrap_or_default();
        Ok(Some(Provenance::stored(backbone, weights, preprocessing, pooling, fingerprint)))
    }
}

fn required<T>(value: Option<T>, field: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("it says what the features depend on, but the field {field} is missing"))
}

#[cfg(test)]
mod tests {
    use headstart_provenance::Preset;
    use serde_json::json;

    use super::*;

    fn full() -> ModelMetadata {
        let weights = WeightsFile { name: "vgg16_weights.h5".to_owned(), blake3: "0123".to_owned() };
        let preprocessing = Preprocessing::preset(Preset::Blog, 150, 96);
        ModelMetadata {
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            head: Some(LayerConfig::binary_head(4, 0.3)),
            row_shape: vec![512, 4, 3],
            provenance: Some(Provenance::stored("vgg16", weights, preprocessing, Pooling::None, "4567")),
            training: Some(TrainingRecord::new(&json!({"rows": 6})).unwrap()),
            headstart_version: Some("0.1.0".to_owned()),
        }
    }

    #[test]
    fn the_form_is_flat_with_sorted_keys_and_singles_as_doubles() {
        let text = serde_json::to_string(&full()).unwrap();
        let expected = concat!(
            r#"{"classes":["cat","dog"],"head":[{"layer":"flatten"},"#,
            r#"{"activation":"relu","layer":"dense","units":4,"use_bias":true},"#,
            r#"{"layer":"dropout","rate":0.30000001192092896},"#,
            r#"{"activation":"sigmoid","layer":"dense","units":1,"use_bias":true}],"row_shape":[512,4,3],"#,
            r#""preset":"blog","preprocessing":{"apply_exif_orientation":false,"channel_order":"rgb","#,
            r#""grey16":"cut_off","height":150,"interpolation":"nearest","mean":[0.0,0.0,0.0],"preset":"blog","#,
            r#""scale":0.003921568859368563,"std":[1.0,1.0,1.0],"width":96},"height":150,"width":96,"#,
            r#""backbone":"vgg16","weights_name":"vgg16_weights.h5","weights_hash":"0123","fingerprint":"4567","#,
            r#""training":{"rows":6},"headstart_version":"0.1.0"}"#,
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<ModelMetadata>(&text).unwrap(), full());
        assert_eq!(serde_json::to_string(&ModelMetadata::default()).unwrap(), "{}");
    }

    #[test]
    fn a_part_of_a_provenance_is_refused_with_the_name_of_what_is_missing() {
        let whole = serde_json::to_value(full()).unwrap();
        let fields = [
            "preset",
            "preprocessing",
            "height",
            "width",
            "backbone",
            "weights_name",
            "weights_hash",
            "fingerprint",
        ];
        for field in fields {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(field);
            let error = serde_json::from_value::<ModelMetadata>(part).unwrap_err().to_string();
            assert!(error.contains(&format!("the field {field} is missing")), "{error}");
            let alone = json!({ field: whole[field] });
            let error = serde_json::from_value::<ModelMetadata>(alone).unwrap_err().to_string();
            assert!(error.contains("is missing"), "{error}");
        }
        let mut without = whole;
        for field in fields {
            without.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(serde_json::from_value::<ModelMetadata>(without).unwrap().provenance, None);
    }

    #[test]
    fn pooling_is_stated_where_there_is_one_and_never_alone() {
        let mut pooled = full();
        pooled.row_shape = vec![512];
        if let Some(provenance) = &mut pooled.provenance {
            provenance.pooling = Pooling::Average;
        }
        let text = serde_json::to_string(&pooled).unwrap();
        assert!(text.contains(r#""weights_hash":"0123","pooling":"avg","fingerprint":"4567""#), "{text}");
        assert_eq!(serde_json::from_str::<ModelMetadata>(&text).unwrap(), pooled);
        assert!(pooled.is_pooled() && !full().is_pooled());
        let mut maps = serde_json::to_value(&pooled).unwrap();
        maps["row_shape"] = json!([512, 4, 3]);
        let maps = serde_json::from_value::<ModelMetadata>(maps).unwrap_err().to_string();
        assert!(maps.contains("expected one number for pooled rows, found [512, 4, 3]"), "{maps}");
        let alone =
            serde_json::from_value::<ModelMetadata>(json!({"pooling": "max"})).unwrap_err().to_string();
        assert!(alone.contains("the field preset is missing"), "{alone}");
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        for (field, value) in [("preset", json!("caffe")), ("height", json!(151)), ("width", json!(1))] {
            let mut changed = serde_json::to_value(full()).unwrap();
            changed[field] = value;
            let error = serde_json::from_value::<ModelMetadata>(changed).unwrap_err().to_string();
            assert!(error.contains("those of preprocessing are blog 150x96"), "{error}");
        }
    }

    #[test]
    fn preprocessing_without_grey16_is_of_the_time_when_greys_were_cut_off() {
        let mut old = serde_json::to_value(full()).unwrap();
        old["preprocessing"].as_object_mut().unwrap().remove("grey16");
        assert_eq!(serde_json::from_value::<ModelMetadata>(old).unwrap(), full());
    }
}
