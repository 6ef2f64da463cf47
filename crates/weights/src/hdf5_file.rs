//! The HDF5 reader, wrapped: errors name the file and the object, nothing panics, and the file alone never decides how much
//! memory is allocated.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hdf5::{AttrValue, Datatype, DatatypeByteOrder, FloatingPointLayout, Source};

use crate::Error;
use crate::error::Shape;
use crate::float::{FloatFormat, FloatWidth};
use crate::hdf5_fault::{JOIN, RESOLVE_LINKS, SEVERAL_FILES, fault, filter_name};
use crate::hdf5_source::Hdf5Source;
use crate::hdf5_values::Unwritten;
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

/// The kinds of a link message, and its bytes before the name at most.
const SOFT_LINK: u8 = 1;
const EXTERNAL_LINK: u8 = 64;
const LINK_HEADER: usize = 20;

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

/// The layout that HDF5 2.0 calls `H5T_FLOAT_BFLOAT16`.
const BFLOAT: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 7,
    exponent_size: 8,
    mantissa_location: 0,
    mantissa_size: 7,
    exponent_bias: 127,
};

/// An open HDF5 file. Only what is asked for is read.
pub(crate) struct Hdf5File {
    path: PathBuf,
    pub(crate) file: hdf5::File,
    source: Hdf5Source,
    /// What a `.keras` archive around it says about itself; `None` if there is none.
    pub(crate) archive: Option<BTreeMap<String, String>>,
    /// Length of the file in bytes.
    pub(crate) length: u64,
    pub(crate) unwritten: Mutex<Unwritten>,
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
        let file = headstart_files::open(path)?;
        let length = file.metadata().map_err(Error::io(path, "read it"))?.len();
        Self::from_source(path, Hdf5Source::part(file, 0, length))
    }

    /// A file that is the one at `path`, or part of it.
    pub(crate) fn from_source(path: &Path, source: Hdf5Source) -> Result<Self, Error> {
        let file = guarded(path, "the superblock", || hdf5::File::from_source(source.clone()))?;
        if source.has_driver() {
            return Err(Error::unsupported_storage(path, "the superblock", SEVERAL_FILES, JOIN));
        }
        let superblock = file.superblock();
        source.set_widths(superblock.offset_size, superblock.length_size);
        let (path, length) = (path.to_owned(), source.len());
        let (tensors, name_bytes, unwritten) = Default::default();
        Ok(Self { path, file, source, archive: None, length, tensors, name_bytes, unwritten })
    }

    /// The same in an archive with these texts.
    pub(crate) fn with_archive(self, texts: BTreeMap<String, String>) -> Self {
        Self { archive: Some(texts), ..self }
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

    /// A text; `None` if it is absent. numpy may have made an array of one text of it.
    pub(crate) fn text(&self, group: &str, name: &str) -> Result<Option<String>, Error> {
        let attributes = self.attributes(group)?;
        let Some(value) = attributes.get(name) else { return Ok(None) };
        let one = value.as_str().or(match value.as_strings() {
            Some([one]) => Some(one.as_str()),
            _ => None,
        });
        one.map(|text| Some(text.to_owned())).ok_or_else(|| Error::WrongAttribute {
            path: self.path.clone(),
            object: shown(group).to_owned(),
            attribute: name.to_owned(),
            expected: "a text",
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
                match filter_name(filter.id) {
                    Some(name) => storage.push_str(name),
                    None => storage.push_str(&format!("filter {}", filter.id)),
                }
            }
            let (float, dtype) = match &datatype {
                Datatype::Opaque { size, .. } => opaque(&dataset, *size)?,
                _ => {
                    let float = float_format(&datatype);
                    (float, float.map_or_else(|| datatype.to_string(), float_name))
                }
            };
            Ok(Some(StoredTensor { name: name.to_owned(), shape, float, dtype, storage }))
        })?
        .ok_or_else(|| self.missing(name, promised_by))
    }

    /// The error for a group or dataset that is not there, although `promised_by` says that it is.
    ///
    /// It may be there as a link to another place or file. The library leaves links out, so the bytes are searched for one.
    pub(crate) fn missing(&self, object: &str, promised_by: &str) -> Error {
        // The first part of the name that leads nowhere.
        let leads = |end: usize| guarded(&self.path, object, || self.file.group(&object[..end])).is_ok();
        let ends = object.match_indices('/').map(|(end, _)| end).take_while(|&end| leads(end));
        let name = object[ends.last().map_or(0, |end| end + 1)..].split('/').next().unwrap_or(object);
        match self.link(name).ok().flatten() {
            Some(kind) => {
                let feature =
                    if name == object { kind.to_owned() } else { format!("{name}, which is {kind},") };
                Error::unsupported_storage(&self.path, object, feature, RESOLVE_LINKS)
            }
            None => Error::MissingObject {
                path: self.path.clone(),
                object: object.to_owned(),
                promised_by: promised_by.to_owned(),
            },
        }
    }

    /// Whether a link of this name is anywhere in the file, and what kind of link.
    fn link(&self, name: &str) -> std::io::Result<Option<&'static str>> {
        for (kind, text) in [(SOFT_LINK, "a soft link"), (EXTERNAL_LINK, "an external link")] {
            let is_link = |bytes: &[u8], at: usize| is_link_message(&bytes[..at], name, kind);
            if self.source.scan(name.as_bytes(), LINK_HEADER, &is_link)? {
                return Ok(Some(text));
            }
        }
        // In a group of the first format a name stands in a heap, apart from the link, and ends with a zero.
        let ended = [name.as_bytes(), &[0]].concat();
        let is_soft = self.source.linked_nodes() > 0 && self.source.scan(&ended, 1, &|_, _| true)?;
        Ok(is_soft.then_some("a soft link"))
    }

    /// Full names of the tensors that were read and whose values, or some of them, were never written.
    pub(crate) fn unwritten_tensors(&self) -> Vec<String> {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.tensors.iter().cloned().collect()
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
    /// [`Error::UnsupportedStorage`] for soft links below the top of the file, which could be parts of the network, and would
    /// be missed; and as [`walk_beside_links`](Self::walk_beside_links).
    pub(crate) fn walk(
        &self,
        group: &str,
        enter: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<String>)>, Error> {
        self.children("")?;
        let linked = self.source.linked_nodes();
        let found = self.walk_beside_links(group, enter)?;
        if self.source.linked_nodes() > linked {
            let (object, feature) = (shown(group), "a soft link among its groups and datasets");
            return Err(Error::unsupported_storage(&self.path, object, feature, RESOLVE_LINKS));
        }
        Ok(found)
    }

    /// As [`walk`](Self::walk), and leaves out soft links everywhere.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the groups are nested too deeply or are too many, for links that form a cycle, or if their
    /// names are too long.
    pub(crate) fn walk_beside_links(
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

/// Whether `before` ends with the start of a link message: version 1, flags that announce the kind, the kind, perhaps an
/// order of creation and a set of characters, and the length of the name that follows.
fn is_link_message(before: &[u8], name: &str, kind: u8) -> bool {
    const HAS_KIND: u8 = 8;
    const HAS_ORDER: u8 = 4;
    const HAS_CHARACTERS: u8 = 16;
    (0..4).any(|width| {
        let (bytes, length) = (1usize << width, (name.len() as u64).to_le_bytes());
        let Some(rest) = before.strip_suffix(&length[..bytes]) else { return false };
        [0, HAS_ORDER, HAS_CHARACTERS, HAS_ORDER | HAS_CHARACTERS].iter().any(|flags| {
            let order = if flags & HAS_ORDER == 0 { 0 } else { 8 };
            let optional = order + usize::from(flags & HAS_CHARACTERS != 0);
            let start = rest.len().checked_sub(optional + 3).map(|start| &rest[start..start + 3]);
            start == Some(&[1, flags | HAS_KIND | width, kind])
        })
    })
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
        Ok(Err(error)) => Err(fault(path, object, error)),
        Err(_) => Err(Error::damaged(path, object, "the HDF5 library gave up on it")),
    }
}

/// Bytes that HDF5 does not know the meaning of. Keras 3 writes bfloat16 so, and says it in an attribute of the dataset.
fn opaque(dataset: &hdf5::Dataset, size: u32) -> Result<(Option<FloatFormat>, String), hdf5::Error> {
    let attributes = dataset.attrs()?;
    Ok(match attributes.get("dtype").and_then(AttrValue::as_str) {
        Some("bfloat16") if size == 2 => {
            let format = FloatFormat { width: FloatWidth::BFloat, big_endian: false };
            (Some(format), float_name(format))
        }
        Some(other) => (None, format!("{other} in {size} opaque bytes")),
        None => (None, format!("{size} opaque bytes, whose meaning the file does not state")),
    })
}

fn float_format(datatype: &Datatype) -> Option<FloatFormat> {
    let Datatype::FloatingPoint { size, byte_order, layout } = datatype else { return None };
    let width = match (size, *layout) {
        (2, layout) if layout == HALF => FloatWidth::Half,
        (2, layout) if layout == BFLOAT => FloatWidth::BFloat,
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
