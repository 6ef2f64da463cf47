//! A model's description as text: one JSON object in HDF5, one text a field in safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, FlattenOrder, ModelMetadata};

/// What `format` says in every file of a model.
pub(crate) const FORMAT: &str = "headstart.model";
/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// The attribute of the root group that holds the object in HDF5 files. No Keras looks at it.
pub(crate) const ATTRIBUTE: &str = "headstart";

/// Fields whose texts are written as they are in a safetensors header. All others are written as JSON.
const PLAIN: [&str; 9] = [
    "format",
    "preset",
    "backbone",
    "weights_name",
    "weights_hash",
    "pooling",
    "fingerprint",
    "headstart_version",
    "flatten_order",
];

/// Everything that a file says about a model except its parameters.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelText {
    pub(crate) layer_names: Vec<String>,
    /// The order of the first kernel's rows in this file.
    #[serde(default, skip_serializing_if = "is_channels_first")]
    pub(crate) flatten_order: FlattenOrder,
    #[serde(flatten)]
    pub(crate) metadata: ModelMetadata,
}

fn is_channels_first(order: &FlattenOrder) -> bool {
    *order == FlattenOrder::ChannelsFirst
}

impl ModelText {
    /// The object, with format and version.
    fn object(&self) -> Result<Map<String, Value>, Error> {
        let described = serde_json::to_value(self).and_then(serde_json::from_value);
        let mut object: Map<String, Value> =
            described.map_err(|e| Error::NoJson { reason: e.to_string() })?;
        object.insert("format".to_owned(), FORMAT.into());
        object.insert("version".to_owned(), VERSION.into());
        Ok(object)
    }

    /// For an attribute: JSON of ASCII letters alone, which every HDF5 tool shows.
    pub(crate) fn to_json(&self) -> Result<String, Error> {
        let text = Value::Object(self.object()?).to_string();
        let mut ascii = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_ascii() {
                ascii.push(character);
            } else {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    ascii.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        Ok(ascii)
    }

    /// For the header of a safetensors file.
    pub(crate) fn to_texts(&self) -> Result<BTreeMap<String, String>, Error> {
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(self.object()?.into_iter().map(|(key, value)| (key, text(value))).collect())
    }

    /// Reads what [`Self::to_json`] wrote.
    pub(crate) fn from_json(path: &Path, text: &str) -> Result<Self, Error> {
        let object = serde_json::from_str(text).map_err(|e| wrong(path, ATTRIBUTE, &e))?;
        Self::from_object(path, ATTRIBUTE, object)
    }

    /// Reads what [`Self::to_texts`] wrote.
    pub(crate) fn from_texts(path: &Path, texts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut object = Map::new();
        for (key, text) in texts {
            // What is not JSON stays a text: an error where another type is expected, ignored in a field of another tool.
            let json = if PLAIN.contains(&key.as_str()) { None } else { serde_json::from_str(text).ok() };
            let value = json.unwrap_or_else(|| Value::String(text.clone()));
            object.insert(key.clone(), value);
        }
        Self::from_object(path, "__metadata__", object)
    }

    fn from_object(path: &Path, place: &str, object: Map<String, Value>) -> Result<Self, Error> {
        let (format, version) = (object.get("format"), object.get("version"));
        if format.and_then(Value::as_str) != Some(FORMAT) || version.and_then(Value::as_u64) != Some(VERSION)
        {
            let shown = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
            return Err(Error::Unsupported {
                path: path.to_owned(),
                expected: "a headstart.model of version 1",
                found: format!("the format {} of version {}", shown(format), shown(version)),
            });
        }
        serde_json::from_value(Value::Object(object)).map_err(|e| wrong(path, place, &e))
    }
}

/// The error for something else in the place of a description.
fn wrong(path: &Path, attribute: &str, reason: &serde_json::Error) -> Error {
    Error::WrongAttribute {
        path: path.to_owned(),
        object: "the file".to_owned(),
        attribute: attribute.to_owned(),
        expected: "the description of a model",
        found: format!("something else ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};
    use serde_json::json;

    use super::*;
    use crate::TrainingRecord;

    fn described() -> ModelText {
        let weights = WeightsFile { name: "7".to_owned(), blake3: "0123".to_owned() };
        let mut preprocessing = Preprocessing::preset(Preset::Torchvision, 150, 96);
        preprocessing.preset = "12".to_owned();
        let training = json!({"loss": 0.1f32, "rate": 1.0 / 3.0, "seed": u64::MAX});
        let metadata = ModelMetadata {
            classes: vec!["caf\u{e9}".to_owned(), "\u{1f436} \"dog\"\n".to_owned()],
            provenance: Some(Provenance::stored("vgg16", weights, preprocessing, Pooling::Max, "4567")),
            training: Some(TrainingRecord::new(&training).unwrap()),
            ..ModelMetadata::default()
        };
        let layer_names = vec!["flatten_1".to_owned(), "dense_1".to_owned()];
        ModelText { layer_names, flatten_order: FlattenOrder::ChannelsLast, metadata }
    }

    #[test]
    fn a_description_comes_back_from_both_forms() {
        let path = Path::new("model");
        let json = described().to_json().unwrap();
        assert!(json.is_ascii());
        assert_eq!(ModelText::from_json(path, &json).unwrap(), described());
        let texts = described().to_texts().unwrap();
        assert_eq!(texts["preset"], "12");
        assert_eq!(texts["weights_name"], "7");
        assert_eq!(texts["version"], "1");
        assert_eq!(texts["layer_names"], r#"["flatten_1","dense_1"]"#);
        assert_eq!(ModelText::from_texts(path, &texts).unwrap(), described());
    }

    #[test]
    fn what_is_unknown_is_left_out_and_foreign_fields_are_ignored() {
        let path = Path::new("model");
        let bare = ModelText {
            layer_names: vec![],
            flatten_order: FlattenOrder::ChannelsFirst,
            metadata: ModelMetadata::default(),
        };
        let mut texts = bare.to_texts().unwrap();
        assert_eq!(texts.keys().collect::<Vec<_>>(), ["format", "layer_names", "version"]);
        texts.insert("author".to_owned(), "somebody {".to_owned());
        assert_eq!(ModelText::from_texts(path, &texts).unwrap(), bare);
    }

    #[test]
    fn other_formats_versions_and_types_are_refused() {
        let path = Path::new("model");
        let with = |key: &str, value: &str| {
            let mut texts = described().to_texts().unwrap();
            texts.insert(key.to_owned(), value.to_owned());
            ModelText::from_texts(path, &texts).unwrap_err().to_string()
        };
        assert!(with("version", "2").contains("found the format \"headstart.model\" of version 2"));
        assert!(with("format", "pt").contains("\"pt\""));
        for (key, value) in [
            ("height", "-1"),
            ("height", "tall"),
            ("classes", "cat"),
            ("row_shape", "[1.5]"),
            ("layer_names", "{}"),
            ("flatten_order", "diagonal"),
            ("head", r#"[{"layer":"attention"}]"#),
            ("preprocessing", "{}"),
        ] {
            assert!(with(key, value).contains("the description of a model"), "{key} {value}");
        }
        assert!(ModelText::from_json(path, &"[".repeat(100_000)).is_err());
    }
}
