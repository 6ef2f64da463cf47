//! Weights that nobody names: where they are looked for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use headstart_backbone::{Architecture, BackboneId};
use headstart_files::folder;
use headstart_provenance::WeightsFile;

use crate::shipped::Shipped;
use crate::{Backbone, Classifier, Error, LabelledFeatures};

/// The variable that names a file of weights or a folder of them.
const VARIABLE: &str = "HEADSTART_WEIGHTS";

/// The suffixes of files of weights.
const SUFFIXES: [&str; 4] = ["safetensors", "h5", "hdf5", "keras"];

/// Looks for weights, in this order: where the variable `HEADSTART_WEIGHTS` says, a file or a folder; beside a model; in the
/// user's data folder; in the program.
///
/// The user's data folder is `$XDG_DATA_HOME/headstart` or `~/.local/share/headstart`, on macOS
/// `~/Library/Application Support/headstart`, on Windows `%APPDATA%\headstart`. Folders within a folder are not looked into.
/// What a file is, its content says: of a model that was trained here, only the file that it was trained with is taken.
///
/// ```
/// use headstart::WeightsSearch;
///
/// let search = WeightsSearch::by_environment(|name| (name == "HEADSTART_WEIGHTS").then(|| "weights".into()));
/// assert_eq!(search.places()[0], std::path::Path::new("weights"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct WeightsSearch {
    places: Vec<PathBuf>,
    /// How many of the places go before a model's folder.
    first: usize,
}

impl WeightsSearch {
    /// A search in the places that variables of the environment name, and in the program.
    #[must_use]
    pub fn by_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = set(VARIABLE);
        let first = usize::from(named.is_some());
        Self { places: named.into_iter().chain(data_folder(set)).collect(), first }
    }

    /// Looks in the folder of a model, too.
    #[must_use]
    pub fn beside(mut self, model: &Path) -> Self {
        let at = folder(model).to_path_buf();
        if !self.places.contains(&at) {
            self.places.insert(self.first, at);
        }
        self
    }

    /// The files and folders that are looked at, in order.
    #[must_use]
    pub fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// The weights of a network: the first file that has them, or else those of the program.
    ///
    /// # Errors
    /// [`Error::NoWeights`], which names the places; a file that the environment names and that can't be read.
    pub fn of_network(&self, network: Architecture) -> Result<Backbone, Error> {
        for path in self.files(network.name())? {
            if Architecture::of_file(&path).is_ok_and(|found| found == network) {
                return Ok(Backbone::named(network, path));
            }
        }
        Backbone::shipped(network).map_err(|error| self.searched(error))
    }

    /// The file that the environment names, if it names a file: its network is the one to take where nobody names another.
    ///
    /// # Errors
    /// It holds the weights of no known network, or can't be read.
    pub fn named_file(&self) -> Result<Option<Backbone>, Error> {
        let named = self.places[..self.first].first();
        named.filter(|path| !path.is_dir()).map(Backbone::open).transpose()
    }

    /// The weights that a classifier was trained with: those that its file holds, or else any of that content. As the content
    /// is the same, those of the program come first.
    ///
    /// # Errors
    /// [`Error::NoWeights`], which names the places, or if the classifier does not say which weights these are; a network
    /// that is not in the registry; a file that the environment names and that can't be read.
    pub fn of_classifier(&self, classifier: &Classifier) -> Result<Backbone, Error> {
        if let Some(bundled) = classifier.bundled_backbone()? {
            return Ok(bundled);
        }
        match (classifier.backbone()?, classifier.provenance()) {
            (Some(id), Some(provenance)) => self.of_content(id, &provenance.weights, || {
                format!(
                    "the weights {}, which {} was trained with",
                    provenance.weights.name,
                    classifier.name()
                )
            }),
            _ => classifier.shipped_backbone(),
        }
    }

    /// The weights that features were computed with, in the same places.
    ///
    /// # Errors
    /// As [`of_classifier`](Self::of_classifier); features without a manifest, which do not say it.
    pub fn of_features(&self, features: &LabelledFeatures) -> Result<Backbone, Error> {
        let path = features.path();
        let Some(manifest) = features.manifest() else {
            let message = "expected a manifest, which says with which weights they were computed, found none";
            return Err(Error::bad_data(path, message));
        };
        let provenance = &manifest.header.provenance;
        let unknown = |reason| Error::bad_data(path, format!("its backbone: {reason}"));
        let id: BackboneId = provenance.backbone.parse().map_err(unknown)?;
        self.of_content(id, &provenance.weights, || {
            format!("the weights {}, which {} was computed with", provenance.weights.name, path.display())
        })
    }

    /// A network's weights of a content.
    fn of_content(
        &self,
        id: BackboneId,
        WeightsFile { name, blake3 }: &WeightsFile,
        wanted: impl FnOnce() -> String,
    ) -> Result<Backbone, Error> {
        let missing = match Shipped::same_as(blake3, wanted) {
            Ok(_) => return Ok(Backbone::shipped(id.architecture)?.with_kernels(id.kernels)),
            Err(error) => error,
        };
        for path in self.files(name)? {
            if Architecture::of_file(&path).is_ok_and(|found| found == id.architecture)
                && headstart_weights::fingerprint(&path)? == *blake3
            {
                return Ok(Backbone::named(id.architecture, path).with_kernels(id.kernels));
            }
        }
        Err(self.searched(missing))
    }

    /// All files that may be weights, those of each folder in sorted order, first the ones whose names start as given.
    fn files(&self, name: &str) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for (position, place) in self.places.iter().enumerate() {
            if position < self.first && !place.is_dir() {
                headstart_files::open(place)?;
                files.push(place.clone());
                continue;
            }
            // A folder that is not there, or that can't be listed, has none.
            let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
            let is_weights = |path: &PathBuf| {
                let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
                SUFFIXES.iter().any(|known| suffix.eq_ignore_ascii_case(known)) && path.is_file()
            };
            let found: BTreeSet<PathBuf> = entries.map(|entry| entry.path()).filter(is_weights).collect();
            let starts = |path: &PathBuf| {
                path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(name))
            };
            let (first, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(starts);
            files.extend(first.into_iter().chain(rest));
        }
        Ok(files)
    }

    /// The error of a search that found nothing.
    fn searched(&self, error: Error) -> Error {
        match error {
            Error::NoWeights { weights, feature, .. } => {
                Error::NoWeights { weights, feature, searched: self.places.clone() }
            }
            error => error,
        }
    }
}

/// The folder for this program's data that a system gives a user.
fn data_folder(set: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let home = || set("HOME");
    let folder = if cfg!(windows) {
        set("APPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        // The XDG Base Directory Specification: a path that is not absolute is ignored.
        let named = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
        named.or_else(|| home().map(|home| home.join(".local/share")))
    };
    Some(folder?.join("headstart"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_places_come_in_their_order() {
        let search = |set: &[(&'static str, &'static str)]| {
            let set = set.to_vec();
            WeightsSearch::by_environment(move |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        let texts = |search: WeightsSearch| {
            search.places().iter().map(|place| place.display().to_string()).collect::<Vec<_>>()
        };
        assert!(texts(search(&[])).is_empty());
        assert_eq!(texts(search(&[("HOME", "/u/a")])), ["/u/a/.local/share/headstart"]);
        let all = [("HOME", "/u/a"), ("XDG_DATA_HOME", "/data"), (VARIABLE, "w")];
        assert_eq!(texts(search(&all)), ["w", "/data/headstart"]);
        assert_eq!(texts(search(&all).beside(Path::new("m/x.safetensors"))), ["w", "m", "/data/headstart"]);
        assert_eq!(texts(search(&all[..2]).beside(Path::new("x.h5"))), [".", "/data/headstart"]);
        let relative = [("HOME", "/u/a"), ("XDG_DATA_HOME", "data")];
        assert_eq!(texts(search(&relative)), ["/u/a/.local/share/headstart"]);
        assert_eq!(texts(search(&[(VARIABLE, "")])), [""; 0]);
    }
}
