//! What one image may cost: flags for the library's limits, and the words that point to them.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use headstart::Limits;

use super::values::at_least_one;

const HEADING: &str = "Limits for one image; an image past them is skipped";

/// The limits of every command that decodes images.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ImageLimits {
    /// Most pixels, width x height; by default as many as in Pillow, which takes more for a decompression bomb
    #[arg(long, value_name = "N", help_heading = HEADING, default_value_t = Limits::default().max_pixels,
        value_parser = at_least_one::<u64>)]
    max_pixels: u64,

    /// Longest side in pixels
    #[arg(long, value_name = "N", help_heading = HEADING, default_value_t = Limits::default().max_side,
        value_parser = at_least_one::<u64>)]
    max_side: u64,

    /// Most memory for one image while it is decoded, its file included: bytes, or a number with K, M or G (1K is 1024
    /// bytes). Each thread decodes one image at a time
    #[arg(long, value_name = "SIZE", help_heading = HEADING,
        default_value_t = Bytes(Limits::default().max_bytes_of_memory))]
    max_image_memory: Bytes,
}

impl From<ImageLimits> for Limits {
    fn from(limits: ImageLimits) -> Self {
        let ImageLimits { max_pixels, max_side, max_image_memory: Bytes(max_bytes_of_memory) } = limits;
        Self::default()
            .with_max_pixels(max_pixels)
            .with_max_side(max_side)
            .with_max_bytes_of_memory(max_bytes_of_memory)
    }
}

/// A number of bytes, written `1536M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

/// Suffixes and how many bits each shifts a number by, the largest first.
const UNITS: [(char, u32); 3] = [('G', 30), ('M', 20), ('K', 10)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with([*unit, unit.to_ascii_lowercase()]));
        let (number, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], *shift));
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes
            .filter(|&bytes| bytes > 0)
            .map(Self)
            .ok_or_else(|| format!("expected bytes such as 4096, 512K, 1536M or 2G, found {text}"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        match UNITS.iter().find(|(_, shift)| bytes.is_multiple_of(1 << shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", bytes >> shift),
            None => write!(f, "{bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_take_a_binary_unit() {
        for (text, bytes) in [("1", 1), ("4096", 4096), ("3K", 3 << 10), ("1536M", 3 << 29), ("2g", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
        for text in ["", "K", "0", "0G", "-1", "1.5G", "1 M", "1KB", "99999999999G", "18446744073709551616"] {
            let error = text.parse::<Bytes>().unwrap_err();
            assert!(error.contains("expected bytes such as") && error.ends_with(text), "{error}");
        }
    }

    #[test]
    fn a_size_is_shown_as_it_would_be_written() {
        for text in ["1", "1023", "1K", "1025K", "1536M", "16G"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
    }
}
