//! Groups of images from a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Error;

/// The group of each path in a file of comma-separated or tab-separated values.
#[derive(Debug)]
pub(super) struct GroupTable {
    path: PathBuf,
    groups: BTreeMap<String, String>,
}

impl GroupTable {
    /// Reads a file whose first line names the columns, `path` and `group` among them. A tab in that line makes tabs the
    /// separator. Values may be quoted as RFC 4180 has it, without line ends in them.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bad = |line: usize, message: String| Error::bad_data(path, format!("line {line}: {message}"));
        let text = read_text(path)?;
        let mut lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().zip(1..);
        let first = lines.next().map_or("", |(line, _)| line);
        let separator = if first.contains('\t') { '\t' } else { ',' };
        let names = fields(first, separator).unwrap_or_default();
        let column = |name: &str| names.iter().position(|found| found.trim().eq_ignore_ascii_case(name));
        let (Some(path_column), Some(group_column)) = (column("path"), column("group")) else {
            let shown: String = first.chars().take(80).collect();
            return Err(bad(
                1,
                format!("expected a line with the names of columns, path and group, found {shown:?}"),
            ));
        };
        let mut groups = BTreeMap::new();
        for (line, number) in lines {
            if line.trim().is_empty() {
                continue;
            }
            let Some(values) = fields(line, separator) else {
                return Err(bad(number, "a quote is not closed".to_owned()));
            };
            let value =
                |column: usize| values.get(column).map(|value| value.trim()).filter(|v| !v.is_empty());
            let (Some(image), Some(group)) = (value(path_column), value(group_column)) else {
                let message = format!("expected a path and a group, found {} values", values.len());
                return Err(bad(number, message));
            };
            let image = image.replace('\\', "/");
            let image = image.strip_prefix("./").unwrap_or(&image).to_owned();
            if let Some(other) = groups.insert(image.clone(), group.to_owned())
                && other != group
            {
                return Err(bad(
                    number,
                    format!("{image} is of the group {group}, and before it was of {other}"),
                ));
            }
        }
        Ok(Self { path: path.to_path_buf(), groups })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The group of an image.
    pub(super) fn group(&self, image: &str) -> Option<&str> {
        self.groups.get(image).map(String::as_str)
    }

    /// A path of the table, for a message.
    pub(super) fn example(&self) -> &str {
        self.groups.keys().next().map_or("no path", String::as_str)
    }
}

/// The file as text.
fn read_text(path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = headstart_files::open(path)?.read_to_end(&mut bytes);
    read.map_err(headstart_files::Error::io(path, "read it"))?;
    String::from_utf8(bytes).map_err(|_| Error::bad_data(path, "expected text in UTF-8"))
}

/// The values of a line; none if a quote is not closed.
fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let (mut all, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            _ if character == separator && !quoted => all.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    all.push(field);
    (!quoted).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<GroupTable, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        GroupTable::read(file.path())
    }

    #[test]
    fn columns_are_found_by_name_and_values_may_be_quoted() {
        let commas =
            table("\u{feff}group,weight,path\r\np1,3,a/1.png\np2,4,\"b/x, \"\"y\"\".png\"\n\n").unwrap();
        assert_eq!(commas.group("a/1.png"), Some("p1"));
        assert_eq!(commas.group("b/x, \"y\".png"), Some("p2"));
        assert_eq!(commas.group("a/2.png"), None);
        let tabs = table("Path\tGroup\n./a/1,2.png\tv 1\n").unwrap();
        assert_eq!(tabs.group("a/1,2.png"), Some("v 1"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("a/1.png,p1\n", "line 1: expected a line with the names of columns, path and group"),
            ("path,group\na/1.png\n", "line 2: expected a path and a group, found 1 values"),
            ("path,group\n\"a/1.png,p1\n", "line 2: a quote is not closed"),
            ("path,group\na,p1\na,p2\n", "line 3: a is of the group p2, and before it was of p1"),
        ] {
            let error = table(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
