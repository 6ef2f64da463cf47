//! Components that are stored at a part of the picture's size, brought to its size.
//!
//! A component at half of the width or of the height, or of both, is interpolated: three quarters of the nearer sample
//! and one quarter of the farther one. Any other is repeated. The conditions and the rounding are libjpeg's.

use super::plane::Plane;
use crate::header::jpeg::{Component, Frame};

/// How a component grows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upsampling {
    across: usize,
    down: usize,
    interpolated_across: bool,
    interpolated_down: bool,
}

impl Upsampling {
    pub(super) fn of(component: &Component, frame: &Frame) -> Self {
        let across = usize::from(frame.horizontal_max / component.horizontal);
        let down = usize::from(frame.vertical_max / component.vertical);
        // Interpolation across takes three samples.
        let wide = component.width > 2;
        Self {
            across,
            down,
            interpolated_across: across == 2 && down <= 2 && wide,
            interpolated_down: down == 2 && (across == 1 || across == 2 && wide),
        }
    }

    /// One row of the picture. `sums` is memory to work with.
    pub(super) fn row(self, plane: &Plane, row: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
        let near = plane.row(row / self.down);
        if !self.interpolated_down && !self.interpolated_across {
            if self.across == 1 {
                out.copy_from_slice(&near[..out.len()]);
            } else {
                for (samples, &sample) in out.chunks_mut(self.across).zip(near) {
                    samples.fill(sample);
                }
            }
            return;
        }
        sums.clear();
        // Sums are in quarters of a level for each direction that is interpolated.
        if self.interpolated_down {
            let far = match row % 2 {
                0 => (row / 2).saturating_sub(1),
                _ => row / 2 + 1,
            };
            let pairs = near.iter().zip(plane.row(far));
            sums.extend(pairs.map(|(&near, &far)| 3 * u16::from(near) + u16::from(far)));
        } else {
            sums.extend(near.iter().map(|&sample| u16::from(sample)));
        }
        if self.interpolated_across {
            let (bits, left_bias, right_bias) = if self.interpolated_down { (4, 8, 7) } else { (2, 1, 2) };
            across(sums, bits, left_bias, right_bias, out);
        } else {
            let bias = if row.is_multiple_of(2) { 1 } else { 2 };
            for (sample, &sum) in out.iter_mut().zip(&*sums) {
                *sample = ((sum + bias) >> 2) as u8;
            }
        }
    }
}

/// Two samples from each sum: a left one, and a right one.
fn across(sums: &[u16], bits: u32, left_bias: u16, right_bias: u16, out: &mut [u8]) {
    let last = sums.len() - 1;
    for (column, samples) in out.chunks_mut(2).enumerate() {
        let sum = sums[column];
        let left = sums[column.saturating_sub(1)];
        samples[0] = ((3 * sum + left + left_bias) >> bits) as u8;
        if let Some(sample) = samples.get_mut(1) {
            *sample = ((3 * sum + sums[(column + 1).min(last)] + right_bias) >> bits) as u8;
        }
    }
}
