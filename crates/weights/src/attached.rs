//! What a model may hold besides a head and its description.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Source};

/// What a `.safetensors` model may hold besides a head and its description: tensors of bytes under `attached/`. Files of
/// Keras have no place for it, and files of old have none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The whole file of the network's weights, byte for byte: that of the hash in the model's provenance.
    pub backbone: Option<StoredFile>,
    /// The images that the head was trained on.
    pub trained_on: ImageMarks,
}

impl Attached {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.backbone.is_none() && self.trained_on.is_empty()
    }
}

/// A file that is stored somewhere: on its own, in a model, or in the program. Its bytes are read when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredFile {
    /// So many bytes of a file, from a position on.
    Part {
        /// The file.
        path: PathBuf,
        /// Where they start.
        start: u64,
        /// How many they are.
        length: u64,
    },
    /// Bytes of the program.
    Program {
        /// What errors call them.
        name: &'static Path,
        /// All of them.
        bytes: &'static [u8],
    },
}

impl StoredFile {
    /// A file of its own.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be read.
    pub fn whole(path: &Path) -> Result<Self, Error> {
        let metadata = headstart_files::open(path)?.metadata().map_err(Error::io(path, "read it"))?;
        Ok(Self::Part { path: path.to_path_buf(), start: 0, length: metadata.len() })
    }

    /// Where it is read.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        match self {
            Self::Part { path, start, length } => Source::Part { path, start: *start, length: *length },
            Self::Program { name, bytes } => Source::Memory { name, bytes },
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Part { length, .. } => *length,
            Self::Program { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Writes its bytes.
    pub(crate) fn copy_to(&self, path: &Path, writer: &mut dyn Write) -> Result<(), Error> {
        let (file, start, length) = match self {
            Self::Part { path, start, length } => (path, *start, *length),
            Self::Program { bytes, .. } => {
                return writer.write_all(bytes).map_err(Error::io(path, "write it"));
            }
        };
        let mut opened = headstart_files::open(file)?;
        opened.seek(SeekFrom::Start(start)).map_err(Error::io(file, "read it"))?;
        let copied = std::io::copy(&mut opened.take(length), writer).map_err(Error::io(path, "write it"))?;
        if copied == length {
            return Ok(());
        }
        Err(Error::damaged(file, "the weights", format!("expected {length} bytes, found {copied}")))
    }
}

/// Images by the start of their contents' hashes, which is enough to recognise them: among a million images and a million
/// others, the chance that any two are taken for the same is 1 in 18 million.
///
/// ```
/// use headstart_weights::ImageMarks;
///
/// let marks = ImageMarks::of_hashes(["f98d59bcfcffe332deb4068f8b67827e", "no hash"]);
/// assert!(marks.has("f98d59bcfcffe332deb4068f8b67827e"));
/// assert!(!marks.has("a98d59bcfcffe332deb4068f8b67827e") && !marks.has("no hash"));
/// assert_eq!(marks.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageMarks {
    /// Sorted, none twice.
    marks: Vec<[u8; ImageMarks::BYTES]>,
}

impl ImageMarks {
    /// Bytes of a mark.
    pub const BYTES: usize = 8;

    /// Of images by the hexadecimal hashes of their contents, in any order. What is no such hash is left out.
    #[must_use]
    pub fn of_hashes<'a>(hashes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::sorted(hashes.into_iter().filter_map(mark).collect())
    }

    /// From the bytes that [`bytes`](Self::bytes) gives; none if their number is not that of whole marks.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (marks, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        rest.is_empty().then(|| Self::sorted(marks.to_vec()))
    }

    fn sorted(mut marks: Vec<[u8; Self::BYTES]>) -> Self {
        marks.sort_unstable();
        marks.dedup();
        Self { marks }
    }

    /// Whether an image is among them, by the hexadecimal hash of its content.
    #[must_use]
    pub fn has(&self, hash: &str) -> bool {
        mark(hash).is_some_and(|mark| self.marks.binary_search(&mark).is_ok())
    }

    /// How many there are. Images of the same content are one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// All marks, one after another.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.marks.as_flattened()
    }
}

/// The first bytes of a hash.
fn mark(hash: &str) -> Option<[u8; ImageMarks::BYTES]> {
    let digits = hash.get(..2 * ImageMarks::BYTES)?;
    // A sign would be read as a part of the number.
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
    Some(number.to_be_bytes())
}
