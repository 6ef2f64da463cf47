//! A folder of class folders as an ordered list of samples.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::extensions::EXTENSIONS;
use crate::left_out::{LeftOut, is_system_folder};
use crate::{DecodeError, Error, Limits, load};

/// How [`scan`] walks the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Follow symbolic links to files and to folders. Off by default: links are left out and listed.
    pub follow_links: bool,
}

impl ScanOptions {
    /// The options with another [`follow_links`](Self::follow_links).
    #[must_use]
    pub const fn with_follow_links(mut self, follow_links: bool) -> Self {
        self.follow_links = follow_links;
        self
    }
}

/// One image file with its label; or a file or folder in its place that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Path relative to the scanned root, its parts separated by `/` on every system. Bytes of a name that are not UTF-8
    /// are shown as `\xE9`.
    pub path: String,
    /// Position of the sample's class in [`Dataset::classes`].
    pub label: u32,
}

/// A scanned folder: its classes, and its samples in an order that every later stage keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The folder that was scanned, as it was given.
    pub root: PathBuf,
    /// Names of the class folders, sorted by code point. The label of a class is its position here.
    pub classes: Vec<String>,
    /// All samples: class by class, and within a class in the order that [`scan`] documents.
    pub samples: Vec<Sample>,
    /// Why a sample can't be read, by its path, where the scan knows: a folder that can't be listed, or a name that is not
    /// UTF-8. Every stage skips it like an image that can't be decoded.
    pub unreadable: BTreeMap<String, String>,
    /// What the scan did not take.
    pub left_out: LeftOut,
}

impl Dataset {
    /// Lists the images of a folder with one sub-folder per class: [`scan`] with the default options.
    ///
    /// # Errors
    ///
    /// As [`scan`].
    pub fn folder(root: impl AsRef<Path>) -> Result<Self, Error> {
        scan(root.as_ref(), &ScanOptions::default())
    }

    /// Number of image files of each class, in the order of [`Dataset::classes`]. A class folder without an image
    /// counts 0.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in self.samples.iter().filter(|sample| !self.unreadable.contains_key(&sample.path)) {
            // Only a Dataset that was built by hand can have a label without a class. It is not counted.
            if let Some(count) = counts.get_mut(sample.label as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// A dataset with some of the samples, given by position. Classes and labels stay as they are.
    ///
    /// # Panics
    ///
    /// If a position is not below the number of samples.
    #[must_use]
    pub fn subset(&self, positions: &[usize]) -> Self {
        let samples = positions.iter().map(|&position| self.samples[position].clone()).collect();
        Self {
            samples,
            root: self.root.clone(),
            classes: self.classes.clone(),
            unreadable: self.unreadable.clone(),
            left_out: self.left_out.clone(),
        }
    }

    /// Labels of all samples, in sample order.
    #[must_use]
    pub fn labels(&self) -> Vec<u32> {
        self.samples.iter().map(|sample| sample.label).collect()
    }

    /// The path of a sample's file: the root joined with the sample's path.
    #[must_use]
    pub fn path_of(&self, sample: &Sample) -> PathBuf {
        self.root.join(&sample.path)
    }

    /// The bytes of a sample's file, if the limits admit that many.
    pub(crate) fn read(&self, sample: &Sample, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        match self.unreadable.get(&sample.path) {
            Some(reason) => Err(DecodeError::Unlisted { reason: reason.clone() }),
            None => load::read(&self.path_of(sample), limits),
        }
    }
}

/// Lists the images below `root`, one class for each sub-folder, in the order of Keras's `flow_from_directory`.
///
/// - Classes are the sub-folders of `root`, sorted by code point. A class folder without images stays a class.
/// - Within a class, the folders below it are sorted by their whole path as a string, and the files of each folder by
///   name. `b-1/x.png` comes before `b/x.png`, because `-` sorts before `/`.
/// - A file is a sample if its extension is one of [`EXTENSIONS`]. Its content is not read here. Unlike here, Keras does
///   not take `webp` and `gif`.
///
/// Four things differ from Keras, on purpose. `webp` is taken. Hidden files and folders are not, nor are the folders that
/// systems make for themselves. Links to files or to class folders are not, unless `follow_links` is set. A name such as
/// `notpng`, which only ends in the letters, has no extension. [`Dataset::left_out`] lists each file that is left out for
/// one of these reasons.
///
/// A folder in a class that can't be listed, and a name of an image or of a folder that is not UTF-8, become a sample that
/// can't be read ([`Dataset::unreadable`]).
///
/// # Errors
///
/// If `root` is missing, is not a folder or can't be listed, followed links form a circle, or the folder holds no class,
/// only one class, or no image.
pub fn scan(root: &Path, options: &ScanOptions) -> Result<Dataset, Error> {
    let mut classes = BTreeMap::new();
    let mut unreadable = BTreeMap::new();
    let mut left_out = LeftOut::default();
    walk(root, options, &mut left_out, |relative, kind, left_out| match kind {
        Kind::Folder if relative.folder.is_empty() => {
            classes.entry(relative.name).or_insert_with(Vec::new);
        }
        Kind::Folder => {}
        Kind::UnreadableFile(_) if relative.folder.is_empty() => left_out.loose_files.push(relative.name),
        Kind::UnreadableFolder(reason)
            if relative.folder.is_empty() && !classes.contains_key(&relative.name) =>
        {
            left_out.unreadable.push((relative.name, reason));
        }
        Kind::UnreadableFile(reason) | Kind::UnreadableFolder(reason) => {
            unreadable.insert(relative.joined(), reason);
            // The class folder itself may be what can't be listed.
            let class = if relative.folder.is_empty() { &relative.name } else { relative.class() }.to_owned();
            classes.entry(class).or_insert_with(Vec::new).push((relative.folder, relative.name));
        }
        _ if relative.folder.is_empty() => left_out.loose_files.push(relative.joined()),
        Kind::UnknownExtension => left_out.unknown_extension.push(relative.joined()),
        Kind::Image => {
            let class = relative.class().to_owned();
            classes.entry(class).or_insert_with(Vec::new).push((relative.folder, relative.name));
        }
    })?;
    collect(root, classes, unreadable, left_out)
}

/// Lists the images below `root`, with or without class folders: first the images directly in `root`, then those that
/// [`scan`] takes, in its order.
///
/// The result has one class with an empty name. It may have no samples.
///
/// # Errors
///
/// If `root` is missing, is not a folder or can't be listed, or followed links form a circle.
pub fn list(root: &Path, options: &ScanOptions) -> Result<Dataset, Error> {
    // Sorted as a scan sorts: by class, then by folder, then by name.
    let mut files = Vec::new();
    let mut unreadable = BTreeMap::new();
    let mut left_out = LeftOut::default();
    walk(root, options, &mut left_out, |relative, kind, left_out| {
        match kind {
            Kind::Folder => return,
            Kind::UnknownExtension => return left_out.unknown_extension.push(relative.joined()),
            Kind::Image => {}
            Kind::UnreadableFile(reason) | Kind::UnreadableFolder(reason) => {
                unreadable.insert(relative.joined(), reason);
            }
        }
        files.push((relative.class().to_owned(), relative.folder, relative.name));
    })?;
    files.sort_unstable();
    let sample = |(_, folder, name)| Sample { path: RelativePath { folder, name }.joined(), label: 0 };
    let samples = files.into_iter().map(sample).collect();
    Ok(Dataset { root: root.to_path_buf(), classes: vec![String::new()], samples, unreadable, left_out })
}

/// Calls `take` for each folder and each regular file below `root` that is not hidden, in no particular order.
/// Everything else goes to `left_out`, which is sorted at the end.
fn walk(
    root: &Path,
    options: &ScanOptions,
    left_out: &mut LeftOut,
    mut take: impl FnMut(RelativePath, Kind, &mut LeftOut),
) -> Result<(), Error> {
    let metadata = fs::metadata(root).map_err(|cause| Error::Root { path: root.to_path_buf(), cause })?;
    if !metadata.is_dir() {
        return Err(Error::NotAFolder { path: root.to_path_buf() });
    }
    let mut walk = WalkDir::new(root).min_depth(1).follow_links(options.follow_links).into_iter();
    while let Some(entry) = walk.next() {
        // What is hidden comes first: it must not end the scan, whatever else is wrong with it.
        let path = match &entry {
            Ok(entry) => Some(entry.path()),
            Err(error) => error.path(),
        };
        if let Some(path) = path.filter(|path| is_hidden(path)) {
            left_out.hidden.push(RelativePath::of(root, path).joined());
            if entry.is_ok_and(|entry| entry.file_type().is_dir()) {
                walk.skip_current_dir();
            }
            continue;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                match entry_that_failed(root, error)? {
                    (relative, None) => left_out.links.push(relative.joined()),
                    (relative, Some(reason)) => take(relative, Kind::UnreadableFolder(reason), left_out),
                }
                continue;
            }
        };
        let relative = RelativePath::of(root, entry.path());
        let unreadable = || "its name is not valid UTF-8; rename it".to_owned();
        let is_text = entry.file_name().to_str().is_some();
        // When links are followed, walkdir reports the type of what they lead to.
        let file_type = entry.file_type();
        if file_type.is_symlink() {
            left_out.links.push(relative.joined());
        } else if file_type.is_dir() && is_system_folder(entry.file_name()) {
            left_out.system_folders.push(relative.joined());
            walk.skip_current_dir();
        } else if file_type.is_dir() && !is_text {
            take(relative, Kind::UnreadableFolder(unreadable()), left_out);
            walk.skip_current_dir();
        } else if file_type.is_dir() {
            take(relative, Kind::Folder, left_out);
        } else if !file_type.is_file() {
            left_out.special_files.push(relative.joined());
        } else if !relative.has_image_extension() {
            take(relative, Kind::UnknownExtension, left_out);
        } else if !is_text {
            take(relative, Kind::UnreadableFile(unreadable()), left_out);
        } else {
            take(relative, Kind::Image, left_out);
        }
    }
    left_out.sort();
    Ok(())
}

/// A dataset of the (folder, file name) pairs of each class. Sorting the pairs gives Keras's order: it sorts folders by
/// their path as a string, and UTF-8 sorts as code points do.
fn collect(
    root: &Path,
    files: BTreeMap<String, Vec<(String, String)>>,
    unreadable: BTreeMap<String, String>,
    left_out: LeftOut,
) -> Result<Dataset, Error> {
    let mut classes = Vec::with_capacity(files.len());
    let mut samples = Vec::new();
    for (label, (class, mut of_class)) in (0u32..).zip(files) {
        of_class.sort_unstable();
        let path = |(folder, name)| RelativePath { folder, name }.joined();
        samples.extend(of_class.into_iter().map(|parts| Sample { path: path(parts), label }));
        classes.push(class);
    }
    match classes.as_slice() {
        [] => {
            let (loose_files, links) = (left_out.loose_files.len(), left_out.links);
            Err(Error::NoClasses { path: root.to_path_buf(), loose_files, links })
        }
        [only] => {
            Err(Error::OneClass { path: root.to_path_buf(), class: only.clone(), links: left_out.links })
        }
        _ if samples.is_empty() => Err(Error::NoImages {
            path: root.to_path_buf(),
            classes: classes.len(),
            left_out: left_out.count(),
            unread: left_out.unread_counts(),
            links: left_out.links,
        }),
        _ => Ok(Dataset { root: root.to_path_buf(), classes, samples, unreadable, left_out }),
    }
}

/// A path below the root, split at its last part.
struct RelativePath {
    /// The parts before the name, joined by `/`; empty directly in the root.
    folder: String,
    name: String,
}

impl RelativePath {
    fn of(root: &Path, path: &Path) -> Self {
        let below = path.strip_prefix(root).unwrap_or(path);
        let mut parts: Vec<String> = below.iter().map(|part| text_of(part.as_encoded_bytes())).collect();
        let name = parts.pop().unwrap_or_default();
        Self { folder: parts.join("/"), name }
    }

    fn class(&self) -> &str {
        self.folder.split('/').next().unwrap_or_default()
    }

    fn has_image_extension(&self) -> bool {
        self.name
            .rsplit_once('.')
            .is_some_and(|(_, found)| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found)))
    }

    fn joined(&self) -> String {
        if self.folder.is_empty() { self.name.clone() } else { format!("{}/{}", self.folder, self.name) }
    }
}

/// Whether the name starts with a dot. The rest may be anything, even something that is not UTF-8.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The bytes of a name or a path as text. Those that are not UTF-8 become `\xE9`.
#[must_use]
pub fn text_of(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text += chunk.valid();
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

/// The kinds of entries that [`walk`] passes on.
enum Kind {
    Folder,
    /// A file whose extension is not one of [`EXTENSIONS`].
    UnknownExtension,
    Image,
    /// An image whose name is not UTF-8: why it can't be taken.
    UnreadableFile(String),
    /// A folder that can't be listed or whose name is not UTF-8, or an entry of unknown kind: why it can't be taken.
    UnreadableFolder(String),
}

/// An entry that walkdir can't read, and why; no reason for a followed link that leads nowhere or to itself.
///
/// # Errors
/// The root itself can't be listed; a circle of followed links; an error that does not say where it happened.
fn entry_that_failed(root: &Path, error: walkdir::Error) -> Result<(RelativePath, Option<String>), Error> {
    let Some(path) = error.path().filter(|_| error.depth() > 0).map(Path::to_path_buf) else {
        return Err(Error::Walk { path: root.to_path_buf(), cause: error.into() });
    };
    if let Some(ancestor) = error.loop_ancestor() {
        return Err(Error::LinkLoop { ancestor: ancestor.to_path_buf(), path });
    }
    let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
    let leads_nowhere = is_link && fs::metadata(&path).is_err();
    let action = if path.is_dir() { "list the folder" } else { "open it" };
    let cause: std::io::Error = error.into();
    Ok((RelativePath::of(root, &path), (!leads_nowhere).then(|| format!("can't {action}: {cause}"))))
}
