//! What can go wrong in the store.

use std::io;
use std::path::PathBuf;

use headstart_files::ErrorKind;
use headstart_provenance::Difference;

/// Every failure of this crate. A message names the file, what was expected, what was found, and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be opened, read or written, its name is taken, or it is not a regular file.
    #[error(transparent)]
    File(#[from] headstart_files::Error),

    /// Somebody else is writing the same output.
    #[error("{}: another process is writing it; wait for its end, or choose another name", .path.display())]
    Locked {
        /// The `.npy`.
        path: PathBuf,
    },

    /// The output has rows that were made in another way, which must not be mixed with new ones.
    #[error(
        "{}: {what} can't be used again, because they were made in another way: {}; choose another name, or start over and replace them",
        .path.display(), Difference::list(.differences)
    )]
    Differs {
        /// The `.npy`.
        path: PathBuf,
        /// Which rows.
        what: &'static str,
        /// What was found against what was expected.
        differences: Vec<Difference>,
    },

    /// Shards that can't be put together.
    #[error("{}: {reason}", .path.display())]
    Merge {
        /// The shard, or the output if the error is about all of them.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },

    /// The caller ended a merge.
    #[error("{}: interrupted after {done} of {total} rows; nothing is written", .path.display())]
    Interrupted {
        /// The output.
        path: PathBuf,
        /// Rows that were copied.
        done: usize,
        /// Rows of all shards.
        total: usize,
    },

    /// The store's name must end in `.npy`, because the manifest's name is made from it.
    #[error("{}: expected a name that ends in .npy", .path.display())]
    Name {
        /// The path as given.
        path: PathBuf,
    },

    /// The rows' description given to the writer can't be stored.
    #[error("{}: these rows cannot be stored: {reason}", .path.display())]
    Description {
        /// The `.npy` that was to be written.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// An append with more or fewer values than its records need.
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

    /// An earlier write failed, so the file can't be trusted.
    #[error("{}: an earlier write failed; open it again to go on from the rows that are on the disk", .path.display())]
    Broken {
        /// The `.npy` being written.
        path: PathBuf,
    },

    /// There is no value to store or to read.
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
        /// What it is, or its first bytes.
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
        "{}: expected values of type f2, f4 or f8, found {found}; in numpy, save array.astype('float32')",
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

    /// The manifest is whole, but this version of headstart can't use it.
    #[error(
        "{}:1: {reason}; another version of headstart wrote it: use that version, or extract the features again",
        .path.display()
    )]
    Unsupported {
        /// The manifest.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },

    /// The `.npy` and its manifest don't belong together.
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

    /// NaN or infinity among the values.
    #[error(
        "{}: row {row}{}: expected finite values, found {value} at position {index} of the row",
        .path.display(), .image.as_ref().map(|image| format!(" ({image})")).unwrap_or_default()
    )]
    NotFinite {
        /// The `.npy`.
        path: PathBuf,
        /// The row, from 0.
        row: usize,
        /// The image that the row was made from, if there is a manifest.
        image: Option<String>,
        /// Position within the row, in C order.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },

    /// The caller asked for a row that is not there.
    #[error("{}: cannot read row {index}: there are {rows} rows", .path.display())]
    RowIndex {
        /// The `.npy`.
        path: PathBuf,
        /// The row asked for.
        index: usize,
        /// Rows in the file.
        rows: usize,
    },

    /// The caller's buffer does not fit the rows asked for.
    #[error("{}: {rows} rows need a buffer of {expected} values, found {found}", .path.display())]
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

    /// Counts of rows in each class that don't add up to the file's rows.
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
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(),
            Self::Name { .. } => ErrorKind::Usage,
            Self::Interrupted { .. } => ErrorKind::Interrupted,
            Self::Locked { .. } | Self::Differs { .. } | Self::Broken { .. } => ErrorKind::Resources,
            Self::NoRows { .. }
            | Self::Magic { .. }
            | Self::Header { .. }
            | Self::Dtype { .. }
            | Self::Rank { .. }
            | Self::Length { .. }
            | Self::Manifest { .. }
            | Self::Unsupported { .. }
            | Self::Disagree { .. }
            | Self::Counts { .. }
            | Self::NotFinite { .. }
            | Self::Merge { .. } => ErrorKind::BadData,
            // The caller passed something that no file could hold or give.
            Self::Description { .. }
            | Self::RowLength { .. }
            | Self::Label { .. }
            | Self::RowIndex { .. }
            | Self::Buffer { .. } => ErrorKind::Internal,
        }
    }

    /// An error of the system, with what was tried: `map_err(Error::io(path, "read it"))`.
    pub(crate) fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let error = headstart_files::Error::io(path, action);
        move |cause| Self::File(error(cause))
    }
}
