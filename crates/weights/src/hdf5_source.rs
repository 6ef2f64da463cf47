//! The bytes of an HDF5 file as its reader gets them: a whole file or a part of one, with the soft links of old groups left
//! out.
//!
//! A group of the first format lists its children in symbol table nodes. The reader takes every entry for an object, and
//! gives up on a soft link, which has no address. It would then read no other child of the group either.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdf5::{FormatError, Source};

/// What a symbol table node starts with, and the bytes before its entries.
const NODE_SIGNATURE: &[u8] = b"SNOD";
const NODE_HEADER: usize = 8;

/// The kind of an entry that stands for a soft link.
const SOFT_LINK: u32 = 2;

/// Nodes with soft links that are told apart.
const MOST_NODES: usize = 10_000;

/// Bytes at the start of a file in which its driver is named.
const DRIVER_WITHIN: u64 = 1 << 12;

/// Bytes that [`Hdf5Source::scan`] looks at together.
const SCANNED: usize = 1 << 20;

/// A file that HDF5 is read from. Clones share it.
#[derive(Clone)]
pub(crate) struct Hdf5Source(Arc<Shared>);

struct Shared {
    /// Tensors are read on several threads, and a file has one position: the holder of the lock seeks first.
    file: Mutex<File>,
    start: u64,
    length: u64,
    /// Widths of an address and of a length in the file; 0 before they are known.
    address_width: AtomicUsize,
    length_width: AtomicUsize,
    /// Places of the nodes in which soft links were met.
    linked: Mutex<BTreeSet<u64>>,
}

impl Hdf5Source {
    /// `length` bytes of a file from `start` on.
    pub(crate) fn part(file: File, start: u64, length: u64) -> Self {
        let linked = Mutex::default();
        let (address_width, length_width) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Shared { file: Mutex::new(file), start, length, address_width, length_width, linked }))
    }

    /// Tells the widths of an address and of a length, which the superblock says.
    pub(crate) fn set_widths(&self, address: u8, length: u8) {
        self.0.address_width.store(address.into(), Ordering::Relaxed);
        self.0.length_width.store(length.into(), Ordering::Relaxed);
    }

    /// Number of nodes in which soft links were left out so far.
    pub(crate) fn linked_nodes(&self) -> usize {
        self.linked().len()
    }

    fn linked(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `test` accepts a place of the file where `pattern` stands. It gets the bytes around it, at least `margin` on
    /// either side where the file has them, and the position of the pattern in them.
    pub(crate) fn scan(
        &self,
        pattern: &[u8],
        margin: usize,
        test: &dyn Fn(&[u8], usize) -> bool,
    ) -> io::Result<bool> {
        let Some(first) = pattern.first() else { return Ok(false) };
        let overlap = (2 * margin + pattern.len()) as u64;
        let mut start = 0;
        while start < self.0.length {
            let taken = (SCANNED as u64 + overlap).min(self.0.length - start);
            let mut bytes = vec![0; taken as usize];
            self.fill(start, &mut bytes)?;
            let found = bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| *byte == first)
                .any(|(at, _)| bytes[at..].starts_with(pattern) && test(&bytes, at));
            if found {
                return Ok(true);
            }
            start += SCANNED as u64;
        }
        Ok(false)
    }

    /// Whether the file is one of several, which a driver of HDF5 puts together. It then names its driver at the start.
    pub(crate) fn has_driver(&self) -> bool {
        let mut start = vec![0; self.0.length.min(DRIVER_WITHIN) as usize];
        let names = [b"NCSAfami", b"NCSAmult"];
        self.fill(0, &mut start).is_ok()
            && start.windows(8).any(|found| names.iter().any(|name| found == *name))
    }

    /// Fills `bytes` from `offset` on.
    fn fill(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.0.start.saturating_add(offset)))?;
        file.read_exact(bytes)
    }

    /// The node at `offset` without its soft links; `None` if it has none, or is no node.
    fn node_without_links(&self, offset: u64) -> Result<Option<Vec<u8>>, FormatError> {
        let (address, length) =
            (self.0.address_width.load(Ordering::Relaxed), self.0.length_width.load(Ordering::Relaxed));
        if address == 0 {
            return Ok(None);
        }
        let header = self.read_exact_at(offset, NODE_HEADER)?;
        let count = usize::from(u16::from_le_bytes([header[6], header[7]]));
        // The place of a name, the address of an object, the kind, four bytes of nothing, and a scratch pad.
        let (kind, size) = (length + address, length + address + 24);
        let Ok(entries) = self.read_exact_at(offset + NODE_HEADER as u64, count * size) else {
            return Ok(None);
        };
        let mut node = header;
        let is_link = |entry: &[u8]| entry[kind..].starts_with(&SOFT_LINK.to_le_bytes());
        let mut kept = 0u16;
        for entry in entries.chunks_exact(size).filter(|entry| !is_link(entry)) {
            node.extend_from_slice(entry);
            kept += 1;
        }
        if usize::from(kept) == count {
            return Ok(None);
        }
        node[6..8].copy_from_slice(&kept.to_le_bytes());
        let mut linked = self.linked();
        if linked.len() < MOST_NODES {
            linked.insert(offset);
        }
        Ok(Some(node))
    }
}

impl Source for Hdf5Source {
    fn len(&self) -> u64 {
        self.0.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
        let end = offset.saturating_add(buf.len() as u64);
        if end > self.0.length {
            let (expected, available) = (saturated(end), saturated(self.0.length));
            return Err(FormatError::UnexpectedEof { expected, available });
        }
        self.fill(offset, buf).map_err(|cause| FormatError::Source(cause.to_string()))
    }

    fn read_metadata_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, FormatError> {
        let bytes = self.read_exact_at(offset, len)?;
        if !bytes.starts_with(NODE_SIGNATURE) {
            return Ok(bytes);
        }
        // The reader asks for the header, and then for as many entries as the header says.
        Ok(match self.node_without_links(offset)? {
            Some(mut node) if len == NODE_HEADER => {
                node.truncate(NODE_HEADER);
                node
            }
            Some(node) if len == node.len() => node,
            _ => bytes,
        })
    }
}

fn saturated(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
