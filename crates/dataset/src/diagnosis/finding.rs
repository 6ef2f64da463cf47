//! The parts of a finding.

use serde::Serialize;

use crate::survey::FaultKind;

/// What a folder of images is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The images to train on, or the only ones.
    Images,
    /// The images to validate on.
    Validation,
}

/// How bad a finding is, from worst to mildest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An image that an extraction would skip, or a folder that can't be used.
    Error,
    /// It is likely to hurt the result.
    Warning,
    /// Good to know.
    Note,
}

/// What was found. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The folder can't be scanned as a dataset.
    UnusableFolder,
    /// No image of the folder can be read.
    NoReadableImage,
    /// The system refuses to read the file.
    UnreadableFile,
    /// The file has no content.
    EmptyFile,
    /// The content is no image of a known format.
    UnknownContent,
    /// The content ends too early.
    TruncatedImage,
    /// The content breaks the rules of its format.
    CorruptImage,
    /// The format is supported, but not this variant of it.
    UnsupportedImage,
    /// More pixels, a longer side or more memory than the limits allow.
    TooLargeImage,
    /// The same bytes are in both folders.
    Leak,
    /// The same bytes have two labels.
    TwoLabels,
    /// A class is in one folder and not in the other.
    ClassOnOneSide,
    /// Class names of a folder that differ only in case, outer white space or Unicode normalization.
    SimilarClassNames,
    /// Classes that hold the same folders, as train and validation do: see [`Nesting`](crate::Nesting).
    NestedClasses,
    /// A class without a readable image.
    EmptyClass,
    /// A photograph that is left out because its format is not read.
    UnreadFormat,
    /// A class of very few images.
    TinyClass,
    /// The largest class is several times as large as the smallest.
    Imbalance,
    /// An image that is left out because of its extension.
    UntakenExtension,
    /// The same bytes more than once within a class.
    DuplicateImage,
    /// The file is shorter than its structure declares. The image can be read all the same.
    ShortFile,
    /// The content is of another format than the extension.
    WrongExtension,
    /// An image with a very short side.
    SmallImage,
    /// The EXIF orientation turns the image.
    TurnedImage,
    /// An image of four inks.
    CmykImage,
    /// An image with an alpha channel or a transparent colour.
    AlphaChannel,
    /// An image of more than 8 bits a sample.
    DeepImage,
    /// A grey image.
    GreyImage,
    /// An image with a palette.
    PaletteImage,
    /// A hidden file or folder.
    Hidden,
    /// A folder that a system or a program makes for itself.
    SystemFolder,
    /// A link that is not followed, or that leads nowhere.
    Link,
    /// A file beside the class folders.
    LooseFile,
    /// A pipe, socket or device.
    SpecialFile,
    /// A file that is no image, neither by extension nor by content.
    OtherFile,
}

impl From<FaultKind> for What {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Unreadable => Self::UnreadableFile,
            FaultKind::Empty => Self::EmptyFile,
            FaultKind::UnknownContent => Self::UnknownContent,
            FaultKind::Truncated => Self::TruncatedImage,
            FaultKind::Corrupt => Self::CorruptImage,
            FaultKind::Unsupported => Self::UnsupportedImage,
            FaultKind::TooLarge => Self::TooLargeImage,
        }
    }
}

/// A file, class or folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The folder it is in.
    pub split: Split,
    /// Its path below the folder, parts separated by `/`; empty for the folder itself.
    pub path: String,
}

/// One case of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The places that it concerns: all files of the same content, for instance.
    pub places: Vec<Place>,
    /// More about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    pub(super) fn of(split: Split, path: &str, detail: Option<String>) -> Self {
        Self { places: vec![Place { split, path: path.to_owned() }], detail }
    }
}

/// All cases of one kind and severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub what: What,
    /// Number of entries.
    pub count: usize,
    /// The cases: first those of [`Split::Images`], in the order of the scan.
    pub entries: Vec<Entry>,
}

impl Finding {
    pub(super) fn new(what: What, severity: Severity, entries: Vec<Entry>) -> Self {
        Self { severity, what, count: entries.len(), entries }
    }

    /// Joins findings of one kind and severity, sorts them, and drops those without an entry.
    pub(super) fn merged(mut findings: Vec<Self>) -> Vec<Self> {
        findings.retain(|finding| !finding.entries.is_empty());
        // The sort is stable, so that entries keep their order.
        findings.sort_by_key(|finding| (finding.severity, finding.what));
        let mut merged: Vec<Self> = Vec::new();
        for finding in findings {
            match merged.last_mut() {
                Some(last) if (last.severity, last.what) == (finding.severity, finding.what) => {
                    last.count += finding.count;
                    last.entries.extend(finding.entries);
                }
                _ => merged.push(finding),
            }
        }
        merged
    }
}
