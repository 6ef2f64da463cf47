//! The keys of a JSON object, each as the type that it must have.

use serde_json::{Map, Value};

use crate::{Error, Preprocessing};

/// The longest text that is taken, in bytes.
const MAX_TEXT: usize = 100;

/// Letters of a key or a value that an error shows.
const SHOWN: usize = 60;

/// An object of a configuration. A key whose value is null counts as missing.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// The keys that lead to the object, each with a dot behind it.
    place: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, place: "" }
    }

    /// The object under a key, if it is one. `place` is the key with a dot behind it.
    pub(super) fn inner(&self, key: &str, place: &'static str) -> Option<Self> {
        Some(Self { object: self.get(key)?.as_object()?, place })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Keys with values, in the order of their names.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> =
            self.object.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, Error> {
        self.typed(key, "a short text", |value| value.as_str().filter(|text| text.len() <= MAX_TEXT))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        self.typed(key, "a number", |value| value.as_f64().filter(|number| number.is_finite()))
    }

    /// Three numbers, as a list or as one number for all three.
    pub(super) fn of_channels(&self, key: &str) -> Result<[f32; 3], Error> {
        let single = |value: &Value| value.as_f64().map(|number| number as f32).filter(|n| n.is_finite());
        let three = |value: &Value| match value {
            Value::Array(values) => match values.as_slice() {
                [red, green, blue] => Some([single(red)?, single(green)?, single(blue)?]),
                _ => None,
            },
            value => single(value).map(|number| [number; 3]),
        };
        const EXPECTED: &str = "three numbers, of red, green and blue";
        self.typed(key, EXPECTED, three)?.ok_or_else(|| self.wrong(key, EXPECTED))
    }

    /// What the channels are divided by: as [`of_channels`](Self::of_channels), and never zero.
    pub(super) fn divisors(&self, key: &str) -> Result<[f32; 3], Error> {
        let divisors = self.of_channels(key)?;
        if divisors.contains(&0.0) {
            return Err(self.wrong(key, "three numbers other than zero"));
        }
        Ok(divisors)
    }

    /// The side of an image in pixels.
    pub(super) fn side(&self, key: &str) -> Result<usize, Error> {
        let expected = expected_side();
        self.typed(key, &expected, side)?.ok_or_else(|| self.wrong(key, &expected))
    }

    /// The value of a key that may be missing.
    pub(super) fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(key, expected)),
        }
    }

    /// The error for a value that the key can't have, or for none.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::Config { key: self.name(key), expected: expected.to_owned(), found: self.found(key) }
    }

    /// The error for a value that means something that can't be done.
    pub(super) fn unsupported(&self, key: &str, expected: &str) -> Error {
        Error::UnsupportedConfig {
            key: self.name(key),
            expected: expected.to_owned(),
            found: self.found(key),
        }
    }

    fn name(&self, key: &str) -> String {
        format!("{}{}", self.place, cut(key))
    }

    /// The value as JSON.
    fn found(&self, key: &str) -> String {
        let Some(value) = self.get(key) else { return "none".to_owned() };
        cut(&value.to_string())
    }
}

/// The start of a text that may be of any length.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value that is the side of an image.
pub(super) fn side(value: &Value) -> Option<usize> {
    let side = usize::try_from(value.as_u64()?).ok()?;
    (1..=Preprocessing::MAX_SIDE).contains(&side).then_some(side)
}

pub(super) fn expected_side() -> String {
    format!("1 to {} pixels", Preprocessing::MAX_SIDE)
}
