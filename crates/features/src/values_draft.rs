//! The values of a result while they are copied together, in the result's order.

use std::fs::File;
use std::io::{BufWriter, Write};

use headstart_files::{IfExists, create, remove};

use crate::error::Error;
use crate::header::encode_header;
use crate::names::Names;
use crate::values::encode_f32;

/// A `.npy` under its draft's name, which is removed unless it is completed.
pub(crate) struct ValuesDraft {
    names: Names,
    file: BufWriter<File>,
    data_hash: blake3::Hasher,
    /// Kept to be filled again.
    bytes: Vec<u8>,
    complete: bool,
}

impl ValuesDraft {
    /// Begins a file of so many rows.
    pub(crate) fn begin(names: &Names, rows: usize, row_shape: &[usize]) -> Result<Self, Error> {
        let mut draft = Self {
            names: names.clone(),
            file: BufWriter::new(create(&names.npy_draft, IfExists::Replace)?),
            data_hash: blake3::Hasher::new(),
            bytes: Vec::new(),
            complete: false,
        };
        draft.file.write_all(&encode_header(rows, row_shape)).map_err(draft.failed())?;
        Ok(draft)
    }

    /// Adds rows.
    pub(crate) fn append(&mut self, rows: &[f32]) -> Result<(), Error> {
        encode_f32(rows, &mut self.bytes);
        self.data_hash.update(&self.bytes);
        self.file.write_all(&self.bytes).map_err(self.failed())
    }

    /// Waits until all is on the disk, and returns the data's hash.
    pub(crate) fn complete(mut self) -> Result<String, Error> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(self.failed())?;
        self.complete = true;
        Ok(self.data_hash.finalize().to_hex().to_string())
    }

    fn failed(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::io(self.names.npy.clone(), "write it")
    }
}

impl Drop for ValuesDraft {
    fn drop(&mut self) {
        if !self.complete {
            // It does no harm, and the next writer removes it too.
            let _ = remove(&self.names.npy_draft);
        }
    }
}
