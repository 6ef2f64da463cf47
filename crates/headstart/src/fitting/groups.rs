//! Which images belong together.

use std::collections::BTreeMap;

use regex::Regex;

use crate::Error;

/// What makes images a group, besides the same content.
pub(super) struct Grouping(Option<Regex>);

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
}

impl Grouping {
    /// # Errors
    /// [`Error::Setting`] for a text that is no regular expression.
    pub(super) fn new(pattern: Option<&str>) -> Result<Self, Error> {
        let compiled = |pattern: &str| {
            Regex::new(pattern).map_err(|error| {
                // The last line says what is wrong; those before draw the place.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("expected a regular expression, found {pattern}: {reason}");
                Error::setting("group_by", message)
            })
        };
        Ok(Self(pattern.map(compiled).transpose()?))
    }

    /// Puts images together that have the same content, or the same part of the path; and those that are together with the
    /// same image.
    ///
    /// # Errors
    /// [`Error::Setting`] if the expression matches no path.
    pub(super) fn of(&self, images: &[Image<'_>]) -> Result<Groups, Error> {
        let mut parents: Vec<usize> = (0..images.len()).collect();
        let (mut by_hash, mut by_part) = (BTreeMap::new(), BTreeMap::new());
        let mut unmatched = 0;
        for (position, image) in images.iter().enumerate() {
            join(&mut parents, *by_hash.entry(image.hash).or_insert(position), position);
            let Some(pattern) = &self.0 else { continue };
            match part(pattern, image.path) {
                Some(part) => join(&mut parents, *by_part.entry(part).or_insert(position), position),
                None => unmatched += 1,
            }
        }
        if let (Some(pattern), Some(first)) = (&self.0, images.first())
            && unmatched == images.len()
        {
            let message = format!(
                "expected an expression that matches paths such as {}; {pattern} matches none",
                first.path
            );
            return Err(Error::setting("group_by", message));
        }
        let ids = (0..images.len()).map(|position| root(&mut parents, position)).collect();
        Ok(Groups { ids, unmatched })
    }
}

/// What an expression finds in a path: its first group, or all that it matches.
fn part<'a>(pattern: &Regex, path: &'a str) -> Option<&'a str> {
    let found = pattern.captures(path)?;
    Some(found.get(1).or(found.get(0))?.as_str())
}

/// The first image of an image's group. A group's parents point to smaller positions.
fn root(parents: &mut [usize], mut position: usize) -> usize {
    while parents[position] != position {
        parents[position] = parents[parents[position]];
        position = parents[position];
    }
    position
}

fn join(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pattern: Option<&str>, images: &[(&'static str, &'static str)]) -> Result<Groups, Error> {
        let image = |&(path, hash): &(&'static str, &'static str)| Image { path, hash: hash.as_bytes() };
        let images: Vec<Image<'_>> = images.iter().map(image).collect();
        Grouping::new(pattern)?.of(&images)
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
    fn an_expression_that_is_none_or_matches_nothing_is_refused() {
        let error = ids(Some("(v"), &[("v", "a")]).err().unwrap().to_string();
        assert_eq!(error, "group_by: expected a regular expression, found (v: unclosed group");
        let error = ids(Some("w"), &[("a/v1", "a")]).err().unwrap().to_string();
        assert!(error.ends_with("matches paths such as a/v1; w matches none"), "{error}");
    }
}
