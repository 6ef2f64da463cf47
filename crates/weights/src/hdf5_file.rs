//! The HDF5 reader, wrapped: errors name the file and the object, nothing panics, and the file alone never decides how much
//! memory is allocated.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hdf5::{AttrValue, Datatype, DatatypeByteOrder, FloatingPointLayout};

use crate::Error;
use crate::error::Shape;
use crate::float::{FloatFormat, FloatWidth};
use crate::stored::StoredTensor;

/// Groups within groups, and objects in all, that a walk visits: hard links can make a cycle.
const DEEPEST: usize = 24;
const MOST_OBJECTS: usize = 100_000;

/// Tensors that are looked at. One may have many names (links, `a` and `a/`), so that a short file could stand for
/// millions. Keras's own largest networks have some two thousand.
const MOST_TENSORS: usize = 20_000;

/// Bytes of all full names. A name repeats those of the groups around it, so that a short file of long names could stand
/// for gigabytes. The largest networks have some megabytes.
const MOST_NAME_BYTES: usize = 16 << 20;

/// The layout that h5py writes for numpy's float16.
const HALF: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

/// An open HDF5 file. Only what is asked for is read.
pub(crate) struct Hdf5File {
    path: PathBuf,
    pub(crate) file: hdf5::File,
    /// Length of the file in bytes.
    pub(crate) length: u64,
    /// Tensors looked at so far.
    tensors: AtomicUsize,
    /// Bytes of names kept so far.
    name_bytes: AtomicUsize,
}

/// Names of the children of a group, each list sorted by code point.
#[derive(Default)]
pub(crate) struct Children {
    pub(crate) groups: Vec<String>,
    pub(crate) datasets: Vec<String>,
}

impl Hdf5File {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let metadata = headstart_files::open(path)?.metadata().map_err(Error::io(path, "read it"))?;
        let file = guarded(path, "the superblock", || hdf5::File::open_streaming(path))?;
        Ok(Self::new(path, file, metadata.len()))
    }

    /// A file in memory, which is part of the one at `path`.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let length = bytes.len() as u64;
        let file = guarded(path, "the superblock", || hdf5::File::from_bytes(bytes))?;
        Ok(Self::new(path, file, length))
    }

    fn new(path: &Path, file: hdf5::File, length: u64) -> Self {
        let path = path.to_owned();
        Self { path, file, length, tensors: AtomicUsize::new(0), name_bytes: AtomicUsize::new(0) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error for an attribute that `object` should have.
    pub(crate) fn missing_attribute(&self, object: &str, attribute: &str, expected: &'static str) -> Error {
        Error::MissingAttribute {
            path: self.path.clone(),
            object: object.to_owned(),
            attribute: attribute.to_owned(),
            expected,
        }
    }

    /// Sub-groups and datasets of `group` ("" is the root).
    pub(crate) fn children(&self, group: &str) -> Result<Children, Error> {
        let shown = shown(group);
        guarded(&self.path, shown, || {
            let group = self.group(group)?;
            let mut children = Children { groups: group.groups()?, datasets: group.datasets()? };
            children.groups.sort_unstable();
            children.datasets.sort_unstable();
            Ok(children)
        })
    }

    /// The attributes of `group` that have a readable value.
    pub(crate) fn attributes(&self, group: &str) -> Result<BTreeMap<String, AttrValue>, Error> {
        let attributes = guarded(&self.path, shown(group), || self.group(group)?.attrs())?;
        Ok(attributes.into_iter().collect())
    }

    /// An integer attribute of any width and sign; `None` if it is absent.
    pub(crate) fn count(&self, group: &str, name: &str) -> Result<Option<u64>, Error> {
        let attributes = self.attributes(group)?;
        let Some(value) = attributes.get(name) else { return Ok(None) };
        let count = value.as_u64().or_else(|| value.as_i64().and_then(|v| u64::try_from(v).ok()));
        count.map(Some).ok_or_else(|| Error::WrongAttribute {
            path: self.path.clone(),
            object: shown(group).to_owned(),
            attribute: name.to_owned(),
            expected: "a whole number",
            found: value.to_string(),
        })
    }

    /// A list of names; `None` if it is absent.
    ///
    /// Keras cuts a list too long for one attribute into `{name}0`, `{name}1`, ... An empty list is what numpy
    /// makes of `[]`, an array of no doubles.
    pub(crate) fn names(&self, group: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        let attributes = self.attributes(group)?;
        if let Some(value) = attributes.get(name) {
            return self.as_names(group, name, value).map(Some);
        }
        let mut names = None;
        for part in 0.. {
            let part = format!("{name}{part}");
            let Some(value) = attributes.get(&part) else { break };
            names.get_or_insert_with(Vec::new).extend(self.as_names(group, &part, value)?);
        }
        Ok(names)
    }

    fn as_names(&self, group: &str, attribute: &str, value: &AttrValue) -> Result<Vec<String>, Error> {
        let empty =
            value.to_f64s().is_some_and(|v| v.is_empty()) || value.to_i64s().is_some_and(|v| v.is_empty());
        match value.as_strings() {
            Some(names) => Ok(names.to_vec()),
            None if empty => Ok(Vec::new()),
            None => Err(Error::WrongAttribute {
                path: self.path.clone(),
                object: shown(group).to_owned(),
                attribute: attribute.to_owned(),
                expected: "a list of names",
                found: value.to_string(),
            }),
        }
    }

    /// What the file declares about the dataset `name`. `promised_by` is what says that it exists.
    ///
    /// # Errors
    /// Those of the file, and [`Error::Damaged`] for more tensors, or bytes of names, than any network has.
    pub(crate) fn tensor(&self, name: &str, promised_by: &str) -> Result<StoredTensor, Error> {
        if self.tensors.fetch_add(1, Ordering::Relaxed) >= MOST_TENSORS {
            let reason = format!("expected at most {MOST_TENSORS} tensors in a file, found more");
            return Err(Error::damaged(&self.path, name, reason));
        }
        self.count_name(name)?;
        guarded(&self.path, name, || {
            let dataset = match self.file.dataset(name) {
                Err(hdf5::Error::Format(hdf5::FormatError::PathNotFound(_))) => return Ok(None),
                other => other?,
            };
            let datatype = dataset.datatype()?;
            let shape =
                dataset.shape()?.iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX)).collect();
            let mut storage = match dataset.layout()? {
                hdf5::Layout::Compact { .. } => "compact".to_owned(),
                hdf5::Layout::Contiguous { .. } => "contiguous".to_owned(),
                hdf5::Layout::Chunked { chunk_shape, .. } => format!("chunked {}", Shape(&chunk_shape)),
                _ => "virtual".to_owned(),
            };
            for filter in dataset.filter_pipeline() {
                storage.push_str(", ");
                storage.push_str(&filter_name(filter.id));
            }
            let float = float_format(&datatype);
            let dtype = float.map_or_else(|| datatype.to_string(), float_name);
            Ok(Some(StoredTensor { name: name.to_owned(), shape, float, dtype, storage }))
        })?
        .ok_or_else(|| Error::MissingObject {
            path: self.path.clone(),
            object: name.to_owned(),
            promised_by: promised_by.to_owned(),
        })
    }

    /// Counts a name that is kept.
    fn count_name(&self, name: &str) -> Result<(), Error> {
        let before = self.name_bytes.fetch_add(name.len(), Ordering::Relaxed);
        if before.saturating_add(name.len()) <= MOST_NAME_BYTES {
            return Ok(());
        }
        let reason = format!("expected at most {MOST_NAME_BYTES} bytes of names in a file, found more");
        Err(Error::damaged(&self.path, "its names", reason))
    }

    /// Full names of every group below `group` that `enter` accepts, parents first, children sorted, with their
    /// datasets.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the groups are nested too deeply or are too many, for links that form a cycle, or if their
    /// names are too long.
    pub(crate) fn walk(
        &self,
        group: &str,
        enter: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<String>)>, Error> {
        let mut found = Vec::new();
        let mut objects = 0;
        self.walk_into(group, 0, enter, &mut objects, &mut found)?;
        Ok(found)
    }

    fn walk_into(
        &self,
        group: &str,
        depth: usize,
        enter: &dyn Fn(&str) -> bool,
        objects: &mut usize,
        found: &mut Vec<(String, Vec<String>)>,
    ) -> Result<(), Error> {
        let Children { groups, datasets } = self.children(group)?;
        *objects += groups.len() + datasets.len();
        if depth > DEEPEST || *objects > MOST_OBJECTS {
            return Err(Error::damaged(
                &self.path,
                shown(group),
                "its groups are nested without end, or too many",
            ));
        }
        for name in datasets.iter().chain(&groups).map(String::as_str).chain([group]) {
            self.count_name(name)?;
        }
        found.push((group.to_owned(), datasets));
        for child in groups {
            let child = join(group, &child);
            if enter(&child) {
                self.walk_into(&child, depth + 1, enter, objects, found)?;
            }
        }
        Ok(())
    }

    fn group(&self, group: &str) -> Result<hdf5::Group, hdf5::Error> {
        if group.is_empty() { Ok(self.file.root()) } else { self.file.group(group) }
    }
}

/// `group/name`, without a slash before a child of the root.
pub(crate) fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

/// A group as an error names it.
pub(crate) fn shown(group: &str) -> &str {
    if group.is_empty() { "the root group" } else { group }
}

/// Runs a call into the HDF5 library. Its errors get the names of the file and the object. A panic in it, which would be a
/// defect, becomes an error as well.
pub(crate) fn guarded<T>(
    path: &Path,
    object: &str,
    call: impl FnOnce() -> Result<T, hdf5::Error>,
) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(hdf5::Error::Io(cause))) => Err(Error::io(path, "read or write it")(cause)),
        Ok(Err(error)) => Err(Error::damaged(path, object, error)),
        Err(_) => Err(Error::damaged(path, object, "the HDF5 library gave up on it")),
    }
}

fn float_format(datatype: &Datatype) -> Option<FloatFormat> {
    let Datatype::FloatingPoint { size, byte_order, layout } = datatype else { return None };
    let width = match (size, *layout) {
        (2, layout) if layout == HALF => FloatWidth::Half,
        (4, FloatingPointLayout::IEEE754_BINARY32) => FloatWidth::Single,
        (8, FloatingPointLayout::IEEE754_BINARY64) => FloatWidth::Double,
        _ => return None,
    };
    match byte_order {
        DatatypeByteOrder::LittleEndian => Some(FloatFormat { width, big_endian: false }),
        DatatypeByteOrder::BigEndian => Some(FloatFormat { width, big_endian: true }),
        DatatypeByteOrder::Vax => None,
    }
}

fn float_name(format: FloatFormat) -> String {
    let name = match format.width {
        FloatWidth::Half => "f16",
        FloatWidth::BFloat => "bf16",
        FloatWidth::Single => "f32",
        FloatWidth::Double => "f64",
    };
    if format.big_endian { format!("{name} big-endian") } else { name.to_owned() }
}

/// Names of the filters that the HDF5 library defines itself, and h5py's own.
fn filter_name(id: u16) -> String {
    match id {
        1 => "deflate".to_owned(),
        2 => "shuffle".to_owned(),
        3 => "fletcher32".to_owned(),
        4 => "szip".to_owned(),
        5 => "nbit".to_owned(),
        6 => "scale-offset".to_owned(),
        32000 => "lzf".to_owned(),
        other => format!("filter {other}"),
    }
}
