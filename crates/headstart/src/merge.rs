//! The shards of a folder put together.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use headstart_features::{Existing, Summary, merge_watched};

use crate::Error;
use crate::observer::{Observer, Progress, Stage};

/// Rows are copied faster than anyone looks: the observer hears of them no more often than this.
const PAUSE: Duration = Duration::from_millis(50);

/// Puts the shards of a folder together: [`headstart_features::merge`] with an observer.
///
/// # Errors
/// As [`headstart_features::merge`]; an error of the kind `Interrupted` where the observer ended it. Then nothing is written.
pub fn merge(
    shards: &[PathBuf],
    output: &Path,
    existing: Existing,
    observer: &mut dyn Observer,
) -> Result<Summary, Error> {
    let mut told = Instant::now();
    let mut watch = |done, total| {
        if done < total && told.elapsed() < PAUSE {
            return ControlFlow::Continue(());
        }
        told = Instant::now();
        observer.progress(&Progress::new(Stage::Merge, done, total))
    };
    Ok(merge_watched(shards, output, existing, &mut watch)?)
}
