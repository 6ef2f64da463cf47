//! The library's errors and reasons in the words of the command line: with the flags that they are about.

use std::path::Path;

use headstart::errors::{BackboneError, FeaturesError, FileError, PreprocessingError, WeightsError};
use headstart::{Architecture, Backbone, Error, Limit, Part, WeightsSearch};

/// The error and its causes on one line.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let words = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Error>() {
        Some(error) => in_flags(error),
        None => cause.to_string(),
    };
    error.chain().map(words).collect::<Vec<_>>().join(": ")
}

/// A library's error, with the flags that it is about.
fn in_flags(error: &Error) -> String {
    if let Some(FileError::Exists { path }) = error.file() {
        return format!(
            "{}: already exists; choose another name, or replace it with --fresh",
            path.display()
        );
    }
    match error {
        Error::Setting { setting, message } => format!("--{}: {message}", setting.replace('_', "-")),
        Error::NoWeights { .. } => format!("--weights: {error}; {WHERE_TO_GET}"),
        Error::NoLabels { .. } => format!(
            "{error}; give the numbers with --counts, or those of --validation with --validation-counts"
        ),
        Error::OtherData { data, .. } => format!("{error}; name the right file with --{data}"),
        Error::Pooling { expected, .. } => {
            format!("{error}; extract with --pool {expected}, or train a head on these features")
        }
        Error::Image { path, reason: why, limit } => format!("{}: {}", path.display(), reason(why, *limit)),
        Error::Unstated { parts, .. } => {
            let flags: Vec<&str> = parts.iter().map(|part| flags_of(*part)).collect();
            format!("{error}; give them with {}", flags.join(", "))
        }
        Error::UnstatedAxes { .. } => {
            format!("{error}: give it with --features-order th (channels first) or tf (channels last)")
        }
        Error::Config { .. } => format!("{error}; --preset says what to do instead of the file"),
        Error::During { job, error } => format!("{job}: {}", in_flags(error)),
        Error::NoHead { .. } => {
            format!("{error}; give the head that train wrote; weights go to --weights of extract and predict")
        }
        Error::Features(FeaturesError::Differs { .. }) => format!("{error} with --fresh"),
        Error::Preprocessing(setting) => of_preprocessing(setting),
        Error::Weights(error) => of_weights(error),
        Error::Dataset(error) if !error.links().is_empty() => format!("{error}; --follow-links follows them"),
        Error::Backbone(error) => match &**error {
            BackboneError::Weights(error) => of_weights(error),
            BackboneError::OtherNetwork { expected, found, .. } => {
                format!("{error}; give the file of {expected}, or name its network with --backbone {found}")
            }
            BackboneError::NoNetwork { .. } => {
                format!("{error}; if it is one of them, --backbone NAME tells what is missing")
            }
            BackboneError::SeveralNetworks { .. } => format!("{error} with --backbone"),
            BackboneError::TooSmall { .. } => format!("--size: {error}"),
            BackboneError::Precision { .. } => format!("--precision: {error}"),
            BackboneError::GpuMemory { .. } => {
                format!(
                    "{error}; ask for fewer with a smaller --batch-size, or compute on the CPU with --device cpu"
                )
            }
            error => error.to_string(),
        },
        _ => error.to_string(),
    }
}

/// An error about a setting of the preprocessing. What a file states and can't be used is no such error.
fn of_preprocessing(error: &PreprocessingError) -> String {
    match error {
        PreprocessingError::Setting { field: "height" | "width", .. } => format!("--size: {error}"),
        // A crop is too large by its fraction, or by the size that it is cut to.
        PreprocessingError::Setting { field: "crop fraction", .. } => {
            format!("{error}; change it with --crop-pct, or take a smaller --size")
        }
        _ => error.to_string(),
    }
}

/// An error about a file of weights or a head, with the flags that say what its file does not.
fn of_weights(error: &WeightsError) -> String {
    match error {
        WeightsError::ActivationsStated { path } => {
            format!("{}: states its activations itself; leave --activations out", path.display())
        }
        WeightsError::PooledRows { path } => format!(
            "{}: takes pooled features, which have no order of axes; leave --from-order and --row-shape out",
            path.display()
        ),
        WeightsError::ActivationCount { .. } => {
            format!("{error}; name one for each with --activations, such as relu,sigmoid")
        }
        WeightsError::UnknownRowShape { .. } => {
            format!("{error}; give it with --row-shape, such as 512x4x4")
        }
        WeightsError::UnknownKernels { .. } => {
            format!(
                "{error}; say it with --kernels convolution (Theano) or --kernels correlation (TensorFlow)"
            )
        }
        WeightsError::UnclearOrder { .. } => {
            format!("{error}; give it with --from-order th (channels first) or tf (channels last)")
        }
        _ => error.to_string(),
    }
}

/// Where weights come from that no flag names.
pub(crate) fn elsewhere(search: &WeightsSearch) -> String {
    let names: Vec<&str> = Backbone::shipped_networks().map(Architecture::name).collect();
    let mut text = match names[..] {
        [] => String::new(),
        _ => format!("; without a file, this program has the weights of {}", names.join(", ")),
    };
    let places: Vec<String> = search.places().iter().map(|place| place.display().to_string()).collect();
    if !places.is_empty() {
        text += &format!("; --backbone NAME is also looked for in {}", places.join(", "));
    }
    text
}

/// Where to get weights of networks.
const WHERE_TO_GET: &str = "give the file with --weights, or put it into a folder that HEADSTART_WEIGHTS names. \
                            https://huggingface.co/timm has weights of most networks (model.safetensors and config.json); \
                            docs/guide.md lists them";

/// A word as a shell reads it back: in quotes where it has more than letters, digits and what means nothing to a shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    // Windows has paths with `\\`, which means nothing there.
    let plain = !word.is_empty() && word.chars().all(|c| is_plain(c) || (cfg!(windows) && c == '\\'));
    if plain {
        word.to_owned()
    } else if cfg!(windows) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A path as a shell reads it back. One that starts with a dash is no flag there.
pub(crate) fn quoted_path(path: &Path) -> String {
    let text = path.display().to_string();
    quoted(&if text.starts_with('-') { format!("./{text}") } else { text })
}

fn flags_of(part: Part) -> &'static str {
    match part {
        Part::Classes => "--classes",
        Part::Preprocessing => "--preset and --size",
        Part::Activations => "--activations (one for each of its Dense layers, such as relu,sigmoid)",
        Part::Pooling => "--pool avg or --pool max",
        Part::FlattenOrder => "--from-order th (channels, height, width) or tf (height, width, channels)",
        _ => "--backbone",
    }
}

/// The reason why an image was skipped, with the flag that raises the limit if one refused it.
pub(crate) fn reason(reason: &str, limit: Option<Limit>) -> String {
    let flag = match limit {
        Some(Limit::Pixels) => "--max-pixels",
        Some(Limit::Side) => "--max-side",
        Some(Limit::Memory) => "--max-image-memory",
        _ => return reason.to_owned(),
    };
    format!("{reason}; {flag} raises it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_path_comes_back_from_a_shell_as_it_was() {
        for (path, shown) in [
            ("data/train", "data/train"),
            ("my photos/a.npy", "'my photos/a.npy'"),
            ("it's", r"'it'\''s'"),
            ("$HOME;ls", "'$HOME;ls'"),
            ("-o", "./-o"),
            ("", "''"),
            ("caf\u{e9}", "caf\u{e9}"),
        ] {
            assert_eq!(quoted_path(path.as_ref()), shown);
            let echoed =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {shown}")]).output();
            let back = String::from_utf8(echoed.unwrap().stdout).unwrap();
            assert_eq!(back.trim_start_matches("./"), path);
        }
    }
}
