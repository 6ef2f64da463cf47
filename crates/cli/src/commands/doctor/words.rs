//! What the doctor's findings are called, and what to do about them.

use headstart::doctor::{Severity, Split, What};

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

pub(super) fn split(split: Split) -> &'static str {
    match split {
        Split::Images => "images",
        Split::Validation => "validation",
    }
}

pub(in crate::commands) fn name(what: What) -> &'static str {
    match what {
        What::UnusableFolder => "folder that can't be used",
        What::NoReadableImage => "folder without a readable image",
        What::UnreadableFile => "file or folder that can't be read",
        What::EmptyFile => "empty file",
        What::UnknownContent => "no image by content",
        What::TruncatedImage => "truncated image",
        What::CorruptImage => "corrupt image",
        What::UnsupportedImage => "image of a kind that is not read",
        What::TooLargeImage => "image past the limits",
        What::Leak => "same image in both folders",
        What::TwoLabels => "same image under two labels",
        What::ClassOnOneSide => "class in one folder only",
        What::SimilarClassNames => "class names nearly the same",
        What::NestedClasses => "classes that hold the same folders",
        What::EmptyClass => "empty class",
        What::UnreadFormat => "photograph of a format that is not read",
        What::TinyClass => "class of few images",
        What::Imbalance => "classes out of balance",
        What::UntakenExtension => "image left out by its extension",
        What::DuplicateImage => "same image more than once",
        What::ShortFile => "file shorter than it says",
        What::WrongExtension => "extension of another format",
        What::SmallImage => "small image",
        What::TurnedImage => "image turned by EXIF",
        What::CmykImage => "CMYK image",
        What::AlphaChannel => "image with transparency",
        What::DeepImage => "image of more than 8 bits",
        What::GreyImage => "grey image",
        What::PaletteImage => "image with a palette",
        What::Hidden => "hidden, left out",
        What::SystemFolder => "folder of the system, left out",
        What::Link => "link, left out",
        What::LooseFile => "file outside the classes, left out",
        What::SpecialFile => "pipe, socket or device, left out",
        What::OtherFile => "other file, left out",
    }
}

pub(super) fn advice(what: What) -> &'static str {
    match what {
        What::UnusableFolder => "do what the message says",
        What::NoReadableImage => "convert the images to PNG or JPEG, or get them again",
        What::UnreadableFile => "allow yourself to read it, or rename it; it would be skipped",
        What::EmptyFile | What::TruncatedImage | What::CorruptImage => {
            "get it again or delete it; it would be skipped"
        }
        What::UnknownContent | What::UnsupportedImage => {
            "convert it to PNG, or delete it; it would be skipped"
        }
        What::TooLargeImage => "make it smaller; it would be skipped",
        What::Leak => "take it out of one folder, else validation tells too good a story",
        What::TwoLabels => "keep it in the class that it shows",
        What::ClassOnOneSide => "give both folders the same classes, by the same names",
        What::SimilarClassNames => "merge the folders, or name them apart",
        What::NestedClasses => "if those are the classes, give one of the folders above them alone",
        What::EmptyClass => "put images into it, or delete it",
        What::UnreadFormat => "convert it to JPEG; it is left out",
        What::TinyClass => "add images",
        What::Imbalance => "add images to the smallest class, or take some out of the largest",
        What::UntakenExtension => "rename it, to be taken",
        What::DuplicateImage => "keep one of them; each counts",
        What::ShortFile => "its end is missing, but its pixels can be read",
        What::WrongExtension => "harmless: the content decides",
        What::SmallImage => "it has to be enlarged, and shows little",
        What::TurnedImage => "preset blog leaves it as stored, the others turn it",
        What::CmykImage => "harmless: converted without a colour profile",
        What::AlphaChannel => "harmless: transparency is dropped, and what lies below shows",
        What::DeepImage => "grey of 16 bits is cut off to white in preset blog: take another preset",
        What::GreyImage => "harmless: the grey becomes all three colours",
        What::PaletteImage => "harmless: converted to RGB",
        What::Hidden => "names that begin with a dot are not taken",
        What::SystemFolder => "harmless: it is neither a class nor holds your images",
        What::Link => "--follow-links takes what it leads to",
        What::LooseFile => "move it into a class to take it",
        What::SpecialFile => "it is not opened",
        What::OtherFile => "harmless",
    }
}
