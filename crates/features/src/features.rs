//! The reader: rows of a `.npy` by number, with its manifest if there is one.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::file::PositionedFile;
use crate::header::NpyHeader;
use crate::manifest::{Manifest, manifest_path};
use crate::manifest_reader::ManifestReader;
use crate::values::ItemType;

/// Bytes read at a time when a whole file is read.
const CHUNK: usize = 1 << 20;

/// The rows of a `.npy` file, this crate's or numpy's.
///
/// Files in C order (what [`Writer`](crate::Writer) writes, and numpy by default) are read row by row, so memory
/// does not grow with the file. A file in Fortran order scatters each row over the whole file. It is read and
/// transposed when it is opened, and takes 4 bytes of memory for each value.
#[derive(Debug)]
pub struct Features {
    path: PathBuf,
    rows: usize,
    row_shape: Vec<usize>,
    row_len: usize,
    values: Values,
    manifest: Option<Manifest>,
}

#[derive(Debug)]
enum Values {
    OnDisk { file: PositionedFile, item: ItemType, data_offset: u64 },
    Transposed(Vec<f32>),
}

impl Features {
    /// Opens a `.npy` of f2, f4 or f8 values, either byte order, C or Fortran order, version 1.0, 2.0 or 3.0, with
    /// two dimensions or more. The first dimension is the number of rows. Halves are read exactly, doubles are rounded to
    /// singles.
    ///
    /// If a manifest lies beside it, it is read and compared with the file: rows, row shape, labels.
    /// [`verify_data`](Self::verify_data) compares the values too.
    ///
    /// # Errors
    /// A file that is not such a `.npy`, is truncated, has bytes after its data, or has no rows; a damaged
    /// manifest; a manifest that disagrees, with both numbers.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, header) = open_npy(path)?;
        let (rows, row_len) = header.rows_and_len(path)?;
        let row_shape = header.shape[1..].to_vec();
        let manifest = manifest_beside(path, rows, &row_shape)?;
        let NpyHeader { item, data_offset, fortran_order, .. } = header;
        let file = PositionedFile::new(file);
        let values = if fortran_order {
            Values::Transposed(read_transposed(&file, path, &header)?)
        } else {
            Values::OnDisk { file, item, data_offset }
        };
        Ok(Self { path: path.to_path_buf(), rows, row_shape, row_len, values, manifest })
    }

    /// The path that was given to [`open`](Self::open).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rows there are; at least 1.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All dimensions but the first: `[512, 4, 4]` for VGG16 at 150 x 150.
    #[must_use]
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// Values in a row: the product of [`row_shape`](Self::row_shape); at least 1.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// The manifest, if one lies beside the file.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Reads rows in the order of `indices`, each flattened in C order.
    ///
    /// # Shapes
    /// `out` holds `indices.len() * row_len` values.
    ///
    /// # Errors
    /// A buffer of another length, a row that is not there, a failed read.
    pub fn read_rows(&self, indices: &[usize], out: &mut [f32]) -> Result<(), Error> {
        let expected = indices.len().saturating_mul(self.row_len);
        if out.len() != expected {
            let (path, rows) = (self.path.clone(), indices.len());
            return Err(Error::Buffer { path, rows, expected, found: out.len() });
        }
        if let Some(&index) = indices.iter().find(|&&index| index >= self.rows) {
            return Err(Error::RowIndex { path: self.path.clone(), index, rows: self.rows });
        }
        let rows = indices.iter().zip(out.chunks_exact_mut(self.row_len));
        match &self.values {
            Values::OnDisk { file, item, data_offset } => {
                let mut bytes = vec![0; self.row_len * item.size()];
                for (&index, row) in rows {
                    let offset = data_offset + index as u64 * bytes.len() as u64;
                    file.read_at(offset, &mut bytes).map_err(Error::io(&self.path, "read it"))?;
                    item.decode(&bytes, row);
                }
            }
            Values::Transposed(values) => {
                for (&index, row) in rows {
                    row.copy_from_slice(&values[index * self.row_len..][..self.row_len]);
                }
            }
        }
        Ok(())
    }

    /// Reads all rows: `rows * row_len` values in C order. Memory grows with the file.
    ///
    /// # Errors
    /// A failed read.
    pub fn read_all(&self) -> Result<Vec<f32>, Error> {
        match &self.values {
            Values::OnDisk { file, item, data_offset } => {
                let mut out = vec![0.0; self.rows * self.row_len];
                let mut rest = out.as_mut_slice();
                walk_data(file, &self.path, *data_offset, self.data_bytes(*item), |bytes| {
                    let (now, later) = std::mem::take(&mut rest).split_at_mut(bytes.len() / item.size());
                    item.decode(bytes, now);
                    rest = later;
                })?;
                Ok(out)
            }
            Values::Transposed(values) => Ok(values.clone()),
        }
    }

    /// The rows' labels from the manifest, in row order; none without a manifest.
    #[must_use]
    pub fn labels(&self) -> Option<Vec<u32>> {
        self.manifest.as_ref().map(|manifest| manifest.rows.iter().map(|row| row.label).collect())
    }

    /// Labels for a bare `.npy` whose rows are sorted by class: `counts[0]` rows of class 0, then `counts[1]` of
    /// class 1, and so on.
    ///
    /// # Errors
    /// Counts that don't sum to the number of rows, with both numbers.
    pub fn labels_from_counts(&self, counts: &[usize]) -> Result<Vec<u32>, Error> {
        let sum = counts.iter().fold(0_usize, |sum, &count| sum.saturating_add(count));
        if sum != self.rows {
            let (path, counts) = (self.path.clone(), counts.to_vec());
            return Err(Error::Counts { path, counts, sum, rows: self.rows });
        }
        Ok((0..).zip(counts).flat_map(|(label, &count)| std::iter::repeat_n(label, count)).collect())
    }

    /// Compares the file's values with the hash in its manifest. It reads the whole file.
    ///
    /// It passes if there is no manifest, or no hash in it. It finds what the shape can't show: values of another run
    /// beside this manifest, and damage on the disk.
    ///
    /// # Errors
    /// A hash that differs, a failed read.
    pub fn verify_data(&self) -> Result<(), Error> {
        let Some(expected) = self.manifest.as_ref().and_then(|manifest| manifest.data_hash.as_ref()) else {
            return Ok(());
        };
        check_hash(&self.path, expected, &self.data_hash()?)
    }

    /// BLAKE3 of the file's values as they are stored, hexadecimal: what the manifest of a file has. It reads the whole file.
    ///
    /// # Errors
    /// A failed read.
    pub fn data_hash(&self) -> Result<String, Error> {
        data_hash(&self.path)
    }

    /// Checks that all values are finite numbers. It reads the whole file.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for the first that is none, with its row; a failed read.
    pub fn check_finite(&self) -> Result<(), Error> {
        let mut first: Option<(usize, f32)> = None;
        let mut done = 0;
        let mut look = |values: &[f32]| {
            if first.is_none()
                && let Some(at) = values.iter().position(|value| !value.is_finite())
            {
                first = Some((done + at, values[at]));
            }
            done += values.len();
        };
        match &self.values {
            Values::OnDisk { file, item, data_offset } => {
                let mut values = Vec::new();
                walk_data(file, &self.path, *data_offset, self.data_bytes(*item), |bytes| {
                    values.resize(bytes.len() / item.size(), 0.0);
                    item.decode(bytes, &mut values);
                    look(&values);
                })?;
            }
            Values::Transposed(values) => look(values),
        }
        let Some((at, value)) = first else { return Ok(()) };
        let (row, index) = (at / self.row_len, at % self.row_len);
        let rows = self.manifest.as_ref().map(|manifest| &manifest.rows);
        let image = rows.and_then(|rows| rows.get(row)).map(|row| row.path.clone());
        Err(Error::NotFinite { path: self.path.clone(), row, image, index, value })
    }

    fn data_bytes(&self, item: ItemType) -> u64 {
        self.rows as u64 * self.row_len as u64 * item.size() as u64
    }
}

/// Opens a regular file and reads its header.
pub(crate) fn open_npy(path: &Path) -> Result<(File, NpyHeader), Error> {
    let mut file = headstart_files::open(path)?;
    let header = NpyHeader::read(&mut file, path)?;
    Ok((file, header))
}

/// Reads the manifest beside `npy`, if there is one, and compares it with the rows found.
pub(crate) fn manifest_beside(
    npy: &Path,
    rows: usize,
    row_shape: &[usize],
) -> Result<Option<Manifest>, Error> {
    ManifestReader::beside(npy, rows, row_shape)?.map(ManifestReader::read_all).transpose()
}

/// BLAKE3 of the values of a `.npy` as they are stored, hexadecimal. It reads the whole file.
///
/// # Errors
/// A failed read.
pub(crate) fn data_hash(npy: &Path) -> Result<String, Error> {
    let (file, header) = open_npy(npy)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = header.elements as u64 * header.item.size() as u64;
    walk_data(&PositionedFile::new(file), npy, header.data_offset, bytes, |bytes| {
        hasher.update(bytes);
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Refuses a `.npy` whose data has another hash than its manifest states.
pub(crate) fn check_hash(npy: &Path, expected: &str, found: &str) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Disagree {
        manifest: manifest_path(npy),
        npy: npy.to_path_buf(),
        npy_has: format!("its data has blake3 {found}"),
        manifest_has: format!("it states {expected}"),
    })
}

/// Calls `take` with the data's bytes in order, a chunk of whole values at a time.
pub(crate) fn walk_data(
    file: &PositionedFile,
    path: &Path,
    data_offset: u64,
    data_bytes: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(data_bytes).unwrap_or(CHUNK))];
    let mut done = 0;
    while done < data_bytes {
        let n = (data_bytes - done).min(chunk.len() as u64);
        let bytes = &mut chunk[..n as usize];
        file.read_at(data_offset + done, bytes).map_err(Error::io(path, "read it"))?;
        take(bytes);
        done += n;
    }
    Ok(())
}

/// All values of a file in Fortran order, put into C order.
fn read_transposed(file: &PositionedFile, path: &Path, header: &NpyHeader) -> Result<Vec<f32>, Error> {
    let NpyHeader { item, ref shape, data_offset, elements, .. } = *header;
    let strides = c_strides(shape);
    let mut out = vec![0.0; elements];
    let mut chunk = Vec::new();
    // Position in the file, first index fastest, and the same element's place in C order.
    let mut index = vec![0_usize; shape.len()];
    let mut place = 0;
    walk_data(file, path, data_offset, elements as u64 * item.size() as u64, |bytes| {
        chunk.resize(bytes.len() / item.size(), 0.0);
        item.decode(bytes, &mut chunk);
        for &value in &chunk {
            out[place] = value;
            for axis in 0..shape.len() {
                index[axis] += 1;
                place += strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                place -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
    })?;
    Ok(out)
}

/// Values between neighbours along each axis, last index fastest.
fn c_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
