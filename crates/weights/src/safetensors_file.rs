//! The safetensors reader: the header at once, each tensor when it is asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::float::{FloatFormat, FloatWidth};
use crate::stored::StoredTensor;
use crate::{Error, Source};

/// Bytes of the length field at the start.
const LENGTH_FIELD: u64 = 8;
/// The format's own limit on its header.
const LARGEST_HEADER: u64 = 100_000_000;
/// Bytes that are decoded at a time; a multiple of every width.
const WINDOW: usize = 1 << 20;

/// An open safetensors file.
pub(crate) struct SafetensorsFile<'a> {
    path: PathBuf,
    bytes: Bytes<'a>,
    /// Tensors by name, each with its place in the file.
    tensors: BTreeMap<String, Entry>,
    /// The free texts of the header.
    pub(crate) texts: BTreeMap<String, String>,
}

/// The whole file.
enum Bytes<'a> {
    /// Tensors are read on several threads, and a file has one position: the holder of the lock seeks first. A part of a
    /// file has a start and a length.
    OnDisk {
        file: Mutex<File>,
        start: u64,
        length: u64,
    },
    InMemory(&'a [u8]),
}

struct Entry {
    stored: StoredTensor,
    start: u64,
    bytes: usize,
}

impl<'a> SafetensorsFile<'a> {
    /// Whether the first bytes of a file are a safetensors header: a length, then JSON.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.len() > 8
            && start[8] == b'{'
            && start[..8].try_into().is_ok_and(|length| u64::from_le_bytes(length) <= LARGEST_HEADER)
    }

    pub(crate) fn open(source: Source<'a>) -> Result<Self, Error> {
        let path = source.path();
        let bytes = match source {
            Source::File(path) => {
                let file = headstart_files::open(path)?;
                let length = file.metadata().map_err(Error::io(path, "read it"))?.len();
                Bytes::OnDisk { file: Mutex::new(file), start: 0, length }
            }
            Source::Part { path, start, length } => {
                Bytes::OnDisk { file: Mutex::new(headstart_files::open(path)?), start, length }
            }
            Source::Memory { bytes, .. } => Bytes::InMemory(bytes),
        };
        let damaged = |reason: &dyn std::fmt::Display| Error::damaged(path, "the header", reason);
        let length = bytes.len();
        let mut field = [0; LENGTH_FIELD as usize];
        bytes.read_at(0, &mut field).map_err(|_| damaged(&"the file ends before it"))?;
        let header_length = u64::from_le_bytes(field);
        if header_length > LARGEST_HEADER || header_length > length.saturating_sub(LENGTH_FIELD) {
            return Err(damaged(&format!(
                "it says that it is {header_length} bytes long, but the file has {length}"
            )));
        }
        let mut header = vec![0; header_length as usize];
        bytes.read_at(LENGTH_FIELD, &mut header).map_err(|_| damaged(&"the file ends within it"))?;
        // Parsed alone, because the library's own entry point wants every tensor in memory. Deserializing checks the
        // same: offsets without gaps or overlaps, sizes that fit the shapes.
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|_| damaged(&"it is not the JSON of tensors whose places follow one another"))?;
        let data = LENGTH_FIELD + header_length;
        // The tensors' end is a number of the header, and may be any.
        let end = metadata.data_len() as u64;
        if data.checked_add(end) != Some(length) {
            let found = length.saturating_sub(data);
            return Err(damaged(&format!("it promises {end} bytes after it, but the file has {found}")));
        }

        let mut tensors = BTreeMap::new();
        for (name, info) in metadata.tensors() {
            let (start, end) = info.data_offsets;
            let stored = StoredTensor {
                name: name.clone(),
                shape: info.shape.clone(),
                float: float_format(info.dtype),
                dtype: info.dtype.to_string().to_lowercase(),
                storage: "contiguous".to_owned(),
            };
            tensors.insert(name, Entry { stored, start: data + start as u64, bytes: end - start });
        }
        let texts = metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(Self { path: path.to_owned(), bytes, tensors, texts })
    }

    /// Every tensor, by name.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &StoredTensor> {
        self.tensors.values().map(|entry| &entry.stored)
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name).map(|entry| &entry.stored)
    }

    /// The bytes of `tensor`, and where they start in the file.
    pub(crate) fn bytes(&self, tensor: &StoredTensor) -> Option<(u64, u64)> {
        self.tensors.get(&tensor.name).map(|entry| (entry.start, entry.bytes as u64))
    }

    /// Reads the bytes of `tensor` as they are.
    pub(crate) fn read_bytes(&self, tensor: &StoredTensor) -> Result<Vec<u8>, Error> {
        let (start, length) = self.bytes(tensor).unwrap_or_default();
        // The header was checked against the file's length, so this is no more than the file holds.
        let mut bytes = vec![0; length as usize];
        self.bytes.read_at(start, &mut bytes).map_err(Error::io(&self.path, "read it"))?;
        Ok(bytes)
    }

    /// The values of `tensor` in C order.
    pub(crate) fn read(&self, tensor: &StoredTensor) -> Result<Vec<f32>, Error> {
        let wrong_type = || Error::WrongType {
            path: self.path.clone(),
            dataset: tensor.name.clone(),
            found: tensor.dtype.clone(),
        };
        let format = tensor.float.ok_or_else(wrong_type)?;
        let entry = self.tensors.get(&tensor.name).ok_or_else(wrong_type)?;
        // The header was checked against the file's length, so this is no more than the file holds.
        let mut values = Vec::with_capacity(entry.bytes / format.size());
        if let Bytes::InMemory(bytes) = self.bytes {
            format.decode_into(part(bytes, entry.start, entry.bytes).unwrap_or_default(), &mut values);
            return Ok(values);
        }
        let mut window = vec![0; WINDOW.min(entry.bytes)];
        for start in (0..entry.bytes).step_by(WINDOW) {
            let part = &mut window[..WINDOW.min(entry.bytes - start)];
            let read = self.bytes.read_at(entry.start + start as u64, part);
            read.map_err(Error::io(&self.path, "read it"))?;
            format.decode_into(part, &mut values);
        }
        Ok(values)
    }
}

impl Bytes<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::OnDisk { length, .. } => *length,
            Self::InMemory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `out` from `offset` on.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::OnDisk { file, start, .. } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start.saturating_add(offset)))?;
                file.read_exact(out)
            }
            Self::InMemory(bytes) => {
                out.copy_from_slice(part(bytes, offset, out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// `length` bytes from `offset` on, if there are as many.
fn part(bytes: &[u8], offset: u64, length: usize) -> Option<&[u8]> {
    bytes.get(usize::try_from(offset).ok()?..)?.get(..length)
}

fn float_format(dtype: Dtype) -> Option<FloatFormat> {
    let width = match dtype {
        Dtype::F16 => FloatWidth::Half,
        Dtype::BF16 => FloatWidth::BFloat,
        Dtype::F32 => FloatWidth::Single,
        Dtype::F64 => FloatWidth::Double,
        _ => return None,
    };
    Some(FloatFormat { width, big_endian: false })
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn only_a_length_and_json_are_recognised() {
        assert!(SafetensorsFile::recognises(b"\x40\0\0\0\0\0\0\0{\"a"));
        assert!(!SafetensorsFile::recognises(b"\x40\0\0\0\0\0\0\0<htm"));
        assert!(!SafetensorsFile::recognises(b"\xff\xff\xff\xff\xff\xff\xff\x7f{"));
        assert!(!SafetensorsFile::recognises(b""));
    }

    #[test]
    fn tensors_read_at_the_same_time_have_their_own_values() {
        const VALUES: usize = 16;
        let names: Vec<String> = (0..64).map(|tensor| format!("tensor_{tensor:02}")).collect();
        let entry = |(index, name): (usize, &String)| {
            let (start, end) = (index * VALUES * 4, (index + 1) * VALUES * 4);
            format!(r#""{name}":{{"dtype":"F32","shape":[{VALUES}],"data_offsets":[{start},{end}]}}"#)
        };
        let header = format!("{{{}}}", names.iter().enumerate().map(entry).collect::<Vec<_>>().join(","));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        for tensor in 0..names.len() {
            bytes.extend((tensor as f32).to_le_bytes().repeat(VALUES));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many.safetensors");
        std::fs::write(&path, bytes).unwrap();

        let file = SafetensorsFile::open(Source::File(&path)).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
        pool.install(|| {
            (0..names.len() * 500).into_par_iter().for_each(|turn| {
                let index = turn % names.len();
                let values = file.read(file.tensor(&names[index]).unwrap()).unwrap();
                assert_eq!(values.len(), VALUES);
                assert!(values.iter().all(|value| *value == index as f32), "{}", names[index]);
            });
        });
    }
}
