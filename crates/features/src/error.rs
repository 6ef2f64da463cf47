//! What can go wrong in the store, said so that a person can act on it.

use std::io;
use std::path::PathBuf;

/// Every failure of this crate. A message names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused; a full disk and a folder that can't be written come here.
    #[error("cannot {action} {}: {cause}", .path.display())]
    Io {
        /// What was tried: "write", "read", "rename" and the like.
        action: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// The operating system's answer.
        cause: io::Error,
    },

    /// A final name is taken and overwriting was not allowed.
    #[error("{} already exists; choose another name or allow overwriting", .path.display())]
    Exists {
        /// The file that is in the way.
        path: PathBuf,
    },

    /// Somebody else is writing the same output.
    #[error("{}: another process is writing it; wait for its end, or choose another name", .path.display())]
    Locked {
        /// The `.npy`.
        path: PathBuf,
    },

    /// Rows that stand at the output were made in another way, and must not be mixed with new ones.
    #[error(
        "{}: {what} can't be used: found {differences}; choose another name, or start over and replace them",
        .path.display()
    )]
    Differs {
        /// The `.npy`.
        path: PathBuf,
        /// Which rows.
        what: &'static str,
        /// Each difference: its name, what was found and what was expected.
        differences: String,
    },

    /// Shards that can't be put together.
    #[error("{}: {reason}", .path.display())]
    Merge {
        /// The shard, or the output where it is about all of them.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },

    /// A path that must be a regular file is something else.
    #[error("{}: expected a file, found a folder or a special file", .path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },

    /// The store's name must end in `.npy`, for the manifest takes the same stem.
    #[error("{}: expected a name that ends in .npy", .path.display())]
    Name {
        /// The path as given.
        path: PathBuf,
    },

    /// The rows' description given to the writer can't be stored.
    #[error("{}: cannot store such rows: {reason}", .path.display())]
    Description {
        /// The `.npy` that was to be written.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// An append whose values and records don't go together.
    #[error(
        "{}: {records} records of {row_len} values each need {} values, found {values}",
        .path.display(), .records.saturating_mul(*.row_len)
    )]
    RowLength {
        /// The `.npy` being written.
        path: PathBuf,
        /// Records given.
        records: usize,
        /// Values in a row.
        row_len: usize,
        /// Values given.
        values: usize,
    },

    /// A label that names no class.
    #[error("{}: {image} has label {label}, but there are {classes} classes", .path.display())]
    Label {
        /// The `.npy` being written.
        path: PathBuf,
        /// The image whose record it is.
        image: String,
        /// The label found.
        label: u32,
        /// How many classes there are; labels run from 0 to one less.
        classes: usize,
    },

    /// An earlier write failed, so what was written so far is not trusted.
    #[error("{}: an earlier write failed; start the file again", .path.display())]
    Broken {
        /// The `.npy` being written.
        path: PathBuf,
    },

    /// There is not a single value to store or to read.
    #[error("{}: expected at least one row, found none ({found})", .path.display())]
    NoRows {
        /// The `.npy`.
        path: PathBuf,
        /// Its shape, or how many images were skipped.
        found: String,
    },

    /// The file does not begin as a `.npy` does.
    #[error("{}: expected a .npy file (it begins with \\x93NUMPY), found {found}", .path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },

    /// The header is damaged, absurd, or of a version that is not known.
    #[error("{}: .npy header: {reason}", .path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },

    /// Values of a type that features don't have.
    #[error(
        "{}: expected values of type f4 or f8, found {found}; in numpy, save array.astype('float32')",
        .path.display()
    )]
    Dtype {
        /// The file.
        path: PathBuf,
        /// numpy's description of the type found.
        found: String,
    },

    /// A scalar or a plain vector.
    #[error("{}: expected rows and at least one more dimension, found shape {shape:?}", .path.display())]
    Rank {
        /// The file.
        path: PathBuf,
        /// The shape found.
        shape: Vec<usize>,
    },

    /// The file is shorter or longer than its header says.
    #[error(
        "{}: shape {shape:?} of {dtype} needs {expected} bytes with the header, found {found}{}",
        .path.display(), if .found < .expected { "; the file is truncated" } else { "; bytes trail the data" }
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// The shape that the header states.
        shape: Vec<usize>,
        /// The type that the header states.
        dtype: String,
        /// Bytes that the file should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },

    /// A line of the manifest can't be read or is out of place.
    #[error("{}:{line}: {reason}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What was expected and what was found.
        reason: String,
    },

    /// The `.npy` and its manifest tell different stories.
    #[error(
        "{} and its manifest {} disagree: {npy_has}, but {manifest_has}; extract the features again",
        .npy.display(), .manifest.display()
    )]
    Disagree {
        /// The `.npy`.
        npy: PathBuf,
        /// Its manifest.
        manifest: PathBuf,
        /// What the `.npy` holds.
        npy_has: String,
        /// What the manifest states.
        manifest_has: String,
    },

    /// A row that is not there was asked for.
    #[error("{}: row {index} was asked for, but there are {rows} rows", .path.display())]
    RowIndex {
        /// The `.npy`.
        path: PathBuf,
        /// The row asked for.
        index: usize,
        /// Rows in the file.
        rows: usize,
    },

    /// The caller's buffer does not fit the rows asked for.
    #[error("{}: {rows} rows were asked for: expected a buffer of {expected} values, found {found}", .path.display())]
    Buffer {
        /// The `.npy`.
        path: PathBuf,
        /// Rows asked for.
        rows: usize,
        /// Values that they hold.
        expected: usize,
        /// Values that the buffer holds.
        found: usize,
    },

    /// Counts a class that don't add up to the file's rows.
    #[error("{}: the counts {counts:?} sum to {sum}, but the file has {rows} rows", .path.display())]
    Counts {
        /// The `.npy`.
        path: PathBuf,
        /// The counts given.
        counts: Vec<usize>,
        /// Their sum.
        sum: usize,
        /// Rows in the file.
        rows: usize,
    },
}

impl Error {
    /// Whether the data is bad, so that trying again with the same file can't help.
    ///
    /// False where the operating system refused (space, permissions), where a name is taken, and where the
    /// caller asked for something that no file could give.
    #[must_use]
    pub fn is_bad_data(&self) -> bool {
        matches!(
            self,
            Self::NoRows { .. }
                | Self::Magic { .. }
                | Self::Header { .. }
                | Self::Dtype { .. }
                | Self::Rank { .. }
                | Self::Length { .. }
                | Self::Manifest { .. }
                | Self::Disagree { .. }
                | Self::Counts { .. }
                | Self::Merge { .. }
        )
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { action, path, cause }
    }
}
