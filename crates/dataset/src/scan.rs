//! A folder of class folders as an ordered list of samples.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::Error;
use crate::extensions::EXTENSIONS;

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

/// One image file with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Path relative to the scanned root, its parts separated by `/` on every system.
    pub path: String,
    /// Position of the sample's class in [`Dataset::classes`].
    pub label: u32,
}

/// What [`scan`] found and did not take, so that no file is left out silently.
///
/// Paths are relative to the root, separated by `/`, and sorted. If a folder was left out, everything in it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Files and folders whose names begin with a dot.
    pub hidden: Vec<String>,
    /// Files in a class folder whose extension is not one of [`EXTENSIONS`].
    pub unknown_extension: Vec<String>,
    /// Symbolic links that were not followed, and links that lead nowhere.
    pub links: Vec<String>,
    /// Files that lie directly in the root, beside the class folders.
    pub loose_files: Vec<String>,
    /// Pipes, sockets and devices.
    pub special_files: Vec<String>,
}

impl LeftOut {
    /// Number of entries that were left out, over all reasons.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hidden.len()
            + self.unknown_extension.len()
            + self.links.len()
            + self.loose_files.len()
            + self.special_files.len()
    }

    fn sort(&mut self) {
        for list in [
            &mut self.hidden,
            &mut self.unknown_extension,
            &mut self.links,
            &mut self.loose_files,
            &mut self.special_files,
        ] {
            list.sort_unstable();
        }
    }
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

    /// Number of samples of each class, in the order of [`Dataset::classes`]. A class folder without an image
    /// counts 0.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in &self.samples {
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
}

/// Lists the images below `root`, one class for each sub-folder, in the order of Keras's `flow_from_directory`.
///
/// - Classes are the sub-folders of `root`, sorted by code point. A class folder without images stays a class.
/// - Within a class, the folders below it are sorted by their whole path as a string, and the files of each folder by
///   name. `b-1/x.png` comes before `b/x.png`, because `-` sorts before `/`.
/// - A file is a sample if its extension is one of [`EXTENSIONS`]. Its content is not read here.
///
/// Four things differ from Keras, on purpose. `webp` is taken. Hidden files and folders are not. Links to files or to
/// class folders are not, unless `follow_links` is set. A name such as `notpng`, which only ends in the letters, has no
/// extension. [`Dataset::left_out`] lists each file that is left out for one of these reasons.
///
/// # Errors
///
/// If `root` is missing or is not a folder, a folder can't be read, a name is not UTF-8, followed links form a circle,
/// or the folder holds no class, only one class, or no image.
pub fn scan(root: &Path, options: &ScanOptions) -> Result<Dataset, Error> {
    let mut classes = BTreeMap::new();
    let mut left_out = LeftOut::default();
    walk(root, options, &mut left_out, |relative, kind, left_out| match kind {
        Kind::Folder if relative.folder.is_empty() => {
            classes.entry(relative.name).or_insert_with(Vec::new);
        }
        Kind::Folder => {}
        _ if relative.folder.is_empty() => left_out.loose_files.push(relative.joined()),
        Kind::UnknownExtension => left_out.unknown_extension.push(relative.joined()),
        Kind::Image => {
            let class = relative.class().to_owned();
            classes.entry(class).or_insert_with(Vec::new).push((relative.folder, relative.name));
        }
    })?;
    collect(root, classes, left_out)
}

/// Lists the images below `root`, with or without class folders: first the images directly in `root`, then those that
/// [`scan`] takes, in its order.
///
/// The result has one class with an empty name. It may have no samples.
///
/// # Errors
///
/// If `root` is missing or is not a folder, a folder can't be read, a name is not UTF-8, or followed links form a
/// circle.
pub fn list(root: &Path, options: &ScanOptions) -> Result<Dataset, Error> {
    // Sorted as a scan sorts: by class, then by folder, then by name.
    let mut files = Vec::new();
    let mut left_out = LeftOut::default();
    walk(root, options, &mut left_out, |relative, kind, left_out| match kind {
        Kind::Folder => {}
        Kind::UnknownExtension => left_out.unknown_extension.push(relative.joined()),
        Kind::Image => files.push((relative.class().to_owned(), relative.folder, relative.name)),
    })?;
    files.sort_unstable();
    let sample = |(_, folder, name)| Sample { path: RelativePath { folder, name }.joined(), label: 0 };
    let samples = files.into_iter().map(sample).collect();
    Ok(Dataset { root: root.to_path_buf(), classes: vec![String::new()], samples, left_out })
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
        // Hidden entries come first: they must not end the scan, whatever else is wrong with them.
        let path = match &entry {
            Ok(entry) => Some(entry.path()),
            Err(error) => error.path(),
        };
        if let Some(path) = path.filter(|path| is_hidden(path)) {
            left_out.hidden.push(shown(root, path));
            if entry.is_ok_and(|entry| entry.file_type().is_dir()) {
                walk.skip_current_dir();
            }
            continue;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                match dangling_link(root, &error)? {
                    Some(relative) => left_out.links.push(relative.joined()),
                    None => return Err(walk_error(root, error)),
                }
                continue;
            }
        };
        let relative = RelativePath::of(root, entry.path())?;
        // When links are followed, walkdir reports the type of what they lead to.
        let file_type = entry.file_type();
        if file_type.is_symlink() {
            left_out.links.push(relative.joined());
        } else if file_type.is_dir() {
            take(relative, Kind::Folder, left_out);
        } else if !file_type.is_file() {
            left_out.special_files.push(relative.joined());
        } else if relative.has_image_extension() {
            take(relative, Kind::Image, left_out);
        } else {
            take(relative, Kind::UnknownExtension, left_out);
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
    left_out: LeftOut,
) -> Result<Dataset, Error> {
    let mut classes = Vec::with_capacity(files.len());
    let mut samples = Vec::new();
    for (label, (class, mut of_class)) in (0u32..).zip(files) {
        of_class.sort_unstable();
        samples.extend(
            of_class.into_iter().map(|(folder, name)| Sample { path: format!("{folder}/{name}"), label }),
        );
        classes.push(class);
    }
    match classes.as_slice() {
        [] => Err(Error::NoClasses { path: root.to_path_buf(), loose_files: left_out.loose_files.len() }),
        [only] => Err(Error::OneClass { path: root.to_path_buf(), class: only.clone() }),
        _ if samples.is_empty() => Err(Error::NoImages {
            path: root.to_path_buf(),
            classes: classes.len(),
            left_out: left_out.count(),
        }),
        _ => Ok(Dataset { root: root.to_path_buf(), classes, samples, left_out }),
    }
}

/// A path below the root, split at its last part.
struct RelativePath {
    /// The parts before the name, joined by `/`; empty directly in the root.
    folder: String,
    name: String,
}

impl RelativePath {
    fn of(root: &Path, path: &Path) -> Result<Self, Error> {
        let below = path.strip_prefix(root).unwrap_or(path);
        let mut parts = below
            .iter()
            .map(|part| part.to_str().ok_or_else(|| Error::NotUtf8 { path: path.to_path_buf() }))
            .collect::<Result<Vec<_>, _>>()?;
        let name = parts.pop().unwrap_or_default().to_owned();
        Ok(Self { folder: parts.join("/"), name })
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

/// A path below the root as text, with replacements for what is not UTF-8.
fn shown(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The kinds of entries that [`walk`] passes on.
enum Kind {
    Folder,
    /// A file whose extension is not one of [`EXTENSIONS`].
    UnknownExtension,
    Image,
}

/// The path of a followed link that leads nowhere or to itself; `None` for another kind of error.
fn dangling_link(root: &Path, error: &walkdir::Error) -> Result<Option<RelativePath>, Error> {
    let Some(path) = error.path() else { return Ok(None) };
    // The system's answer about the target. An error of walkdir's own, about a circle of folders, has no such cause.
    let leads_nowhere = error.io_error().is_some() && fs::metadata(path).is_err();
    if leads_nowhere && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        RelativePath::of(root, path).map(Some)
    } else {
        Ok(None)
    }
}

fn walk_error(root: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(root).to_path_buf();
    match error.loop_ancestor() {
        Some(ancestor) => Error::LinkLoop { path, ancestor: ancestor.to_path_buf() },
        None => Error::Walk { path, cause: error.into() },
    }
}
