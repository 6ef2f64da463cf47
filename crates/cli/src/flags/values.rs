//! Types of flags' values that several commands have.

use std::error::Error;
use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, ValueEnum};
use headstart::{Architecture, FitChoice, KernelConvention, Precision, Preset};

use crate::fault::Fault;

/// Reads a value by its own rules, and lets a shell complete some or all of the values.
#[derive(Clone)]
pub(crate) struct Suggested<T> {
    values: Vec<&'static str>,
    of: PhantomData<fn() -> T>,
}

/// Values that a shell completes.
fn suggested<T>(values: impl IntoIterator<Item = &'static str>) -> Suggested<T> {
    Suggested { values: values.into_iter().collect(), of: PhantomData }
}

impl<T> TypedValueParser for Suggested<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let by_rules = |text: String| text.parse::<T>();
        StringValueParser::new().try_map(by_rules).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.values.iter().copied().map(PossibleValue::new)))
    }
}

/// Sizes that a shell completes: the script's, and those that the networks' weights were trained on.
const SIZES: [&str; 6] = ["150x150", "224x224", "240x240", "260x260", "280x280", "300x300"];

/// Height and width.
pub(crate) fn sizes() -> Suggested<Size> {
    suggested(SIZES)
}

/// The names of presets.
pub(crate) fn presets() -> Suggested<Preset> {
    suggested(Preset::ALL.map(Preset::name))
}

/// The names of networks.
pub(crate) fn networks() -> Suggested<Architecture> {
    suggested(Architecture::all().map(Architecture::name))
}

/// A whole number that must not be zero.
pub(crate) fn at_least_one<T: FromStr + PartialEq + From<u8>>(text: &str) -> Result<T, String> {
    match text.parse() {
        Ok(count) if count == T::from(0) => Err("expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("expected a whole number of at least 1, found {text}")),
    }
}

/// A whole number that may be zero.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a whole number, 0 or more, found {text}"))
}

/// A number of threads.
pub(crate) fn threads(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (0..=1024).contains(number));
    number.ok_or_else(|| format!("expected a whole number from 0 to 1024, found {text}"))
}

/// A share that may not be all.
pub(crate) fn share(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..1.0).contains(number));
    number.ok_or_else(|| format!("expected a number in [0, 1), found {text}"))
}

/// A number that is neither NaN nor infinite.
pub(crate) fn finite<T: FromStr + Copy + Into<f64>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|&number: &T| number.into().is_finite());
    number.ok_or_else(|| format!("expected a number, found {text}"))
}

/// Names for a help text: "a, b or c".
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What the kernels of a weights file were written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernels {
    /// As the layout of the file tells
    Auto,
    /// Correlation: used as they are
    Correlation,
    /// Convolution: both spatial axes are reversed
    Convolution,
}

impl From<Kernels> for KernelConvention {
    fn from(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Auto => Self::Auto,
            Kernels::Correlation => Self::Correlation,
            Kernels::Convolution => Self::Convolution,
        }
    }
}

/// How a GPU multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionName {
    /// As the CPU does
    F32,
    /// Rounded to 10 bits after the point, which is faster
    Tf32,
}

impl From<PrecisionName> for Precision {
    fn from(precision: PrecisionName) -> Self {
        match precision {
            PrecisionName::F32 => Self::F32,
            PrecisionName::Tf32 => Self::Tf32,
        }
    }
}

/// How an image of another shape is brought to the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Resize {
    /// Both sides are resized, whatever the shape
    Stretch,
    /// The shape is kept and the centre is taken; the rest is lost
    Crop,
    /// The shape is kept and all of the image is taken, with bars beside it
    Pad,
}

/// What `--resize` and `--crop-pct` ask for. The fraction alone asks for a crop.
pub(crate) fn fit(resize: Option<Resize>, fraction: Option<f64>) -> Result<Option<FitChoice>, Fault> {
    match (resize, fraction) {
        (None, None) => Ok(None),
        (None | Some(Resize::Crop), fraction) => Ok(Some(FitChoice::Crop { fraction })),
        (Some(Resize::Stretch), None) => Ok(Some(FitChoice::Stretch)),
        (Some(Resize::Pad), None) => Ok(Some(FitChoice::Pad)),
        (Some(Resize::Stretch | Resize::Pad), Some(_)) => {
            Err(Fault::Usage("--crop-pct: goes with --resize crop; leave one of them out".to_owned()))
        }
    }
}

/// The part of an image that a crop keeps.
pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number: &f64| number > 0.0 && number <= 1.0);
    number.ok_or_else(|| format!("expected a number above 0, at most 1, found {text}"))
}

/// Height and width, written 150x150.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', 'X']).and_then(|(height, width)| {
            Some(Self { height: height.trim().parse().ok()?, width: width.trim().parse().ok()? })
        });
        sides.ok_or_else(|| format!("expected HEIGHTxWIDTH such as 150x150, found {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_that_are_completed_are_those_of_the_networks() {
        let sides = Architecture::all().map(Architecture::image_side).chain([150]);
        let sides: std::collections::BTreeSet<usize> = sides.collect();
        let sizes: Vec<String> = sides.into_iter().map(|side| format!("{side}x{side}")).collect();
        assert_eq!(sizes, SIZES);
    }

    #[test]
    fn numbers_are_finite_and_counts_are_whole() {
        assert_eq!(finite("-0.5"), Ok(-0.5_f32));
        for text in ["nan", "inf", "-inf", "1e300", "", "x"] {
            assert_eq!(finite::<f32>(text), Err(format!("expected a number, found {text}")));
        }
        assert_eq!(whole("0"), Ok(0_usize));
        assert_eq!((share("0.5"), threads("1024")), (Ok(0.5), Ok(1024)));
        assert_eq!((fraction("1"), fraction("0.875")), (Ok(1.0), Ok(0.875)));
        for text in ["0", "1.01", "-0.5", "nan", "87.5%", ""] {
            assert_eq!(fraction(text), Err(format!("expected a number above 0, at most 1, found {text}")));
        }
        for text in ["1", "-0.1", "nan", "inf"] {
            assert!(share(text).is_err(), "{text}");
        }
        for text in ["-1", "1.5", "nan", "1e3", "99999999999999999999"] {
            assert!(whole::<usize>(text).unwrap_err().ends_with(&format!("found {text}")));
            assert!(at_least_one::<usize>(text).is_err() && threads(text).is_err(), "{text}");
        }
    }
}
