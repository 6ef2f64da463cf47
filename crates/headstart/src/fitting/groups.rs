//! Which images belong together.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;

use super::group_table::GroupTable;
use crate::Error;

/// What makes images a group, besides the same content and what is nearly the same.
pub(super) struct Grouping {
    pattern: Option<Regex>,
    table: Option<GroupTable>,
}

/// An image, by what groups go by.
pub(super) struct Image<'a> {
    pub(super) path: &'a str,
    /// A hash of its content.
    pub(super) hash: &'a [u8],
}

/// The group of each image, and what is odd about them.
pub(super) struct Groups {
    /// An id an image: the position of the first image of its group.
    pub(super) ids: Vec<usize>,
    /// How many images the expression does not match.
    pub(super) unmatched: usize,
    /// How many images the table does not list.
    pub(super) unlisted: usize,
}

impl Grouping {
    /// # Errors
    /// [`Error::Setting`] for a text that is no regular expression; a table that can't be read.
    pub(super) fn new(pattern: Option<&str>, table: Option<&Path>) -> Result<Self, Error> {
        let compiled = |pattern: &str| {
            Regex::new(pattern).map_err(|error| {
                // The last line says what is wrong; those before draw the place.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("expected a regular expression, found {pattern}: {reason}");
                Error::setting("group_by", message)
            })
        };
        let pattern = pattern.map(compiled).transpose()?;
        Ok(Self { pattern, table: table.map(GroupTable::read).transpose()? })
    }

    /// Puts images together that have the same content, the same part of the path or the same group in the table; those of
    /// `pairs`; and those that are together with the same image.
    ///
    /// # Errors
    /// [`Error::Setting`] if the expression matches no path; [`Error::BadData`] if the table lists none.
    pub(super) fn of(&self, images: &[Image<'_>], pairs: &[(usize, usize)]) -> Result<Groups, Error> {
        let mut forest = Forest::new(images.len());
        let (mut by_hash, mut by_part, mut by_group) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut unmatched, mut unlisted) = (0, 0);
        for (position, image) in images.iter().enumerate() {
            forest.join(*by_hash.entry(image.hash).or_insert(position), position);
            if let Some(pattern) = &self.pattern {
                match part(pattern, image.path) {
                    Some(part) => forest.join(*by_part.entry(part).or_insert(position), position),
                    None => unmatched += 1,
                }
            }
            if let Some(table) = &self.table {
                match table.group(image.path) {
                    Some(group) => forest.join(*by_group.entry(group).or_insert(position), position),
                    None => unlisted += 1,
                }
            }
        }
        pairs.iter().for_each(|&(a, b)| forest.join(a, b));
        if let Some(first) = images.first() {
            self.check_any(first.path, images.len(), unmatched, unlisted)?;
        }
        let ids = (0..images.len()).map(|position| forest.root(position)).collect();
        Ok(Groups { ids, unmatched, unlisted })
    }

    /// Checks that the expression and the table say something of at least one image.
    fn check_any(&self, first: &str, images: usize, unmatched: usize, unlisted: usize) -> Result<(), Error> {
        if let Some(pattern) = &self.pattern
            && unmatched == images
        {
            let message =
                format!("expected an expression that matches paths such as {first}; {pattern} matches none");
            return Err(Error::setting("group_by", message));
        }
        if let Some(table) = &self.table
            && unlisted == images
        {
            let message = format!(
                "expected paths below the folder of images, such as {first}; found none of the images, but {}",
                table.example()
            );
            return Err(Error::bad_data(table.path(), message));
        }
        Ok(())
    }
}

/// What an expression finds in a path: its first group, or all that it matches.
fn part<'a>(pattern: &Regex, path: &'a str) -> Option<&'a str> {
    let found = pattern.captures(path)?;
    Some(found.get(1).or(found.get(0))?.as_str())
}

/// Positions that were joined. The parents of a group point to smaller positions.
pub(super) struct Forest(Vec<usize>);

impl Forest {
    /// Each position alone.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// The first position of a group.
    pub(super) fn root(&mut self, mut position: usize) -> usize {
        let Self(parents) = self;
        while parents[position] != position {
            parents[position] = parents[parents[position]];
            position = parents[position];
        }
        position
    }

    /// Whether two positions are of one group.
    pub(super) fn together(&mut self, a: usize, b: usize) -> bool {
        self.root(a) == self.root(b)
    }

    /// Makes one group of two.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pattern: Option<&str>, images: &[(&'static str, &'static str)]) -> Result<Groups, Error> {
        let image = |&(path, hash): &(&'static str, &'static str)| Image { path, hash: hash.as_bytes() };
        let images: Vec<Image<'_>> = images.iter().map(image).collect();
        Grouping::new(pattern, None)?.of(&images, &[])
    }

    #[test]
    fn images_are_together_by_content_by_path_and_by_both() {
        let images = [("a/v1_0", "x"), ("a/v2_0", "y"), ("b/v3_0", "x"), ("b/v2_1", "z"), ("b/other", "w")];
        assert_eq!(ids(None, &images).unwrap().ids, [0, 1, 0, 3, 4]);
        let groups = ids(Some("v([0-9]+)_"), &images).unwrap();
        assert_eq!((groups.ids, groups.unmatched), (vec![0, 1, 0, 1, 4], 1));
        assert_eq!(ids(Some("v[13]_"), &images).unwrap().ids, [0, 1, 0, 3, 4], "the whole match");
        // The copy of an image of video 1 is of video 2, so both videos are one group.
        let images = [("v1_0", "a"), ("v2_0", "b"), ("v1_1", "c"), ("v2_1", "c")];
        assert_eq!(ids(Some("v[12]"), &images).unwrap().ids, [0; 4]);
    }

    #[test]
    fn a_table_and_pairs_bring_images_together() {
        let table = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(table.path(), "path,group\na/1,p\nb/2,p\nb/3,q\n").unwrap();
        let images = ["a/0", "a/1", "b/2", "b/3", "b/4"].map(|path| Image { path, hash: path.as_bytes() });
        let grouping = Grouping::new(None, Some(table.path())).unwrap();
        let groups = grouping.of(&images, &[(3, 4)]).unwrap();
        assert_eq!((groups.ids, groups.unlisted), (vec![0, 1, 1, 3, 3], 2));
        let error = grouping.of(&images[..1], &[]).err().unwrap().to_string();
        assert!(error.contains("such as a/0; found none of the images, but a/1"), "{error}");
    }

    #[test]
    fn an_expression_that_is_none_or_matches_nothing_is_refused() {
        let error = ids(Some("(v"), &[("v", "a")]).err().unwrap().to_string();
        assert_eq!(error, "group_by: expected a regular expression, found (v: unclosed group");
        let error = ids(Some("w"), &[("a/v1", "a")]).err().unwrap().to_string();
        assert!(error.ends_with("matches paths such as a/v1; w matches none"), "{error}");
    }
}
