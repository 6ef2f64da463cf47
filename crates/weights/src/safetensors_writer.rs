//! Safetensors files: the header, and files of nothing but arrays.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Array, Error, IfExists};

/// The header is padded with spaces to a multiple of this, as safetensors does, so that values are aligned.
const ALIGNMENT: usize = 8;

/// A tensor of a file: its name, type, shape and bytes.
pub(crate) type Entry = (String, &'static str, Vec<usize>, usize);

/// What a file starts with: the length of its header, and the header, sorted by key so that it is always the same. The tensors
/// follow in the order in which they are given.
pub(crate) fn start(
    tensors: impl IntoIterator<Item = Entry>,
    texts: BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let mut entries = BTreeMap::from([("__metadata__".to_owned(), json!(texts))]);
    let mut start = 0;
    for (name, dtype, shape, bytes) in tensors {
        let end = start + bytes;
        entries.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let entries: Map<String, Value> = entries.into_iter().collect();
    let header = serde_json::to_vec(&entries).map_err(|e| Error::NoJson { reason: e.to_string() })?;
    let length = header.len().next_multiple_of(ALIGNMENT);
    let mut bytes = (length as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.resize(size_of::<u64>() + length, b' ');
    Ok(bytes)
}

/// The entry of an array.
pub(crate) fn entry(name: String, array: &Array) -> Entry {
    (name, "F32", array.shape.clone(), size_of_val(&array.values[..]))
}

/// Writes arrays under names, with texts about them, as a safetensors file that any library opens: the state dict of a module of
/// PyTorch, say. The same arrays give the same bytes.
///
/// # Errors
/// [`Error::File`] if the name is taken or can't be written.
///
/// # Examples
/// ```
/// use headstart_weights::{Array, IfExists, save_arrays};
///
/// let folder = tempfile::tempdir()?;
/// let bias = Array::new(vec![2], vec![0.5, -0.5])?;
/// let path = folder.path().join("state.safetensors");
/// save_arrays(&path, &[("head.bias".to_owned(), &bias)], Default::default(), IfExists::Refuse)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_arrays(
    path: &Path,
    arrays: &[(String, &Array)],
    texts: BTreeMap<String, String>,
    if_exists: IfExists,
) -> Result<(), Error> {
    let start = start(arrays.iter().map(|(name, array)| entry(name.clone(), array)), texts)?;
    headstart_files::write(path, if_exists, |writer| {
        let mut write = |bytes: &[u8]| writer.write_all(bytes).map_err(Error::io(path, "write it"));
        write(&start)?;
        for value in arrays.iter().flat_map(|(_, array)| &array.values) {
            write(&value.to_le_bytes())?;
        }
        Ok(())
    })
}
