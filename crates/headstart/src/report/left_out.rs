//! The files that were not used, and why.

use headstart_dataset::{Dataset, LeftOut};

use super::data::LeftOutFile;
use super::split::Split;

/// The images of a split that could not be read, and what a scan of its folder does not take.
pub(super) fn left_out(split: &Split<'_>) -> Vec<LeftOutFile> {
    let file = |path: &str, reason: &str| LeftOutFile {
        split: split.name.to_owned(),
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let manifest = split.data.manifest();
    let skipped = manifest.map(|manifest| manifest.skipped.as_slice()).unwrap_or_default();
    let mut files: Vec<LeftOutFile> =
        skipped.iter().map(|image| file(&image.path, &format!("can't be read: {}", image.reason))).collect();
    // A folder that is gone tells nothing; the report is of the features.
    let Some(Ok(dataset)) = split.images.map(Dataset::folder) else { return files };
    let LeftOut { hidden, system_folders, unknown_extension, links, loose_files, special_files, unreadable } =
        &dataset.left_out;
    let rows = manifest.map(|manifest| manifest.rows.as_slice()).unwrap_or_default();
    // The scan of the features may have followed links.
    let followed = |link: &&String| rows.iter().any(|row| row.path.starts_with(link.as_str()));
    let links: Vec<String> = links.iter().filter(|link| !followed(link)).cloned().collect();
    for (paths, reason) in [
        (unknown_extension, "is not named as an image of a format that is read"),
        (loose_files, "lies beside the folders of the classes, so it has no class"),
        (&links, "is a link, and links are not followed"),
        (special_files, "is no file"),
        (system_folders, "is a folder of a system or a program"),
        (hidden, "is hidden: its name begins with a dot"),
    ] {
        files.extend(paths.iter().map(|path| file(path, reason)));
    }
    files.extend(unreadable.iter().map(|(path, reason)| file(path, reason)));
    files
}
