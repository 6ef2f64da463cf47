//! What features depend on, and in what two of them differ.

use std::fmt;

use crate::fingerprint::fingerprint;
use crate::{Pooling, Preprocessing};

/// Digits of a hash that are shown.
const SHOWN_DIGITS: usize = 12;

/// All that the values of a row of features depend on, besides the image itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The network's name, `"vgg16"`. It also says how the weights were read, if not in the file's own way.
    pub backbone: String,
    /// The file of the network's weights.
    pub weights: WeightsFile,
    /// How an image became the network's input.
    pub preprocessing: Preprocessing,
    /// What became of the network's maps. Records that do not state it were made when there was no pooling.
    pub pooling: Pooling,
    /// One hash for the four and for [`CODE_VERSION`](crate::CODE_VERSION), 64 hexadecimal digits. Features with the same
    /// fingerprint have the same values within rounding.
    pub fingerprint: String,
}

/// A file of weights: its name for a person, its hash for comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsFile {
    /// The file's name, without its folder. It is never compared.
    pub name: String,
    /// BLAKE3 of the file, hexadecimal.
    pub blake3: String,
}

impl Provenance {
    /// The provenance of features that this version of headstart computes.
    #[must_use]
    pub fn new(
        backbone: impl Into<String>,
        weights: WeightsFile,
        preprocessing: Preprocessing,
        pooling: Pooling,
    ) -> Self {
        let backbone = backbone.into();
        let fingerprint = fingerprint(&weights.blake3, &backbone, &preprocessing, pooling);
        Self { backbone, weights, preprocessing, pooling, fingerprint }
    }

    /// The provenance of features that were computed before, with the fingerprint that was stored with them.
    #[must_use]
    pub fn stored(
        backbone: impl Into<String>,
        weights: WeightsFile,
        preprocessing: Preprocessing,
        pooling: Pooling,
        fingerprint: impl Into<String>,
    ) -> Self {
        Self { backbone: backbone.into(), weights, preprocessing, pooling, fingerprint: fingerprint.into() }
    }

    /// Every difference that decides the values of features. There is none if their features can be mixed.
    ///
    /// Provenances of the same fingerprint have no difference. Neither have weights of the same content under another
    /// name.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        if self.fingerprint == other.fingerprint {
            return Vec::new();
        }
        let mut found = Vec::new();
        found.extend(Difference::between("backbone", &self.backbone, &other.backbone));
        if self.weights.blake3 != other.weights.blake3 {
            let (ours, theirs) = told_apart(&self.weights.blake3, &other.weights.blake3);
            let shown = |weights: &WeightsFile, hash: &str| format!("{} ({hash})", weights.name);
            let (ours, theirs) = (shown(&self.weights, ours), shown(&other.weights, theirs));
            found.push(Difference { what: "weights", ours, theirs });
        }
        found.extend(self.preprocessing.differences(&other.preprocessing));
        found.extend(Difference::between("pooling", self.pooling.name(), other.pooling.name()));
        if found.is_empty() {
            let (ours, theirs) = told_apart(&self.fingerprint, &other.fingerprint);
            found.extend(Difference::between("version of headstart's features", ours, theirs));
        }
        found
    }
}

impl fmt::Display for Provenance {
    /// The network, the weights, the preprocessing, and the pooling if there is one:
    /// "vgg16, vgg16.h5 (0123456789ab), caffe 224x224, pooled by avg".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.backbone, self.weights, self.preprocessing)?;
        if self.pooling.is_none() { Ok(()) } else { write!(f, ", pooled by {}", self.pooling) }
    }
}

/// A part in which two provenances differ. Shown as "preprocessing caffe 224x224 against blog 150x150".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The part, in the words of a person: "backbone", "weights", "preprocessing", "pooling".
    pub what: &'static str,
    /// What the first one has.
    pub ours: String,
    /// What the second one has.
    pub theirs: String,
}

impl Difference {
    /// The difference in one part, or none if both have the same.
    #[must_use]
    pub fn between(what: &'static str, ours: impl Into<String>, theirs: impl Into<String>) -> Option<Self> {
        let (ours, theirs) = (ours.into(), theirs.into());
        (ours != theirs).then_some(Self { what, ours, theirs })
    }

    /// All of them in one text, separated by semicolons.
    #[must_use]
    pub fn list(differences: &[Self]) -> String {
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, ours, theirs } = self;
        write!(f, "{what} {ours} against {theirs}")
    }
}

impl fmt::Display for WeightsFile {
    /// The name and the first digits of the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, start(&self.blake3, SHOWN_DIGITS))
    }
}

/// The first digits of two different hashes; more than usual if they begin alike.
fn told_apart<'a>(ours: &'a str, theirs: &'a str) -> (&'a str, &'a str) {
    let alike = ours.chars().zip(theirs.chars()).take_while(|(ours, theirs)| ours == theirs).count();
    let digits = SHOWN_DIGITS.max(alike + 1);
    (start(ours, digits), start(theirs, digits))
}

/// The first digits of a hash.
fn start(hash: &str, digits: usize) -> &str {
    // A hash that was read from a file may hold anything.
    hash.char_indices().nth(digits).map_or(hash, |(end, _)| &hash[..end])
}

impl Preprocessing {
    /// In what the two differ. Preset and size are one part, every other setting is one of its own.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        if self.preset != other.preset {
            // The preset's constants follow from its name.
            let whole = Difference::between("preprocessing", self.to_string(), other.to_string());
            return whole.into_iter().collect();
        }
        let whole = Difference::between("preprocessing", self.preset_and_size(), other.preset_and_size());
        let of_setting = |what, text: fn(&Self) -> String| Difference::between(what, text(self), text(other));
        let settings = [
            of_setting("resizing", |one| one.fit.to_string()),
            of_setting("interpolation", |one| one.interpolation.to_string()),
            of_setting("order of channels", |one| one.channel_order.to_string()),
            of_setting("scale", |one| one.scale.to_string()),
            of_setting("mean", |one| format!("{:?}", one.mean)),
            of_setting("standard deviation", |one| format!("{:?}", one.std)),
            of_setting("EXIF orientation", applied),
            of_setting("16-bit grey", |one| one.grey16.to_string()),
            of_setting("mirror images", |one| if one.mirror { "averaged" } else { "not used" }.to_owned()),
        ];
        whole.into_iter().chain(settings.into_iter().flatten()).collect()
    }

    fn preset_and_size(&self) -> String {
        format!("{} {}x{}", self.preset, self.height, self.width)
    }
}

fn applied(preprocessing: &Preprocessing) -> String {
    if preprocessing.apply_exif_orientation { "applied" } else { "ignored" }.to_owned()
}

impl fmt::Display for Preprocessing {
    /// The preset and the size, height first, and what is not stretched: "caffe 224x224", "inception 260x260 crop 0.89".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.preset_and_size())?;
        if !self.fit.is_stretch() {
            write!(f, " {}", self.fit)?;
        }
        f.write_str(if self.mirror { " with its mirror image" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChannelOrder, Fit, Grey16, Input, Interpolation, Preset};

    /// A provenance with one change, and the fingerprint that follows from it.
    fn provenance(change: impl FnOnce(&mut Provenance)) -> Provenance {
        let weights = WeightsFile { name: "vgg16.h5".to_owned(), blake3: "a".repeat(64) };
        let preprocessing = Preprocessing::preset(Preset::Caffe, 224, 224);
        let mut one = Provenance::new("vgg16", weights, preprocessing, Pooling::None);
        change(&mut one);
        Provenance::new(one.backbone, one.weights, one.preprocessing, one.pooling)
    }

    fn told(change: impl FnOnce(&mut Provenance)) -> String {
        Difference::list(&provenance(|_| ()).differences(&provenance(change)))
    }

    #[test]
    fn a_provenance_is_shown_without_its_long_hashes() {
        assert_eq!(provenance(|_| ()).to_string(), "vgg16, vgg16.h5 (aaaaaaaaaaaa), caffe 224x224");
        let pooled = provenance(|one| one.pooling = Pooling::Max).to_string();
        assert_eq!(pooled, "vgg16, vgg16.h5 (aaaaaaaaaaaa), caffe 224x224, pooled by max");
    }

    #[test]
    fn differences_are_told_in_words_and_only_where_they_decide_values() {
        assert_eq!(told(|_| ()), "");
        assert_eq!(told(|one| one.weights.name = "renamed.h5".to_owned()), "");
        assert_eq!(told(|one| one.backbone = "vgg19".to_owned()), "backbone vgg16 against vgg19");
        assert_eq!(
            told(|one| one.weights.blake3 = "b".repeat(64)),
            "weights vgg16.h5 (aaaaaaaaaaaa) against vgg16.h5 (bbbbbbbbbbbb)"
        );
        assert_eq!(
            told(|one| one.preprocessing = Preprocessing::preset(Preset::Blog, 150, 150)),
            "preprocessing caffe 224x224 against blog 150x150"
        );
        assert_eq!(
            told(|one| one.preprocessing.interpolation = Interpolation::Bicubic),
            "interpolation nearest against bicubic"
        );
        assert_eq!(
            told(|one| one.preprocessing.apply_exif_orientation = false),
            "EXIF orientation applied against ignored"
        );
        assert_eq!(told(|one| one.preprocessing.mirror = true), "mirror images not used against averaged");
        assert_eq!(
            told(|one| one.preprocessing.grey16 = Grey16::CutOff),
            "16-bit grey high byte against cut off"
        );
        assert_eq!(
            told(|one| one.preprocessing.channel_order = ChannelOrder::Rgb),
            "order of channels bgr against rgb"
        );
        assert_eq!(
            told(|one| one.preprocessing.fit = Fit::Crop { fraction: 0.89 }),
            "resizing stretch against crop 0.89"
        );
        assert_eq!(
            told(|one| {
                one.preprocessing = Input::new(Preset::Inception, 260).crop(0.89).preprocessing();
            }),
            "preprocessing caffe 224x224 against inception 260x260 crop 0.89"
        );
        assert_eq!(told(|one| one.pooling = Pooling::Average), "pooling none against avg");
        let of_avg = provenance(|one| one.pooling = Pooling::Average);
        let of_max = provenance(|one| one.pooling = Pooling::Max);
        assert_eq!(Difference::list(&of_avg.differences(&of_max)), "pooling avg against max");
        let older = Provenance { fingerprint: "b".repeat(64), ..provenance(|_| ()) };
        assert_eq!(
            Difference::list(&older.differences(&provenance(|_| ())))[..43],
            *"version of headstart's features bbbbbbbbbbb"
        );
    }

    #[test]
    fn hashes_that_begin_alike_still_differ() {
        let stored = |weights: &str, fingerprint: &str| {
            let weights = WeightsFile { name: "vgg16.h5".to_owned(), blake3: weights.to_owned() };
            let preprocessing = Preprocessing::preset(Preset::Caffe, 224, 224);
            Provenance::stored("vgg16", weights, preprocessing, Pooling::None, fingerprint)
        };
        let differ = |ours: Provenance, theirs: Provenance| {
            let found = ours.differences(&theirs);
            assert_eq!(found.len(), 1);
            assert_ne!(found[0].ours, found[0].theirs);
        };
        let (one, other) = ("a".repeat(63) + "0", "a".repeat(63) + "1");
        differ(stored(&one, "1"), stored(&other, "2"));
        differ(stored("00", &one), stored("00", &other));
    }

    #[test]
    fn several_differences_are_all_told() {
        let all = told(|one| {
            one.backbone = "vgg11".to_owned();
            one.preprocessing.width = 320;
        });
        assert_eq!(all, "backbone vgg16 against vgg11; preprocessing caffe 224x224 against caffe 224x320");
    }
}
