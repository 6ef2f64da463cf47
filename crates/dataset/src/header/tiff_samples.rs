//! What the samples of a TIFF mean, and how they are compressed: what is read of both.

use super::tiff::{corrupt, unsupported};
use crate::DecodeError;

/// Values of `PhotometricInterpretation`.
pub(super) const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const CMYK: u64 = 5;
const YCBCR: u64 = 6;

/// `ExtraSamples` value of an alpha that the colours were multiplied with.
const ASSOCIATED_ALPHA: u64 = 1;

/// How strips or tiles are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    PackBits,
    Lzw,
    Deflate,
    Group4,
}

/// What was subtracted from samples before they were compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predictor {
    None,
    /// The sample to the left.
    Horizontal,
    /// The byte to the left, after the bytes of the row's floats were sorted by their significance.
    Float,
}

/// The numbers that samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Unsigned,
    Signed,
    Float,
}

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The first sample is a grey.
    Grey { white_is_zero: bool },
    /// The first sample is an index of the colour map.
    Palette,
    /// The first three samples are colours, divided by the fourth if they were multiplied with it.
    Rgb { associated_alpha: bool },
    /// The first four samples are inks.
    Cmyk,
}

/// The compression of this number.
pub(super) fn compression(number: u64) -> Result<Compression, DecodeError> {
    let name = match number {
        1 => return Ok(Compression::None),
        4 => return Ok(Compression::Group4),
        5 => return Ok(Compression::Lzw),
        8 | 32_946 => return Ok(Compression::Deflate),
        32_773 => return Ok(Compression::PackBits),
        2 => "CCITT run lengths",
        3 => "CCITT group 3 compression",
        6 | 7 => "JPEG compression",
        34_712 | 33_003 | 33_005 => "JPEG 2000 compression",
        34_887 => "LERC compression",
        34_925 => "LZMA compression",
        50_000 => "Zstandard compression",
        50_001 => "WebP compression",
        50_002 | 52_546 => "JPEG XL compression",
        _ => "a compression that is not known",
    };
    Err(unsupported(format!("{name} (Compression {number})")))
}

/// What the samples mean, if decoding supports it.
pub(super) fn meaning(
    photometric: u64,
    samples: usize,
    extra: &[u64],
    bits: u64,
    number: Number,
) -> Result<Meaning, DecodeError> {
    let associated_alpha = extra.first() == Some(&ASSOCIATED_ALPHA);
    let kind = match number {
        Number::Unsigned => "unsigned",
        Number::Signed => "signed",
        Number::Float => "float",
    };
    let (name, meaning, colours, supported) = match photometric {
        WHITE_IS_ZERO | BLACK_IS_ZERO => {
            let white_is_zero = photometric == WHITE_IS_ZERO;
            let supported = match (samples, bits, number) {
                (1, 1 | 2 | 4 | 8 | 16 | 32, Number::Unsigned)
                | (1, 16 | 32, Number::Signed)
                | (1, 32, Number::Float) => true,
                (1, 8, Number::Signed) => !white_is_zero,
                // Pillow can't convert grey with an alpha that is multiplied in.
                (2, 8, Number::Unsigned) => !white_is_zero && !associated_alpha,
                _ => false,
            };
            ("grey", Meaning::Grey { white_is_zero }, 1, supported)
        }
        RGB => {
            let supported = matches!((bits, number), (8 | 16, Number::Unsigned));
            ("RGB", Meaning::Rgb { associated_alpha: associated_alpha && samples > 3 }, 3, supported)
        }
        PALETTE => {
            let supported = matches!((samples, bits, number), (1, 1 | 2 | 4 | 8, Number::Unsigned))
                || matches!((samples, bits, number), (2, 8, Number::Unsigned) if !associated_alpha);
            ("palette indices", Meaning::Palette, 1, supported)
        }
        CMYK => {
            let supported = matches!((bits, number), (8 | 16, Number::Unsigned));
            ("CMYK", Meaning::Cmyk, 4, supported)
        }
        YCBCR => return Err(unsupported("YCbCr".to_owned())),
        8..=10 => return Err(unsupported("CIE Lab".to_owned())),
        4 => return Err(unsupported("a transparency mask".to_owned())),
        32_844 | 32_845 => return Err(unsupported("LogLuv".to_owned())),
        other => return Err(unsupported(format!("photometric interpretation {other}"))),
    };
    if samples < colours {
        return Err(corrupt(format!("{name} takes {colours} samples a pixel, it has {samples}")));
    }
    match supported {
        true => Ok(meaning),
        false => {
            let more = if samples > colours { " and more samples" } else { "" };
            Err(unsupported(format!("{name} of {bits} bits{more}, as {kind} numbers")))
        }
    }
}
