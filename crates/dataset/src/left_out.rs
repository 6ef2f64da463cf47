//! What a scan did not take.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use crate::foreign;

/// What [`scan`](crate::scan) found and did not take, so that no file is left out silently.
///
/// Paths are relative to the root, separated by `/`, and sorted. If a folder was left out, everything in it was. Bytes of
/// a name that are not UTF-8 are shown as `\xE9`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Files and folders whose names begin with a dot.
    pub hidden: Vec<String>,
    /// Folders that a system or a program makes for itself, such as `@eaDir` or `$RECYCLE.BIN`.
    pub system_folders: Vec<String>,
    /// Files in a class folder whose extension is not one of [`EXTENSIONS`](crate::EXTENSIONS).
    pub unknown_extension: Vec<String>,
    /// Symbolic links that were not followed, and links that lead nowhere.
    pub links: Vec<String>,
    /// Files that lie directly in the root, beside the class folders.
    pub loose_files: Vec<String>,
    /// Pipes, sockets and devices.
    pub special_files: Vec<String>,
    /// Entries directly in the root that can't be taken as a class, each with the reason.
    pub unreadable: Vec<(String, String)>,
}

impl LeftOut {
    /// Number of entries that were left out, over all reasons.
    #[must_use]
    pub fn count(&self) -> usize {
        let Self { hidden, system_folders, unknown_extension, links, loose_files, special_files, unreadable } =
            self;
        let lists = [hidden, system_folders, unknown_extension, links, loose_files, special_files];
        lists.into_iter().map(Vec::len).sum::<usize>() + unreadable.len()
    }

    /// The photographs among [`unknown_extension`](Self::unknown_extension): by their extension, of formats that are not
    /// read. Each format with its files.
    #[must_use]
    pub fn unread_formats(&self) -> BTreeMap<&'static str, Vec<&str>> {
        let mut formats = BTreeMap::<_, Vec<&str>>::new();
        for path in &self.unknown_extension {
            if let Some(format) = foreign::of_name(path) {
                formats.entry(format).or_default().push(path);
            }
        }
        formats
    }

    /// The files of [`unknown_extension`](Self::unknown_extension) that are no such photographs.
    pub fn other_files(&self) -> impl Iterator<Item = &String> {
        self.unknown_extension.iter().filter(|path| foreign::of_name(path).is_none())
    }

    /// How many photographs there are of each format that is not read.
    #[must_use]
    pub fn unread_counts(&self) -> BTreeMap<&'static str, usize> {
        self.unread_formats().into_iter().map(|(format, paths)| (format, paths.len())).collect()
    }

    pub(crate) fn sort(&mut self) {
        let Self { hidden, system_folders, unknown_extension, links, loose_files, special_files, unreadable } =
            self;
        for list in [hidden, system_folders, unknown_extension, links, loose_files, special_files] {
            list.sort_unstable();
        }
        unreadable.sort_unstable();
    }
}

/// Folders that are neither classes nor hold images of a person, in upper or lower case.
const SYSTEM_FOLDERS: [&str; 15] = [
    // Synology DSM: thumbnails and metadata beside each folder of pictures; bins; snapshots.
    "@eaDir",
    "@tmp",
    "#recycle",
    "#snapshot",
    // QNAP QTS: bins and snapshots.
    "@Recycle",
    "@Recently-Snapshot",
    // NetApp ONTAP: snapshots.
    "~snapshot",
    // Windows: the bin, restore points, and what a check of the disk found.
    "$RECYCLE.BIN",
    "System Volume Information",
    "FOUND.000",
    // The check of a Linux file system.
    "lost+found",
    // macOS: resource forks in a ZIP archive; bins and temporary files on network volumes.
    "__MACOSX",
    "Network Trash Folder",
    "Temporary Items",
    // Python.
    "__pycache__",
];

/// Whether a folder of this name is one that a system or a program makes for itself.
pub(crate) fn is_system_folder(name: &OsStr) -> bool {
    SYSTEM_FOLDERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}
