//! What can be wrong with a folder or a setting.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use headstart_files::ErrorKind;

use crate::extensions::EXTENSIONS;

/// Why a folder can't be used as a dataset, or a setting can't be used at all.
///
/// A single unreadable image is never an `Error`: it is listed as skipped, and its [`DecodeError`](crate::DecodeError)
/// is the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data folder does not exist or can't be looked at.
    #[error("{}: can't open the data folder: {cause}; it must hold one sub-folder per class", path.display())]
    Root {
        /// The folder that was asked for.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// The data folder is a file.
    #[error("{}: expected a folder with one sub-folder per class, found a file", path.display())]
    NotAFolder {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The data folder can't be listed.
    #[error("{}: can't list the folder: {cause}", path.display())]
    Walk {
        /// The entry that can't be read.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A followed link leads to a folder that contains it.
    #[error(
        "{}: the link leads back to {}, which contains it; remove it or scan without following links",
        path.display(), ancestor.display()
    )]
    LinkLoop {
        /// The link.
        path: PathBuf,
        /// The folder it leads to.
        ancestor: PathBuf,
    },
    /// The data folder has no sub-folder.
    #[error(
        "{}: expected one sub-folder per class, found none ({loose_files} files lie directly in the folder); \
         put the images of each class into a sub-folder named after it{}", path.display(), unfollowed(links)
    )]
    NoClasses {
        /// The data folder.
        path: PathBuf,
        /// Number of files that lie directly in it.
        loose_files: usize,
        /// Links that were not followed.
        links: Vec<String>,
    },
    /// The data folder has a single sub-folder.
    #[error(
        "{}: expected at least two class folders, found only {class:?}; a classifier needs two classes, \
         so check that this is the folder above the class folders{}", path.display(), unfollowed(links)
    )]
    OneClass {
        /// The data folder.
        path: PathBuf,
        /// Name of its only class.
        class: String,
        /// Links that were not followed.
        links: Vec<String>,
    },
    /// There is no image in the folder, or in any of its class folders.
    #[error(
        "{}: found {} ({left_out} other entries were left out); \
         images end in {}{}{}", path.display(), no_image(*classes), EXTENSIONS.join(", "), unread_formats(unread), unfollowed(links)
    )]
    NoImages {
        /// The data folder.
        path: PathBuf,
        /// Number of class folders; 0 where images need no class.
        classes: usize,
        /// Number of files, folders and links that were passed over.
        left_out: usize,
        /// How many of them are photographs whose format is not read, with the format.
        unread: BTreeMap<&'static str, usize>,
        /// Links that were not followed.
        links: Vec<String>,
    },
    /// A preprocessing setting can't be used.
    #[error(transparent)]
    Preprocessing(#[from] headstart_provenance::Error),
    /// A batch of no image.
    #[error("batch size: expected at least 1, found 0")]
    BatchSize,
    /// The threads that decode or compute can't be started.
    #[error("can't start the threads: {reason}")]
    Threads {
        /// The system's answer.
        reason: String,
    },
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAFolder { .. }
            | Self::LinkLoop { .. }
            | Self::NoClasses { .. }
            | Self::OneClass { .. }
            | Self::NoImages { .. } => ErrorKind::BadData,
            Self::Preprocessing(error) => error.kind(),
            Self::BatchSize => ErrorKind::Usage,
            Self::Root { cause, .. } | Self::Walk { cause, .. } => kind_of_io(cause),
            Self::Threads { .. } => ErrorKind::Resources,
        }
    }
}

impl Error {
    /// The links below the folder that were not followed, where following them may help.
    #[must_use]
    pub fn links(&self) -> &[String] {
        match self {
            Self::NoClasses { links, .. } | Self::OneClass { links, .. } | Self::NoImages { links, .. } => {
                links
            }
            _ => &[],
        }
    }
}

/// What was found instead of images.
fn no_image(classes: usize) -> String {
    match classes {
        0 => "no image".to_owned(),
        classes => format!("{classes} class folders and no image in them"),
    }
}

/// The end of a message about a folder with links.
fn unfollowed(links: &[String]) -> String {
    match links {
        [] => String::new(),
        [only] => format!("; the link {only} was not followed"),
        [first, rest @ ..] => format!("; {first} and {} more links were not followed", rest.len()),
    }
}

/// The end of a message about a folder with photographs that are not read.
fn unread_formats(unread: &BTreeMap<&'static str, usize>) -> String {
    let each: Vec<_> = unread.iter().map(|(format, count)| format!("{count} in {format}")).collect();
    if each.is_empty() {
        return String::new();
    }
    format!("; photographs that are not read: {}: convert them to JPEG", each.join(", "))
}

/// The kind of an error of the system.
pub(crate) fn kind_of_io(cause: &io::Error) -> ErrorKind {
    match cause.kind() {
        io::ErrorKind::NotFound => ErrorKind::Missing,
        _ => ErrorKind::Resources,
    }
}
