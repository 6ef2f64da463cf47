//! The values of an HDF5 dataset, read after what it declares was checked against the file.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use hdf5::Dataset;

use crate::Error;
use crate::array::element_count;
use crate::error::Shape;
use crate::float::FloatFormat;
use crate::hdf5_fault::{B_TREE_2, REPACK, VIRTUAL};
use crate::hdf5_file::{Hdf5File, guarded};
use crate::stored::StoredTensor;

/// Bytes of a dataset that are decoded at a time. More would not be faster, and would take memory beside the values.
const WINDOW: u64 = 1 << 20;

/// Deflate does not expand by more than this (zlib's technical notes: 1032 to 1), so nobody who had the values wrote a
/// dataset that declares more.
const LARGEST_EXPANSION: u64 = 1032;

/// A chunk that holds more than its whole dataset may have as many bytes as this.
const LARGEST_SPARE_CHUNK: u64 = 1 << 24;

/// Bytes of a file's values that were never written. They take no room in the file, so that its length limits nothing. The
/// parameters of the largest backbones have some 100 MB.
const MOST_UNWRITTEN: u64 = 1 << 28;

/// Chunks that a short file may have: one that was never written takes no byte.
const MOST_CHUNKS: u64 = 1 << 16;

/// The values of a file that were never written, as far as they were read.
#[derive(Default)]
pub(crate) struct Unwritten {
    bytes: u64,
    /// Full names of the datasets they are in.
    pub(crate) tensors: BTreeSet<String>,
}

impl Hdf5File {
    /// The values of `tensor` in C order. Declared sizes are checked before memory is allocated.
    pub(crate) fn read(&self, tensor: &StoredTensor) -> Result<Vec<f32>, Error> {
        let Some(reader) = Reader::new(self, tensor)? else { return Ok(Vec::new()) };
        let rows = match reader.layout()? {
            hdf5::Layout::Contiguous { address, .. } => reader.check_contiguous(address)?,
            hdf5::Layout::Chunked { chunk_shape, index, .. } => reader.check_chunked(&chunk_shape, index)?,
            hdf5::Layout::Compact { .. } => reader.window(),
            _ => return Err(reader.unsupported(VIRTUAL)),
        };
        reader.read(rows)
    }
}

/// One dataset that has values.
struct Reader<'a> {
    file: &'a Hdf5File,
    tensor: &'a StoredTensor,
    dataset: Dataset,
    format: FloatFormat,
    /// Number of values.
    count: usize,
    /// Length of the first axis.
    rows: u64,
    /// Bytes of all values, not compressed.
    bytes: u64,
}

impl<'a> Reader<'a> {
    /// `None` for a dataset without values.
    fn new(file: &'a Hdf5File, tensor: &'a StoredTensor) -> Result<Option<Self>, Error> {
        let format = tensor.float.ok_or_else(|| Error::WrongType {
            path: file.path().to_owned(),
            dataset: tensor.name.clone(),
            found: tensor.dtype.clone(),
        })?;
        let count = element_count(&tensor.shape)
            .filter(|count| count.checked_mul(format.size()).is_some())
            .ok_or_else(|| absurd(file, tensor, "no memory could address its values".to_owned()))?;
        if count == 0 {
            return Ok(None);
        }
        let dataset = guarded(file.path(), &tensor.name, || file.file.dataset(&tensor.name))?;
        let rows = tensor.shape.first().map_or(1, |&rows| rows as u64);
        let bytes = (count * format.size()) as u64;
        Ok(Some(Self { file, tensor, dataset, format, count, rows, bytes }))
    }

    fn damaged(&self, reason: String) -> Error {
        Error::damaged(self.file.path(), &self.tensor.name, reason)
    }

    fn unsupported(&self, feature: &str) -> Error {
        Error::unsupported_storage(self.file.path(), &self.tensor.name, feature, REPACK)
    }

    fn guarded<T>(&self, call: impl FnOnce(&Dataset) -> Result<T, hdf5::Error>) -> Result<T, Error> {
        guarded(self.file.path(), &self.tensor.name, || call(&self.dataset))
    }

    fn layout(&self) -> Result<hdf5::Layout, Error> {
        self.guarded(Dataset::layout)
    }

    fn row_bytes(&self) -> u64 {
        self.bytes / self.rows
    }

    /// Rows that are decoded at a time.
    fn window(&self) -> u64 {
        (WINDOW / self.row_bytes()).max(1)
    }

    /// Values in one piece lie within the file, or were never written.
    fn check_contiguous(&self, address: Option<u64>) -> Result<u64, Error> {
        let Some(address) = address else {
            self.count_unwritten(self.bytes)?;
            return Ok(self.window());
        };
        let (end, length) = (address.saturating_add(self.bytes), self.file.length);
        if end > length {
            return Err(self.damaged(format!("its values end at byte {end}, the file ends at byte {length}")));
        }
        Ok(self.window())
    }

    /// Chunks are of a believable size, and all that were written are in the file.
    fn check_chunked(&self, chunk_shape: &[u64], index: hdf5::ChunkIndex) -> Result<u64, Error> {
        let (bytes, length) = (self.bytes, self.file.length);
        let filtered = self.guarded(|dataset| Ok(!dataset.filters().is_empty()))?;
        let expansion = if filtered { LARGEST_EXPANSION } else { 1 };
        let most = length.saturating_mul(expansion);
        let not_of_the_file = || {
            let reason = format!("its {bytes} bytes cannot come out of a file of {length} bytes");
            absurd(self.file, self.tensor, reason)
        };
        if bytes > most.max(MOST_UNWRITTEN) {
            return Err(not_of_the_file());
        }
        // A chunk may be larger than its dataset, if that was made to grow, but not by any amount.
        let value = self.format.size() as u64;
        let chunk = chunk_shape.iter().try_fold(value, |product, &axis| product.checked_mul(axis));
        let Some(chunk) = chunk.filter(|&chunk| chunk <= bytes.max(LARGEST_SPARE_CHUNK)) else {
            return Err(self.damaged(format!("its chunks {} are larger than it", Shape(chunk_shape))));
        };
        let expected = self.expected_chunks(chunk_shape);
        if expected > length.max(MOST_CHUNKS) {
            return Err(not_of_the_file());
        }
        let chunks = match self.guarded(Dataset::chunks) {
            Err(_) if index == hdf5::ChunkIndex::BTreeV2 => return Err(self.unsupported(B_TREE_2)),
            chunks => chunks?,
        };
        let found = self.check_places(&chunks, chunk_shape).map_err(|reason| self.damaged(reason))?;
        if bytes.min(chunk.saturating_mul(found)) > most {
            return Err(not_of_the_file());
        }
        if found < expected {
            self.count_unwritten(bytes.min(chunk.saturating_mul(expected - found)))?;
        }
        // Whole bands of chunks, so that no chunk is decompressed twice.
        let band = chunk_shape.first().copied().unwrap_or(1).max(1);
        Ok(self.window().next_multiple_of(band))
    }

    /// The number of chunks that the shape is cut into.
    fn expected_chunks(&self, chunk_shape: &[u64]) -> u64 {
        chunk_shape
            .iter()
            .zip(&self.tensor.shape)
            .fold(1u64, |product, (&step, &axis)| product.saturating_mul((axis as u64).div_ceil(step.max(1))))
    }

    /// Every chunk is there at most once, and within the file. Gives their number.
    ///
    /// The library would allocate what a chunk declares, up to 4 GiB, before it meets the end of the file.
    fn check_places(&self, chunks: &[hdf5::Chunk], chunk_shape: &[u64]) -> Result<u64, String> {
        let (shape, length) = (&self.tensor.shape, self.file.length);
        let mut places = BTreeSet::new();
        for chunk in chunks {
            let end = chunk.address.saturating_add(chunk.storage_size);
            if end > length {
                return Err(format!("one of its chunks ends at byte {end}, the file ends at byte {length}"));
            }
            let within =
                chunk.offset.len() == shape.len()
                    && chunk.offset.iter().zip(chunk_shape).zip(shape).all(|((&offset, &step), &axis)| {
                        offset < axis as u64 && step > 0 && offset % step == 0
                    });
            if !within || !places.insert(&chunk.offset) {
                return Err(format!("its chunk at {} has no place in it", Shape(&chunk.offset)));
            }
        }
        Ok(places.len() as u64)
    }

    /// Counts values that were never written. They have the fill value, which is 0 if the file states none: the library gives
    /// it as HDF5 does.
    fn count_unwritten(&self, bytes: u64) -> Result<(), Error> {
        let mut unwritten = self.file.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.bytes = unwritten.bytes.saturating_add(bytes);
        if unwritten.bytes > MOST_UNWRITTEN {
            let reason = format!("more than {MOST_UNWRITTEN} bytes of the file's values were never written");
            return Err(absurd(self.file, self.tensor, reason));
        }
        unwritten.tensors.insert(self.tensor.name.clone());
        Ok(())
    }

    /// The values, `rows` of the first axis at a time.
    fn read(&self, rows: u64) -> Result<Vec<f32>, Error> {
        let mut values = Vec::new();
        values.try_reserve_exact(self.count).map_err(|_| {
            absurd(self.file, self.tensor, format!("there is no memory for its {} values", self.count))
        })?;
        for start in (0..self.rows).step_by(usize::try_from(rows).unwrap_or(usize::MAX)) {
            let taken = rows.min(self.rows - start);
            let raw = self.guarded(|dataset| dataset.read_raw_rows(start, taken))?;
            let expected = taken * self.row_bytes();
            if raw.len() as u64 != expected {
                return Err(self.damaged(format!("expected {expected} bytes, found {}", raw.len())));
            }
            self.format.decode_into(&raw, &mut values);
        }
        Ok(values)
    }
}

fn absurd(file: &Hdf5File, tensor: &StoredTensor, reason: String) -> Error {
    Error::AbsurdShape {
        path: file.path().to_owned(),
        dataset: tensor.name.clone(),
        shape: tensor.shape.iter().map(|&axis| axis as u64).collect(),
        reason,
    }
}
