//! Parts of a folder's images that are computed separately and merged again.

use serde::{Deserialize, Serialize};

/// One of several parts of a folder's images. Each is a store of its own until they are merged.
///
/// An image's path decides to which part it belongs, so files that are added or removed never move another one to
/// another part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part it is, from 0.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
    /// Images of the whole folder.
    pub images: usize,
    /// [`listing`](Self::listing) of the whole folder.
    pub listing: String,
}

impl Shard {
    /// The part that an image belongs to, from 0 to `count` - 1: the first eight bytes of its path's blake3 as a
    /// little-endian number, modulo `count`.
    ///
    /// `path` is as the scan named it, `"animals/ant.png"`. A count of 0 is treated as 1.
    #[must_use]
    pub fn of(path: &str, count: u32) -> u32 {
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::hash(path.as_bytes()).as_bytes()[..8]);
        // Less than `count`, which is a u32.
        (u64::from_le_bytes(first) % u64::from(count.max(1))) as u32
    }

    /// One hash for all image paths of a folder: blake3 of the paths in scan order, each with a line end; hexadecimal.
    #[must_use]
    pub fn listing<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
        let mut listing = Listing::default();
        for path in paths {
            listing.add(path);
        }
        listing.finish()
    }
}

/// [`Shard::listing`] of paths that come one after the other.
#[derive(Default)]
pub(crate) struct Listing(blake3::Hasher);

impl Listing {
    pub(crate) fn add(&mut self, path: &str) {
        self.0.update(path.as_bytes());
        self.0.update(b"\n");
    }

    pub(crate) fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
