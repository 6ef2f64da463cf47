//! The values of an HDF5 dataset, read after what it declares was checked against the file.

use std::collections::BTreeSet;

use hdf5::Dataset;

use crate::Error;
use crate::array::element_count;
use crate::error::Shape;
use crate::float::FloatFormat;
use crate::hdf5_file::{Hdf5File, guarded};
use crate::stored::StoredTensor;

/// Bytes of a dataset that are decoded at a time. More would not be faster, and would take memory beside the values.
const WINDOW: u64 = 1 << 20;

/// Deflate does not expand by more than this (zlib's technical notes: 1032 to 1), so nobody who had the values wrote a
/// dataset that declares more.
const LARGEST_EXPANSION: u64 = 1032;

/// A chunk that holds more than its whole dataset may have as many bytes as this.
const LARGEST_SPARE_CHUNK: u64 = 1 << 24;

impl Hdf5File {
    /// The values of `tensor` in C order. Declared sizes are checked before memory is allocated.
    pub(crate) fn read(&self, tensor: &StoredTensor) -> Result<Vec<f32>, Error> {
        let Some(reader) = Reader::new(self, tensor)? else { return Ok(Vec::new()) };
        let rows = match reader.layout()? {
            hdf5::Layout::Contiguous { address, .. } => reader.check_contiguous(address)?,
            hdf5::Layout::Chunked { chunk_shape, index, .. } => reader.check_chunked(&chunk_shape, index)?,
            hdf5::Layout::Compact { .. } => reader.window(),
            _ => return Err(reader.damaged("its values are in other files".to_owned())),
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

    /// Values in one piece lie within the file.
    fn check_contiguous(&self, address: Option<u64>) -> Result<u64, Error> {
        let Some(address) = address else {
            return Err(self.damaged("its values were never written".to_owned()));
        };
        let (end, length) = (address.saturating_add(self.bytes), self.file.length);
        if end > length {
            return Err(self.damaged(format!("its values end at byte {end}, the file ends at byte {length}")));
        }
        Ok(self.window())
    }

    /// Chunks are of a believable size, and all of them are in the file.
    fn check_chunked(&self, chunk_shape: &[u64], index: hdf5::ChunkIndex) -> Result<u64, Error> {
        let (bytes, length) = (self.bytes, self.file.length);
        let filtered = self.guarded(|dataset| Ok(!dataset.filters().is_empty()))?;
        let expansion = if filtered { LARGEST_EXPANSION } else { 1 };
        if bytes > length.saturating_mul(expansion) {
            let reason = format!("its {bytes} bytes cannot come out of a file of {length} bytes");
            return Err(absurd(self.file, self.tensor, reason));
        }
        // A chunk may be larger than its dataset, if that was made to grow, but not by any amount.
        let value = self.format.size() as u64;
        let chunk = chunk_shape.iter().try_fold(value, |product, &axis| product.checked_mul(axis));
        if chunk.is_none_or(|chunk| chunk > bytes.max(LARGEST_SPARE_CHUNK)) {
            return Err(self.damaged(format!("its chunks {} are larger than it", Shape(chunk_shape))));
        }
        // The library cannot list the chunks of this index, which only datasets with several axes to grow along have.
        if index != hdf5::ChunkIndex::BTreeV2 {
            let chunks = self.guarded(Dataset::chunks)?;
            self.check_places(&chunks, chunk_shape).map_err(|reason| self.damaged(reason))?;
        }
        // Whole bands of chunks, so that no chunk is decompressed twice.
        let band = chunk_shape.first().copied().unwrap_or(1).max(1);
        Ok(self.window().next_multiple_of(band))
    }

    /// Every chunk is there once, and within the file.
    ///
    /// The library would allocate what a chunk declares, up to 4 GiB, before it meets the end of the file, and would read
    /// zeros where a chunk is absent.
    fn check_places(&self, chunks: &[hdf5::Chunk], chunk_shape: &[u64]) -> Result<(), String> {
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
        let expected = chunk_shape.iter().zip(shape).fold(1u64, |product, (&step, &axis)| {
            product.saturating_mul((axis as u64).div_ceil(step.max(1)))
        });
        if places.len() as u64 != expected {
            return Err(format!("expected {expected} chunks, found {}", places.len()));
        }
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
