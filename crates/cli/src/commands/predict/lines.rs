//! Paths of images from standard input, one a line.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};

use headstart::{Error, ImageSource};

use crate::output::note;

/// Longest line of standard input in bytes; systems have paths of 4096.
const LONGEST_LINE: u64 = 64 << 10;

/// Standard input by lines.
pub(super) struct Lines {
    input: BufReader<io::Stdin>,
    read: usize,
}

impl Lines {
    pub(super) fn open() -> Self {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            note!("reading paths of images from standard input, one a line");
        }
        Self { input: BufReader::with_capacity(LONGEST_LINE as usize, stdin), read: 0 }
    }

    /// The next line, empty or not; none at the end. What is not UTF-8 is replaced, so that no file is found there.
    fn line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let mut input = self.input.by_ref().take(LONGEST_LINE);
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|cause| Error::System { action: "read standard input", cause })? == 0 {
            return Ok(None);
        }
        self.read += 1;
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            let number = self.read;
            let message =
                format!("expected a path a line, found {LONGEST_LINE} bytes or more in line {number}");
            return Err(Error::BadData { path: "standard input".into(), message });
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }
}

impl ImageSource for Lines {
    /// At most `limit` paths, at least one except at the end. It waits for the first one only.
    fn next_paths(&mut self, limit: usize) -> Result<Vec<String>, Error> {
        let mut paths = Vec::new();
        while paths.len() < limit && (paths.is_empty() || self.input.buffer().contains(&b'\n')) {
            let Some(path) = self.line()? else { break };
            if !path.is_empty() {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}
