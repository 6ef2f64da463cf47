//! Stored floating point numbers of any width and byte order, as f32.

use half::{bf16, f16};

/// How a number is stored in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatFormat {
    pub(crate) width: FloatWidth,
    pub(crate) big_endian: bool,
}

/// The IEEE 754 interchange formats, and bfloat16 (the upper half of a binary32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatWidth {
    Half,
    BFloat,
    Single,
    Double,
}

impl FloatFormat {
    /// Bytes that one value takes in the file.
    pub(crate) fn size(self) -> usize {
        match self.width {
            FloatWidth::Half | FloatWidth::BFloat => 2,
            FloatWidth::Single => 4,
            FloatWidth::Double => 8,
        }
    }

    /// Appends the values in `bytes`, whose length is a multiple of [`Self::size`]. A double is rounded to
    /// the nearest f32, as numpy's `astype("float32")` does; one that is too large becomes infinite.
    pub(crate) fn decode_into(self, bytes: &[u8], values: &mut Vec<f32>) {
        debug_assert_eq!(bytes.len() % self.size(), 0);
        match (self.width, self.big_endian) {
            (FloatWidth::Half, false) => {
                extend(bytes, values, |b| f16::from_le_bytes(b).to_f32());
            }
            (FloatWidth::Half, true) => {
                extend(bytes, values, |b| f16::from_be_bytes(b).to_f32());
            }
            (FloatWidth::BFloat, false) => {
                extend(bytes, values, |b| bf16::from_le_bytes(b).to_f32());
            }
            (FloatWidth::BFloat, true) => {
                extend(bytes, values, |b| bf16::from_be_bytes(b).to_f32());
            }
            (FloatWidth::Single, false) => extend(bytes, values, f32::from_le_bytes),
            (FloatWidth::Single, true) => extend(bytes, values, f32::from_be_bytes),
            (FloatWidth::Double, false) => extend(bytes, values, |b| f64::from_le_bytes(b) as f32),
            (FloatWidth::Double, true) => extend(bytes, values, |b| f64::from_be_bytes(b) as f32),
        }
    }
}

fn extend<const N: usize>(bytes: &[u8], values: &mut Vec<f32>, convert: impl Fn([u8; N]) -> f32) {
    let (whole, _) = bytes.as_chunks::<N>();
    values.extend(whole.iter().map(|chunk| convert(*chunk)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(width: FloatWidth, big_endian: bool, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        FloatFormat { width, big_endian }.decode_into(bytes, &mut values);
        values
    }

    fn half_to_single(bits: u16) -> f32 {
        decode(FloatWidth::Half, false, &bits.to_le_bytes())[0]
    }

    #[test]
    fn halves_are_exact() {
        // Values of the table in the Wikipedia article on binary16.
        let known = [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3bff, 0.999_511_7),
            (0x3c00, 1.0),
            (0x3c01, 1.000_976_6),
            (0x7bff, 65504.0),
            (0xc000, -2.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half_to_single(bits), value, "{bits:#06x}");
        }
        assert!(half_to_single(0x7e00).is_nan());
        assert!(half_to_single(0x8000).is_sign_negative());
    }

    #[test]
    fn halves_keep_their_order() {
        // Among positive finite halves, a larger pattern is a larger number: no pattern is misread.
        for bits in 0..0x7bff {
            assert!(half_to_single(bits) < half_to_single(bits + 1), "{bits:#06x}");
            assert_eq!(half_to_single(bits | 0x8000), -half_to_single(bits));
        }
    }

    #[test]
    fn byte_orders_agree() {
        let value = 0.429_470_57_f32;
        assert_eq!(decode(FloatWidth::Single, false, &value.to_le_bytes()), [value]);
        assert_eq!(decode(FloatWidth::Single, true, &value.to_be_bytes()), [value]);
        let wide = f64::from(value);
        assert_eq!(decode(FloatWidth::Double, false, &wide.to_le_bytes()), [value]);
        assert_eq!(decode(FloatWidth::Double, true, &wide.to_be_bytes()), [value]);
        assert_eq!(decode(FloatWidth::Half, false, &[0x00, 0x3c]), [1.0]);
        assert_eq!(decode(FloatWidth::Half, true, &[0x3c, 0x00]), [1.0]);
        assert_eq!(decode(FloatWidth::BFloat, false, &[0x80, 0x3f]), [1.0]);
        assert_eq!(decode(FloatWidth::BFloat, true, &[0x3f, 0x80]), [1.0]);
    }

    #[test]
    fn a_double_beyond_f32_becomes_infinite() {
        assert_eq!(decode(FloatWidth::Double, false, &1e300f64.to_le_bytes()), [f32::INFINITY]);
    }
}
