//! Images from arguments, folders and standard input, decoded ahead of the network.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use headstart_backbone::FEW_IMAGES;
use headstart_dataset::{
    Batch, Dataset, EXTENSIONS, Error as DatasetError, LeftOut, Loader, LoaderOptions, Preprocessing, Sample,
    ScanOptions, list,
};

use crate::extract::note_left_out;
use crate::outcome::Fault;
use crate::output::note;

/// Longest line of standard input in bytes; systems have paths of 4096.
const LONGEST_LINE: u64 = 64 << 10;

/// Where paths come from.
pub(super) enum Source {
    /// Arguments, folders replaced by their images.
    Listed(Vec<String>),
    /// Lines of standard input.
    Lines(Lines),
}

impl Source {
    pub(super) fn open(arguments: &[PathBuf], follow_links: bool) -> anyhow::Result<Self> {
        let dash = |argument: &PathBuf| argument.as_os_str() == "-";
        match arguments {
            [] => Ok(Self::Lines(Lines::open())),
            [only] if dash(only) => Ok(Self::Lines(Lines::open())),
            some if some.iter().any(dash) => {
                let text =
                    "-, for paths from standard input, stands alone: give images as arguments or there";
                Err(Fault::Usage(text.to_owned()).into())
            }
            some => {
                let mut paths = Vec::new();
                for argument in some {
                    if argument.is_dir() {
                        paths.extend(images_of(argument, follow_links)?);
                    } else {
                        paths.push(name(argument)?);
                    }
                }
                Ok(Self::Listed(paths))
            }
        }
    }

    /// How many images there are, where that is known.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::Listed(paths) => Some(paths.len()),
            Self::Lines(_) => None,
        }
    }

    /// The next paths: all that are listed, or at most `limit` lines; none at the end.
    fn next(&mut self, limit: usize) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Listed(paths) => Ok(std::mem::take(paths)),
            Self::Lines(lines) => lines.next(limit),
        }
    }
}

fn images_of(folder: &Path, follow_links: bool) -> anyhow::Result<Vec<String>> {
    let listed = list(folder, &ScanOptions { follow_links })?;
    note_left_out(&listed.left_out);
    if listed.samples.is_empty() {
        let (folder, endings, left_out) = (folder.display(), EXTENSIONS.join(", "), listed.left_out.count());
        let text = format!(
            "{folder}: expected images in the folder, found none ({left_out} other entries were left out); images end in {endings}"
        );
        return Err(Fault::BadData(text).into());
    }
    listed.samples.iter().map(|sample| name(&listed.path_of(sample))).collect()
}

/// The path as it is answered.
fn name(path: &Path) -> anyhow::Result<String> {
    match path.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(DatasetError::NotUtf8 { path: path.to_path_buf() }.into()),
    }
}

/// Standard input by lines.
pub(super) struct Lines {
    input: BufReader<io::Stdin>,
    read: usize,
}

impl Lines {
    fn open() -> Self {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            note!("reading paths of images from standard input, one a line");
        }
        Self { input: BufReader::with_capacity(LONGEST_LINE as usize, stdin), read: 0 }
    }

    /// At most `limit` paths, at least one but at the end. Waits for the first alone: whoever writes a path and waits for
    /// its answer gets it.
    fn next(&mut self, limit: usize) -> anyhow::Result<Vec<String>> {
        let mut paths = Vec::new();
        while paths.len() < limit && (paths.is_empty() || self.input.buffer().contains(&b'\n')) {
            let Some(path) = self.line()? else { break };
            if !path.is_empty() {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// The next line, empty or not, or none at the end. What is not UTF-8 is replaced, so that no file is found there.
    fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = Vec::new();
        let mut input = self.input.by_ref().take(LONGEST_LINE);
        if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 {
            return Ok(None);
        }
        self.read += 1;
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            let number = self.read;
            let text = format!(
                "standard input: expected a path a line, found {LONGEST_LINE} bytes or more in line {number}"
            );
            return Err(Fault::BadData(text).into());
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }
}

/// A batch, and the dataset that its positions are of.
pub(super) struct Loaded {
    pub(super) dataset: Arc<Dataset>,
    pub(super) batch: Batch,
}

/// Reads paths and decodes images on a thread of its own, a batch ahead.
///
/// Dropped before its end, it leaves that thread waiting for standard input until the process ends.
pub(super) struct Images {
    batches: Receiver<anyhow::Result<Loaded>>,
    thread: Option<JoinHandle<()>>,
}

impl Images {
    pub(super) fn load(
        mut source: Source,
        preprocessing: Preprocessing,
        options: LoaderOptions,
    ) -> anyhow::Result<Self> {
        let (sender, batches) = sync_channel(1);
        let thread = thread::Builder::new().name("headstart-images".to_owned()).spawn(move || {
            let mut read = 0;
            loop {
                // No batch of lines goes past the few images that another engine computes.
                let few = FEW_IMAGES.saturating_sub(read);
                let limit = if few > 0 { few.min(options.batch_size) } else { options.batch_size };
                let paths = match source.next(limit) {
                    Ok(paths) if paths.is_empty() => return,
                    Ok(paths) => paths,
                    Err(error) => return drop(sender.send(Err(error))),
                };
                read += paths.len();
                let dataset = Arc::new(dataset_of(paths));
                let loader = match Loader::new(Arc::clone(&dataset), preprocessing.clone(), options.clone()) {
                    Ok(loader) => loader,
                    Err(error) => return drop(sender.send(Err(error.into()))),
                };
                for batch in loader {
                    if sender.send(Ok(Loaded { dataset: Arc::clone(&dataset), batch })).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { batches, thread: Some(thread.context("starting a thread that reads images")?) })
    }
}

impl Iterator for Images {
    type Item = anyhow::Result<Loaded>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.recv().ok();
        if next.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            // An end that a bug made must not look like the end of the images.
            resume_unwind(panic);
        }
        next
    }
}

fn dataset_of(paths: Vec<String>) -> Dataset {
    let samples = paths.into_iter().map(|path| Sample { path, label: 0 }).collect();
    Dataset { root: PathBuf::new(), classes: vec![String::new()], samples, left_out: LeftOut::default() }
}
