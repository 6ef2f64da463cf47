//! Whether a folder is the one above the folders of classes.

use std::collections::{BTreeMap, BTreeSet};

/// Names that parts of a dataset usually have, in lower case.
const PARTS: [&str; 9] =
    ["dev", "eval", "test", "testing", "train", "training", "val", "valid", "validation"];

/// Classes that hold the same folders: `train` and `validation`, each with `cats` and `dogs` in it. What was given is then
/// probably the folder above the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nesting {
    /// The classes that hold them, sorted.
    pub classes: Vec<String>,
    /// The folders in them, sorted.
    pub folders: Vec<String>,
}

impl Nesting {
    /// Looks for classes that share at least two folders, or that are named like parts of a dataset and hold folders.
    ///
    /// `paths` are those of samples, below the folder of the classes.
    #[must_use]
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut within = BTreeMap::<&str, BTreeSet<&str>>::new();
        for path in paths {
            let mut parts = path.split('/');
            if let (Some(class), Some(folder), Some(_)) = (parts.next(), parts.next(), parts.next()) {
                within.entry(class).or_default().insert(folder);
            }
        }
        let mut holders = BTreeMap::<&str, usize>::new();
        for folder in within.values().flatten() {
            *holders.entry(folder).or_default() += 1;
        }
        let shared: BTreeSet<&str> =
            holders.into_iter().filter(|(_, classes)| *classes > 1).map(|(folder, _)| folder).collect();
        let shares = |folders: &BTreeSet<&str>| folders.intersection(&shared).count() > 1;
        let is_part = |class: &str| PARTS.contains(&class.to_lowercase().as_str());
        let chosen = |is_chosen: &dyn Fn(&str, &BTreeSet<&str>) -> bool| {
            let classes = within.iter().filter(|(class, folders)| is_chosen(class, folders));
            let classes: Vec<String> = classes.map(|(class, _)| (*class).to_owned()).collect();
            (classes.len() > 1).then_some(classes)
        };
        if let Some(classes) = chosen(&|_, folders| shares(folders)) {
            return Some(Self { classes, folders: shared.into_iter().map(str::to_owned).collect() });
        }
        let classes = chosen(&|class, _| is_part(class))?;
        let folders: BTreeSet<&&str> = classes.iter().flat_map(|class| &within[class.as_str()]).collect();
        Some(Self { folders: folders.into_iter().map(|folder| (*folder).to_owned()).collect(), classes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nesting(paths: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        Nesting::of(paths.iter().copied()).map(|Nesting { classes, folders }| (classes, folders))
    }

    fn named(classes: &[&str], folders: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Some((owned(classes), owned(folders)))
    }

    #[test]
    fn classes_that_share_folders_are_told() {
        let paths = ["fold1/cats/1.png", "fold1/dogs/x/2.png", "fold2/cats/3.png", "fold2/dogs/4.png"];
        assert_eq!(nesting(&paths), named(&["fold1", "fold2"], &["cats", "dogs"]));
        let paths = ["train/cats/1.png", "train/dogs/2.png", "test/3.png", "test/all/4.png"];
        assert_eq!(nesting(&paths), named(&["test", "train"], &["all", "cats", "dogs"]));
    }

    #[test]
    fn folders_within_classes_are_no_sign_by_themselves() {
        assert_eq!(nesting(&["cats/1.png", "dogs/2.png", "train/3.png", "test/4.png"]), None);
        // Every class keeps its images in a folder of one name.
        assert_eq!(nesting(&["cats/images/1.png", "dogs/images/2.png"]), None);
        assert_eq!(nesting(&["cats/indoor/1.png", "cats/outdoor/1.png", "dogs/outdoor/2.png"]), None);
        assert_eq!(nesting(&[]), None);
    }
}
