//! How much is measured.

use anyhow::{Context, bail};

use crate::flags::Bench;

/// The shapes, rounds and times of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// Whether VGG16 is measured.
    pub(crate) vgg16: bool,
    /// The networks that are measured beside it.
    pub(crate) networks: Vec<Network>,
    /// Those of them whose layers are timed.
    pub(crate) network_layers: Vec<Network>,
    /// Numbers of threads, ascending.
    pub(crate) threads: Vec<usize>,
    /// (side, batch) of the images.
    pub(crate) shapes: Vec<(usize, usize)>,
    /// (side, batch) of the images whose layers are timed.
    pub(crate) layers: Vec<(usize, usize)>,
    pub(crate) pace: Pace,
    /// The same for each row of the networks.
    pub(crate) network_pace: Pace,
    /// The most images that errors are measured on.
    pub(crate) images_for_error: usize,
    /// The sides of these images.
    pub(crate) sides_for_error: Vec<usize>,
    /// JPEGs in the folder that is extracted.
    pub(crate) jpegs: usize,
    /// How often a whole process is run.
    pub(crate) runs: usize,
}

/// A network with pooled features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) name: &'static str,
    /// Height and width of its images.
    pub(crate) side: usize,
    pub(crate) preset: &'static str,
}

impl Network {
    const fn new(name: &'static str, side: usize, preset: &'static str) -> Self {
        Self { name, side, preset }
    }
}

/// The networks; benches/rivals/networks.py knows them by these names.
const NETWORKS: [Network; 8] = [
    Network::new("efficientnet_lite0", 224, "inception"),
    Network::new("efficientnet_lite2", 260, "inception"),
    Network::new("mobilenetv2", 224, "torchvision"),
    Network::new("mobilenetv3_large", 224, "torchvision"),
    Network::new("repvgg_a0", 224, "torchvision"),
    Network::new("repvgg_a2", 224, "torchvision"),
    Network::new("resnet18", 224, "torchvision"),
    Network::new("resnet50", 224, "torchvision"),
];

/// How many images a network computes at once.
pub(crate) const NETWORK_BATCHES: [usize; 2] = [1, 16];

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole,
    /// Fewer shapes and rounds.
    Quick,
    /// Errors only, over more images.
    Accuracy,
}

impl Kind {
    /// The flag that chooses it, which is also the suffix of a file name.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Quick => Some("quick"),
            Self::Accuracy => Some("accuracy"),
        }
    }
}

/// How long and how often one thing is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Seconds for which a contestant repeats its call in a round.
    pub(crate) slice: f64,
    /// There are at least this many rounds.
    pub(crate) least_rounds: usize,
    /// There are at most this many.
    pub(crate) most_rounds: usize,
    /// No round begins after this many seconds, except the least.
    pub(crate) seconds: f64,
    /// A contestant whose first call takes more seconds is not called again.
    pub(crate) patience: f64,
}

impl Plan {
    /// # Errors
    /// A list of threads that can't be read, or flags that exclude each other.
    pub(crate) fn new(flags: &Bench) -> anyhow::Result<Self> {
        let (vgg16, networks) = match flags.rows.as_deref() {
            None => (true, NETWORKS.to_vec()),
            Some("vgg16") => (true, vec![]),
            Some("networks") if !flags.accuracy => (false, NETWORKS.to_vec()),
            Some("networks") => bail!("--rows networks and --accuracy: expected one of them"),
            Some(found) => bail!("--rows: expected vgg16 or networks, found {found}"),
        };
        let network_layers = networks_named(flags.layers.as_deref(), &networks)?;
        let given = flags.threads.as_deref().map(thread_counts).transpose()?;
        let pace = Pace { slice: 0.3, least_rounds: 2, most_rounds: 3, seconds: 6.0, patience: 2.0 };
        if flags.accuracy && flags.quick {
            bail!("--quick and --accuracy: expected one of them");
        }
        if flags.accuracy {
            return Ok(Self {
                kind: Kind::Accuracy,
                vgg16,
                networks: vec![],
                network_layers: vec![],
                threads: given.unwrap_or_else(|| vec![2]),
                shapes: vec![],
                layers: vec![],
                pace,
                network_pace: pace,
                images_for_error: usize::MAX,
                sides_for_error: vec![150],
                jpegs: 0,
                runs: 0,
            });
        }
        if flags.quick {
            return Ok(Self {
                kind: Kind::Quick,
                vgg16,
                networks,
                network_layers,
                // The most threads of the default.
                threads: given.unwrap_or_else(|| vec![2]),
                shapes: vec![(150, 1), (150, 8), (150, 32), (224, 8)],
                layers: vec![(150, 32)],
                pace,
                network_pace: pace,
                images_for_error: 1,
                sides_for_error: vec![150, 224],
                jpegs: 64,
                runs: 1,
            });
        }
        let sides = [150, 224];
        Ok(Self {
            kind: Kind::Whole,
            vgg16,
            networks,
            network_layers,
            threads: given.unwrap_or_else(|| vec![1, 2]),
            shapes: sides.iter().flat_map(|&side| [1, 8, 32].map(|batch| (side, batch))).collect(),
            layers: vec![(150, 1), (150, 32), (224, 32)],
            pace: Pace { slice: 0.5, least_rounds: 2, most_rounds: 5, seconds: 20.0, patience: 8.0 },
            network_pace: Pace { slice: 0.4, least_rounds: 3, most_rounds: 5, seconds: 12.0, patience: 8.0 },
            images_for_error: 4,
            sides_for_error: sides.to_vec(),
            jpegs: 256,
            runs: 3,
        })
    }

    /// The threads for everything that is measured with only one number of threads.
    pub(crate) fn most_threads(&self) -> usize {
        self.threads.last().copied().unwrap_or(1)
    }
}

/// Of some networks those in a list of names separated by commas.
fn networks_named(list: Option<&str>, networks: &[Network]) -> anyhow::Result<Vec<Network>> {
    let find = |name: &str| {
        let found = networks.iter().find(|network| network.name == name);
        found.copied().with_context(|| {
            let known: Vec<&str> = networks.iter().map(|network| network.name).collect();
            format!("--layers: expected all or some of {}, found {name}", known.join(","))
        })
    };
    match list {
        None => Ok(vec![]),
        Some("all") => Ok(networks.to_vec()),
        Some(list) => list.split(',').map(|name| find(name.trim())).collect(),
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
    fn layers_are_those_of_the_named_networks() {
        let names =
            |list| networks_named(list, &NETWORKS).unwrap().iter().map(|n| n.name).collect::<Vec<_>>();
        assert_eq!(names(Some("resnet18, mobilenetv2")), ["resnet18", "mobilenetv2"]);
        assert_eq!((names(None).len(), names(Some("all")).len()), (0, NETWORKS.len()));
        let error = networks_named(Some("resnet19"), &NETWORKS).unwrap_err().to_string();
        assert!(error.ends_with("repvgg_a2,resnet18,resnet50, found resnet19"), "{error}");
    }

    #[test]
    fn thread_counts_are_sorted_and_single() {
        assert_eq!(thread_counts("4, 1,4").unwrap(), [1, 4]);
        for wrong in ["", "0", "1,", "two", "-1", "4000"] {
            assert!(thread_counts(wrong).unwrap_err().to_string().ends_with(&format!("found {wrong}")));
        }
    }
}
