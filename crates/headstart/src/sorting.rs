//! Images into a folder a class.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use headstart_files::IfExists;

use crate::Error;

/// How an image gets into the folder of its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// Its content is copied.
    Copy,
    /// A symbolic link leads to it.
    Link,
}

/// Sorts images into folders named after classes. Nothing is ever overwritten: where another file has an image's name, it gets
/// a number, `cat-2.jpg`. An image that is there already, by its content or as a link to it, is not put there again.
///
/// ```no_run
/// use headstart::{Placement, Sorter};
///
/// let mut sorter = Sorter::new("sorted", Placement::Copy);
/// let placed = sorter.place("new/1.jpg".as_ref(), "cats")?;
/// println!("{}", placed.display());
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug)]
pub struct Sorter {
    folder: PathBuf,
    placement: Placement,
    placed: usize,
    present: usize,
}

impl Sorter {
    /// Sorts into sub-folders of a folder. Both are made when they are needed.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, placement: Placement) -> Self {
        Self { folder: folder.into(), placement, placed: 0, present: 0 }
    }

    /// How many images were placed.
    #[must_use]
    pub fn placed(&self) -> usize {
        self.placed
    }

    /// How many images were there already.
    #[must_use]
    pub fn present(&self) -> usize {
        self.present
    }

    /// Places an image, and returns where it is.
    ///
    /// # Errors
    /// [`Error::BadData`] for a class that is no name of a folder, such as `../x`; a file that can't be read or written.
    pub fn place(&mut self, image: &Path, class: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join(folder_name(class)?);
        fs::create_dir_all(&folder).map_err(headstart_files::Error::io(&folder, "make the folder"))?;
        let Some(name) = image.file_name() else {
            return Err(Error::bad_data(image, "expected the path of an image, found no file name"));
        };
        let (stem, suffix) = (Path::new(name).file_stem().unwrap_or(name), Path::new(name).extension());
        for number in 1.. {
            let mut numbered = stem.to_os_string();
            if number > 1 {
                numbered.push(format!("-{number}"));
            }
            if let Some(suffix) = suffix {
                numbered.push(".");
                numbered.push(suffix);
            }
            let path = folder.join(numbered);
            if !headstart_files::is_taken(&path)? {
                self.put(image, &path)?;
                self.placed += 1;
                return Ok(path);
            }
            if is_there(image, &path) {
                self.present += 1;
                return Ok(path);
            }
        }
        unreachable!("some number is free")
    }

    fn put(&self, image: &Path, path: &Path) -> Result<(), Error> {
        match self.placement {
            Placement::Copy => {
                let mut source = headstart_files::open(image)?;
                headstart_files::write(path, IfExists::Refuse, |writer: &mut dyn Write| {
                    let copied = io::copy(&mut source, writer);
                    copied.map(drop).map_err(headstart_files::Error::io(path, "write it"))
                })?;
            }
            Placement::Link => {
                let target = fs::canonicalize(image)
                    .map_err(headstart_files::Error::io(image, "open it for reading"))?;
                link(&target, path).map_err(headstart_files::Error::io(path, "link it"))?;
            }
        }
        Ok(())
    }
}

/// A class as the name of a folder. A model may come from anywhere.
fn folder_name(class: &str) -> Result<&str, Error> {
    let is_plain = !class.is_empty()
        && class != "."
        && class != ".."
        && !class.contains(['/', '\\', '\0'])
        // A drive of Windows.
        && !(cfg!(windows) && class.contains(':'));
    if is_plain {
        return Ok(class);
    }
    let message = format!("expected a class whose name can be that of a folder, found {class:?}");
    Err(Error::bad_data(Path::new("the model"), message))
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(not(any(unix, windows)))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a path leads to an image, or to a copy of it. What can't be read is something else.
fn is_there(image: &Path, path: &Path) -> bool {
    let same = |a: &Path, b: &Path| Some(fs::canonicalize(a).ok()? == fs::canonicalize(b).ok()?);
    same(image, path).unwrap_or(false) || same_content(image, path).unwrap_or(false)
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let [a, b] = [File::open(a)?, File::open(b)?];
    let [of_a, of_b] = [a.metadata()?, b.metadata()?];
    if !of_b.is_file() || of_a.len() != of_b.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::new(a).bytes(), BufReader::new(b).bytes());
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (a, b) if a == b => {}
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_and_what_is_there_is_not_placed_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, content) in [("one/x.jpg", "1"), ("two/x.jpg", "2"), ("three/x.jpg", "1"), ("bare", "3")] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), content).unwrap();
        }
        let mut sorter = Sorter::new(path("sorted"), Placement::Copy);
        let mut place = |name: &str| sorter.place(&path(name), "cats").unwrap();
        assert_eq!(place("one/x.jpg"), path("sorted/cats/x.jpg"));
        assert_eq!(place("two/x.jpg"), path("sorted/cats/x-2.jpg"));
        assert_eq!(place("three/x.jpg"), path("sorted/cats/x.jpg"), "the same content is there");
        assert_eq!(place("bare"), path("sorted/cats/bare"));
        assert_eq!(place("two/x.jpg"), path("sorted/cats/x-2.jpg"));
        assert_eq!((sorter.placed(), sorter.present()), (3, 2));
        assert_eq!(fs::read_to_string(path("sorted/cats/x.jpg")).unwrap(), "1");
        assert_eq!(fs::read_to_string(path("sorted/cats/x-2.jpg")).unwrap(), "2");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_leads_to_its_image_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("x.jpg");
        fs::write(&image, "1").unwrap();
        let mut sorter = Sorter::new(folder.path().join("sorted"), Placement::Link);
        let placed = sorter.place(&image, "a b").unwrap();
        assert!(fs::read_link(&placed).unwrap().is_absolute());
        assert_eq!(fs::canonicalize(&placed).unwrap(), fs::canonicalize(&image).unwrap());
        assert_eq!(sorter.place(&image, "a b").unwrap(), placed);
        assert_eq!((sorter.placed(), sorter.present()), (1, 1));
    }

    #[test]
    fn a_class_that_would_leave_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("x.jpg");
        fs::write(&image, "1").unwrap();
        let mut sorter = Sorter::new(folder.path().join("sorted"), Placement::Copy);
        for class in ["", ".", "..", "../out", "/x", "a/b", "a\\b", "a\0"] {
            let error = sorter.place(&image, class).unwrap_err().to_string();
            assert!(error.contains("can be that of a folder"), "{error}");
        }
        assert!(!folder.path().join("sorted").exists());
    }
}
