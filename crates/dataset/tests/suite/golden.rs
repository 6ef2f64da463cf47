//! Reading the repository's golden files.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A folder of golden files.
pub(crate) struct Golden {
    folder: PathBuf,
}

impl Golden {
    pub(crate) fn of(name: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")).join(name);
        Self { folder }
    }

    pub(crate) fn index(&self) -> Value {
        serde_json::from_slice(&self.bytes("cases.json")).unwrap()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        let path = self.path(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Little-endian 32-bit floats.
    pub(crate) fn floats(&self, file: &str) -> Vec<f32> {
        self.bytes(file).as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
    }
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} in {case}"))
}

pub(crate) fn number(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("{key} in {case}")) as usize
}

pub(crate) fn cases(index: &Value) -> &[Value] {
    index.as_array().unwrap()
}

/// Largest and mean difference of two byte strings of one length.
pub(crate) fn difference(found: &[u8], expected: &[u8]) -> (u8, f64) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(&a, &b)| a.abs_diff(b));
    let sum: u64 = differences.clone().map(u64::from).sum();
    (differences.max().unwrap_or(0), sum as f64 / found.len() as f64)
}
