//! Paths of images from standard input, one a line.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};

use headstart::{Error, ImagePath, ImageSource};

use crate::output::note;

/// Longest line of standard input in bytes; systems have paths of 4096.
const LONGEST_LINE: u64 = Lines::LONGEST as u64;

/// The byte-order mark that editors and PowerShell write at the start of UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The same for UTF-16, little-endian and big-endian.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

fn refused(found: &str) -> Error {
    let message = format!("expected the path of an image a line, found {found}");
    Error::BadData { path: "standard input".into(), message }
}

/// Standard input by lines.
pub(super) struct Lines {
    input: BufReader<io::Stdin>,
    read: usize,
}

impl Lines {
    /// Bytes of the longest line.
    pub(super) const LONGEST: usize = 64 << 10;

    /// Lines of an input with a buffer of the longest line.
    pub(super) fn new(input: BufReader<io::Stdin>) -> Self {
        Self { input, read: 0 }
    }

    /// Says what is waited for, where a person may type it.
    pub(super) fn tell_a_person() {
        if io::stdin().is_terminal() {
            note!("reading paths of images from standard input, one a line");
        }
    }

    /// The next line, empty or not; none at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut line = Vec::new();
        let mut input = self.input.by_ref().take(LONGEST_LINE);
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|cause| Error::System { action: "read standard input", cause })? == 0 {
            return Ok(None);
        }
        self.read += 1;
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            let number = self.read;
            let found = format!("{LONGEST_LINE} bytes or more in line {number}");
            return Err(refused(&found));
        }
        if self.read == 1 && UTF_16_MARKS.iter().any(|mark| line.starts_with(mark)) {
            return Err(refused("text in UTF-16; save it as UTF-8"));
        }
        let mark = if self.read == 1 { UTF_8_MARK } else { b"" };
        let line = line.strip_prefix(mark).unwrap_or(&line);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
    }
}

impl ImageSource for Lines {
    /// At most `limit` paths, at least one except at the end. It waits for the first one only.
    fn next_paths(&mut self, limit: usize) -> Result<Vec<ImagePath>, Error> {
        let mut paths = Vec::new();
        while paths.len() < limit && (paths.is_empty() || self.input.buffer().contains(&b'\n')) {
            let Some(path) = self.line()? else { break };
            if !path.is_empty() {
                paths.push(ImagePath::of_bytes(&path));
            }
        }
        Ok(paths)
    }
}
