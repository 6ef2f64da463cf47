//! Values as bytes, in bulk: loops over whole arrays that the compiler turns into vector moves.

use half::f16;

/// Type and byte order of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemType {
    /// IEEE half precision; every value of it is one of single precision.
    F16 {
        /// Most significant byte first.
        big_endian: bool,
    },
    /// IEEE single precision.
    F32 {
        /// Most significant byte first.
        big_endian: bool,
    },
    /// IEEE double precision, rounded to single when read.
    F64 {
        /// Most significant byte first.
        big_endian: bool,
    },
}

impl ItemType {
    /// Bytes in a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F16 { .. } => 2,
            Self::F32 { .. } => 4,
            Self::F64 { .. } => 8,
        }
    }

    /// numpy's name of the type: `<f4`, `>f8`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F16 { big_endian: false } => "<f2",
            Self::F16 { big_endian: true } => ">f2",
            Self::F32 { big_endian: false } => "<f4",
            Self::F32 { big_endian: true } => ">f4",
            Self::F64 { big_endian: false } => "<f8",
            Self::F64 { big_endian: true } => ">f8",
        }
    }

    /// Decodes `bytes` into `out`; stops with the shorter of the two.
    ///
    /// A double is rounded to the nearest single; one beyond its range becomes an infinity.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F16 { big_endian: false } => each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            Self::F16 { big_endian: true } => each(bytes, out, |b| f16::from_be_bytes(b).to_f32()),
            Self::F32 { big_endian: false } => each(bytes, out, f32::from_le_bytes),
            Self::F32 { big_endian: true } => each(bytes, out, f32::from_be_bytes),
            Self::F64 { big_endian: false } => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
            Self::F64 { big_endian: true } => each(bytes, out, |b| f64::from_be_bytes(b) as f32),
        }
    }
}

#[inline]
fn each<const N: usize>(bytes: &[u8], out: &mut [f32], convert: impl Fn([u8; N]) -> f32) {
    for (value, item) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = convert(*item);
    }
}

/// Replaces the contents of `bytes` by `values` as little-endian singles.
pub(crate) fn encode_f32(values: &[f32], bytes: &mut Vec<u8>) {
    bytes.resize(values.len() * 4, 0);
    for (item, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
        *item = value.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singles_come_back_to_the_bit_whatever_their_bits() {
        let values = [0.0, -0.0, 1.5, f32::MIN_POSITIVE / 4.0, f32::INFINITY, f32::from_bits(0x7fc0_1234)];
        let mut bytes = vec![7; 3];
        encode_f32(&values, &mut bytes);
        let mut back = [0.0; 6];
        ItemType::F32 { big_endian: false }.decode(&bytes, &mut back);
        assert_eq!(back.map(f32::to_bits), values.map(f32::to_bits));
        for item in bytes.chunks_exact_mut(4) {
            item.reverse();
        }
        ItemType::F32 { big_endian: true }.decode(&bytes, &mut back);
        assert_eq!(back.map(f32::to_bits), values.map(f32::to_bits));
    }

    #[test]
    fn halves_are_read_exactly_in_either_byte_order() {
        // One, the largest, the smallest above zero, minus zero, infinity.
        let bits = [0x3c00_u16, 0x7bff, 0x0001, 0x8000, 0x7c00];
        let expected = [1.0, 65504.0, 5.960_464_5e-8, -0.0, f32::INFINITY];
        for big_endian in [false, true] {
            let bytes = bits.map(|half| if big_endian { half.to_be_bytes() } else { half.to_le_bytes() });
            let mut back = [9.0; 5];
            ItemType::F16 { big_endian }.decode(bytes.as_flattened(), &mut back);
            assert_eq!(back.map(f32::to_bits), expected.map(f32::to_bits));
        }
    }

    #[test]
    fn doubles_are_rounded_to_the_nearest_single() {
        let values = [0.1_f64, 1e300, -1e-60];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let mut back = [9.0; 3];
        ItemType::F64 { big_endian: true }.decode(&bytes, &mut back);
        assert_eq!(back, [0.1_f32, f32::INFINITY, -0.0]);
    }
}
