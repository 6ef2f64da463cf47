//! Weights that are part of the program.

use std::path::Path;

use headstart_backbone::Architecture;
use headstart_provenance::WeightsFile;
use headstart_weights::{Source, StoredFile};

use crate::Error;

/// A file of weights that may be part of the program.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// The network.
    network: &'static str,
    /// The file's name.
    name: &'static str,
    /// BLAKE3 of the file, hexadecimal. It is written here so that no process has to hash it; a test compares it.
    blake3: &'static str,
    /// The feature of this crate that puts the file into the program.
    feature: &'static str,
    /// The file, if the program was built with that feature. It is a safetensors file.
    bytes: Option<&'static [u8]>,
}

/// Every file that a feature can put into the program.
static SHIPPED: [Shipped; 1] = [Shipped {
    network: "efficientnet_lite2",
    name: "efficientnet_lite2.safetensors",
    blake3: "f98d59bcfcffe332deb4068f8b67827e88fa1ddbf08f1cdefabad2c088c986a1",
    feature: "efficientnet-lite2",
    #[cfg(feature = "efficientnet-lite2")]
    bytes: Some(include_bytes!("../../../data/weights/efficientnet_lite2.safetensors")),
    #[cfg(not(feature = "efficientnet-lite2"))]
    bytes: None,
}];

impl Shipped {
    /// The weights of a network.
    ///
    /// # Errors
    /// [`Error::NoWeights`] if the program has none of it.
    pub(crate) fn of(architecture: Architecture) -> Result<&'static Self, Error> {
        Self::among(&SHIPPED, architecture)
    }

    fn among(all: &'static [Self], architecture: Architecture) -> Result<&'static Self, Error> {
        let known = all.iter().find(|weights| weights.network == architecture.name());
        Self::present(known, || format!("the weights of {architecture}"))
    }

    /// The weights of this content, which `wanted` calls by a name.
    ///
    /// # Errors
    /// [`Error::NoWeights`] if the program does not have them.
    pub(crate) fn same_as(blake3: &str, wanted: impl FnOnce() -> String) -> Result<&'static Self, Error> {
        Self::present(SHIPPED.iter().find(|weights| weights.blake3 == blake3), wanted)
    }

    fn present(
        known: Option<&'static Self>,
        wanted: impl FnOnce() -> String,
    ) -> Result<&'static Self, Error> {
        match known {
            Some(weights) if weights.bytes.is_some() => Ok(weights),
            _ => {
                let feature = known.map(|weights| weights.feature);
                Err(Error::NoWeights { weights: wanted(), feature, searched: Vec::new() })
            }
        }
    }

    /// The networks whose weights the program has.
    pub(crate) fn networks() -> impl Iterator<Item = Architecture> {
        let present = SHIPPED.iter().filter(|weights| weights.bytes.is_some());
        present.filter_map(|weights| weights.network.parse().ok())
    }

    /// What a manifest says of it: the same as of the file.
    pub(crate) fn file(&self) -> WeightsFile {
        WeightsFile { name: self.name.to_owned(), blake3: self.blake3.to_owned() }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static Path {
        Path::new(self.name)
    }

    /// All of it, to put it into a model.
    pub(crate) fn stored_file(&self) -> StoredFile {
        StoredFile::Program { name: self.name(), bytes: self.bytes.unwrap_or_default() }
    }

    /// Where it is read.
    pub(crate) fn source(&self) -> Source<'static> {
        Source::Memory { name: self.name(), bytes: self.bytes.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_the_program_does_not_have_are_asked_for() {
        let vgg16: Architecture = "vgg16".parse().unwrap();
        let error = Shipped::of(vgg16).unwrap_err().to_string();
        assert_eq!(error, "expected a file of the weights of vgg16, found none");
        static WITHOUT: [Shipped; 1] =
            [Shipped { network: "vgg16", name: "vgg16.h5", blake3: "00", feature: "vgg16", bytes: None }];
        let error = Shipped::among(&WITHOUT, vgg16).unwrap_err().to_string();
        assert_eq!(
            error,
            "expected a file of the weights of vgg16, found none: this program was built without the feature vgg16, which \
             puts them into it"
        );
        let error = Shipped::same_as("00", || "mine.h5".to_owned()).unwrap_err().to_string();
        assert_eq!(error, "expected a file of mine.h5, found none");
    }
}
