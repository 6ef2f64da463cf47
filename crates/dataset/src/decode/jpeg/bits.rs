//! Bits of entropy-coded data.

use std::ops::Range;

/// Why a part of a scan can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// The data end before the part is complete.
    Short,
    /// The data have a code or a value that can't be.
    Wrong,
}

/// Reads bits, the highest of a byte first. A zero byte after 0xFF belongs to it, and a marker ends the data.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
    /// Bits that are not read yet, in the lowest places.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        Self { data, position: 0, buffer: 0, count: 0 }
    }

    /// The next `count` bits, of which there are at most 16.
    pub(super) fn take(&mut self, count: u32) -> Result<u16, Damage> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(Damage::Short);
            }
        }
        self.count -= count;
        let mask = (1u64 << count) - 1;
        Ok((self.buffer >> self.count & mask) as u16)
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Result<bool, Damage> {
        self.take(1).map(|bit| bit == 1)
    }

    /// A value of `count` bits, of which the lower half of the range stands for negative numbers (ITU T.81, F.2.2.1).
    pub(super) fn signed(&mut self, count: u32) -> Result<i32, Damage> {
        let bits = i32::from(self.take(count)?);
        let negative = count > 0 && bits < 1 << (count - 1);
        Ok(if negative { bits - (1 << count) + 1 } else { bits })
    }

    /// The next 16 bits without taking them, with zeros where the data have ended, and how many bits there are.
    pub(super) fn peek(&mut self) -> (u16, u32) {
        if self.count < 16 {
            self.fill();
        }
        let bits =
            if self.count < 16 { self.buffer << (16 - self.count) } else { self.buffer >> (self.count - 16) };
        (bits as u16, self.count)
    }

    /// Leaves out bits that `peek` has shown.
    pub(super) fn skip(&mut self, count: u32) {
        self.count -= count;
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.data.get(self.position) else { return };
            let mut next = self.position + 1;
            if byte == 0xFF {
                while self.data.get(next) == Some(&0xFF) {
                    next += 1;
                }
                if self.data.get(next) != Some(&0) {
                    return;
                }
                next += 1;
            }
            self.position = next;
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// Goes on after the next restart marker. The rest of the data before it are left out.
    pub(super) fn restart(&mut self) -> Result<(), Damage> {
        (self.buffer, self.count) = (0, 0);
        let rest = &self.data[self.position..];
        let is_marker = |pair: &[u8]| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7);
        self.position += rest.windows(2).position(is_marker).ok_or(Damage::Short)? + 2;
        Ok(())
    }

    /// How many bytes of the data have been read, in whole or in part.
    pub(super) fn bytes_read(&self) -> usize {
        let mut read = self.position;
        for _ in 0..self.count / 8 {
            read -= 1;
            if read > 0 && self.data[read] == 0 && self.data[read - 1] == 0xFF {
                read -= 1;
            }
        }
        read
    }
}

/// The places of coefficients in a block, in the order in which they are coded (ITU T.81, figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The coefficients from `first` to `last`, as numbers for [`ZIGZAG`].
pub(super) fn range(first: u8, last: u8) -> Range<usize> {
    usize::from(first)..usize::from(last) + 1
}
