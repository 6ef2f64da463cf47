//! How much is measured.

use anyhow::Context;

use crate::flags::Bench;

/// The shapes, rounds and times of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Numbers of threads, ascending.
    pub(crate) threads: Vec<usize>,
    /// (side, batch) of the images.
    pub(crate) shapes: Vec<(usize, usize)>,
    /// (side, batch) of the images whose layers are timed.
    pub(crate) layers: Vec<(usize, usize)>,
    pub(crate) pace: Pace,
    /// Images that errors are measured on.
    pub(crate) images_for_error: usize,
    /// JPEGs in the folder that is extracted.
    pub(crate) jpegs: usize,
    /// How often a whole process is run.
    pub(crate) runs: usize,
}

/// How long and how often one thing is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Seconds for which a contestant repeats its call in a round.
    pub(crate) slice: f64,
    /// Rounds: at least so many, and more until the seconds are spent or there are enough.
    pub(crate) least_rounds: usize,
    pub(crate) most_rounds: usize,
    pub(crate) seconds: f64,
    /// Seconds; a contestant whose first call takes longer is not called again.
    pub(crate) patience: f64,
}

impl Plan {
    /// # Errors
    /// A list of threads that is none.
    pub(crate) fn new(flags: &Bench) -> anyhow::Result<Self> {
        let given = flags.threads.as_deref().map(thread_counts).transpose()?;
        if flags.quick {
            return Ok(Self {
                // The most threads of the default.
                threads: given.unwrap_or_else(|| vec![2]),
                shapes: vec![(150, 1), (150, 8), (150, 32), (224, 8)],
                layers: vec![(150, 32)],
                pace: Pace { slice: 0.3, least_rounds: 2, most_rounds: 3, seconds: 6.0, patience: 2.0 },
                images_for_error: 1,
                jpegs: 64,
                runs: 1,
            });
        }
        let sides = [150, 224];
        Ok(Self {
            threads: given.unwrap_or_else(|| vec![1, 2]),
            shapes: sides.iter().flat_map(|&side| [1, 8, 32].map(|batch| (side, batch))).collect(),
            layers: vec![(150, 1), (150, 32), (224, 32)],
            pace: Pace { slice: 0.5, least_rounds: 2, most_rounds: 5, seconds: 20.0, patience: 8.0 },
            images_for_error: 4,
            jpegs: 256,
            runs: 3,
        })
    }

    /// The threads of what is measured with one number of threads only.
    pub(crate) fn most_threads(&self) -> usize {
        self.threads.last().copied().unwrap_or(1)
    }
}

/// Numbers separated by commas, ascending, each once.
fn thread_counts(list: &str) -> anyhow::Result<Vec<usize>> {
    let count = |word: &str| word.trim().parse().ok().filter(|count| (1..=1024).contains(count));
    let counts: Option<Vec<usize>> = list.split(',').map(count).collect();
    let mut counts =
        counts.with_context(|| format!("--threads: expected numbers such as 1,2, found {list}"))?;
    counts.sort_unstable();
    counts.dedup();
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_are_sorted_and_single() {
        assert_eq!(thread_counts("4, 1,4").unwrap(), [1, 4]);
        for wrong in ["", "0", "1,", "two", "-1", "4000"] {
            assert!(thread_counts(wrong).unwrap_err().to_string().ends_with(&format!("found {wrong}")));
        }
    }
}
