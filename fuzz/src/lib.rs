//! What the fuzz targets share: a folder for the files under test.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// A folder below the system's temporary one, removed with it. A folder in memory (`TMPDIR`) makes a target several
/// times as fast.
pub struct Folder(TempDir);

impl Folder {
    /// An empty folder.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder, which is more than a default value")]
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// Writes a file and gives its path.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("a file that can be written");
        path
    }
}
