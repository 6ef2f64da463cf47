//! What the HDF5 library found wrong, in our words: what is not supported is told apart from what is damaged.

use std::path::Path;

use hdf5::FormatError;

use crate::Error;

/// Versions of a structure beyond this are no later format, but a damaged byte.
const LAST_PLAUSIBLE_VERSION: u8 = 9;

/// What is wrong with a file in any other way.
const BROKEN: &str = "its structure breaks the rules of HDF5";

/// What to do about a form of storage that is not read.
pub(crate) const REPACK: &str = "write it in a plain form with `h5repack -l CONTI -f NONE OLD.h5 NEW.h5`";

/// What to do about links.
pub(crate) const RESOLVE_LINKS: &str = "write a copy without links: python -c \"import h5py; a = h5py.File('OLD.h5'); \
     b = h5py.File('NEW.h5', 'w'); [a.copy(k, b, expand_soft=True, expand_external=True) for k in a]; \
     b.attrs.update(a.attrs)\"";

/// What HDF5 writes with its drivers family, multi and split, and what to do about it.
pub(crate) const SEVERAL_FILES: &str = "one HDF5 file in several (the drivers family, multi and split)";
pub(crate) const JOIN: &str = "join them: python -c \"import h5py; a = h5py.File('OLD%d.h5', driver='family', memb_size=0); \
     b = h5py.File('NEW.h5', 'w'); [a.copy(k, b) for k in a]; b.attrs.update(a.attrs)\"";

/// The error for a virtual dataset, for values outside of the file, and for an index that the library can't list.
pub(crate) const VIRTUAL: &str = "a virtual dataset, whose values are in other datasets or files,";
pub(crate) const EXTERNAL: &str = "a dataset whose values are in another file";
pub(crate) const B_TREE_2: &str = "a version 2 B-tree, the index of chunks that can grow along several axes,";

/// The error for `object` of the file at `path`.
pub(crate) fn fault(path: &Path, object: &str, error: hdf5::Error) -> Error {
    match error {
        hdf5::Error::Io(cause) => Error::io(path, "read or write it")(cause),
        hdf5::Error::Format(FormatError::Source(cause)) => {
            Error::io(path, "read it")(std::io::Error::other(cause))
        }
        hdf5::Error::Format(error) => match unsupported(&error) {
            Some(feature) => Error::unsupported_storage(path, object, feature, REPACK),
            None => Error::damaged(path, object, damage(&error)),
        },
        hdf5::Error::FileMarkedInUse(_) | hdf5::Error::FileLocked(_) => {
            Error::damaged(path, object, "the program that writes it has not closed it")
        }
        hdf5::Error::NotADataset(_) => {
            Error::damaged(path, object, "expected a dataset, found something else")
        }
        hdf5::Error::NotAGroup(_) => Error::damaged(path, object, "expected a group, found something else"),
        hdf5::Error::MissingMessage(_) => {
            Error::damaged(path, object, "a part of its description is missing")
        }
        _ => Error::damaged(path, object, BROKEN),
    }
}

/// The name of a part of HDF5 that is not read; `None` if the file is at fault.
fn unsupported(error: &FormatError) -> Option<String> {
    let newer = |what: &str, version: u8, known: u8| {
        (known < version && version <= LAST_PLAUSIBLE_VERSION)
            .then(|| format!("version {version} of HDF5's {what}, which is newer than {known},"))
    };
    match *error {
        FormatError::UnsupportedVersion(version) => newer("superblock", version, 3),
        FormatError::InvalidLayoutVersion(version) => newer("data layout", version, 4),
        FormatError::InvalidDatatypeVersion { version, .. } => newer("data types", version, 4),
        FormatError::InvalidFilterPipelineVersion(version) => newer("filters", version, 2),
        FormatError::UnsupportedFillValueVersion(version) => newer("fill values", version, 3),
        // Eleven classes are numbered from 0 on; HDF5 2.0 added complex numbers.
        FormatError::InvalidDatatypeClass(11) => Some("a complex number".to_owned()),
        FormatError::UnsupportedMessage(id) => Some(format!("the header message {id} of HDF5")),
        FormatError::UnsupportedFilter(id) => Some(match filter_name(id) {
            Some(name) => format!("the filter {name}"),
            None => format!("the filter number {id}"),
        }),
        FormatError::UnsupportedZfp(_) => Some("this form of the filter zfp".to_owned()),
        FormatError::UnsupportedVirtualLayout => Some(VIRTUAL.to_owned()),
        FormatError::UnsupportedExternalStorage => Some(EXTERNAL.to_owned()),
        FormatError::UnsupportedFilteredHeapObject | FormatError::UnexpectedHugeObjectBTree { .. } => {
            Some("a heap whose objects are compressed".to_owned())
        }
        FormatError::UnsupportedSohmReference => Some("this table of shared messages".to_owned()),
        FormatError::NumericElementTooWide { size } => Some(format!("a number of {size} bytes")),
        _ => None,
    }
}

/// What is wrong with the file.
fn damage(error: &FormatError) -> String {
    match error {
        FormatError::UnexpectedEof { expected, available } if expected > available => {
            format!("expected {expected} bytes, found {available}")
        }
        FormatError::SignatureNotFound => "it has no HDF5 signature".to_owned(),
        FormatError::ChecksumMismatch { .. } | FormatError::Fletcher32Mismatch { .. } => {
            "its bytes do not fit their checksum".to_owned()
        }
        FormatError::FilterError(_) => "its compressed values can't be unpacked".to_owned(),
        FormatError::PathNotFound(name) => format!("{name} is not there"),
        FormatError::OffsetOverflow { .. } | FormatError::AddressBelowBase { .. } => {
            "it points outside of the file".to_owned()
        }
        FormatError::NestingDepthExceeded => "its parts are nested without end".to_owned(),
        FormatError::AllocationFailed { values, .. } => format!("there is no memory for its {values} values"),
        FormatError::InvalidObjectHeaderSignature | FormatError::InvalidObjectHeaderVersion(_) => {
            "expected the header of a group or dataset, found other bytes".to_owned()
        }
        FormatError::InvalidBTreeSignature
        | FormatError::InvalidBTreeNodeType(_)
        | FormatError::InvalidBTreeV2Signature
        | FormatError::InvalidBTreeV2Version(_) => "expected a B-tree, found other bytes".to_owned(),
        FormatError::InvalidLocalHeapSignature
        | FormatError::InvalidFractalHeapSignature
        | FormatError::InvalidGlobalHeapSignature => {
            "expected a heap of names or texts, found other bytes".to_owned()
        }
        FormatError::InvalidSymbolTableNodeSignature | FormatError::InvalidSymbolTableNodeVersion(_) => {
            "expected a list of children, found other bytes".to_owned()
        }
        _ => BROKEN.to_owned(),
    }
}

/// Names of the filters that the HDF5 library defines itself, h5py's own, and the usual plug-ins.
pub(crate) fn filter_name(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "deflate",
        2 => "shuffle",
        3 => "fletcher32",
        4 => "szip",
        5 => "nbit",
        6 => "scale-offset",
        307 => "bzip2",
        32000 => "lzf",
        32001 => "blosc",
        32004 => "lz4",
        32008 => "bitshuffle",
        32013 => "zfp",
        32015 => "zstandard",
        32026 => "blosc2",
        _ => return None,
    })
}
