//! The first image of a GIF file, as Pillow's `GifImagePlugin` places it on the screen.
//!
//! Not left to the image crate, which blends the image over a transparent screen. Pillow shows the colours of the
//! palette, transparent or not.

use image::RgbImage;
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};

use super::pillow::image_of;
use crate::header::gif::{Blocks, FORMAT, Header, corrupt, read};
use crate::{DecodeError, Limits};

/// The passes of an interlaced image (GIF89a, appendix E): the first row, and the step to the next one.
const PASSES: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let header = read(bytes, limits)?;
    let stored = indices(&header)?;

    let [left, top, width, height] = header.frame;
    let screen_width = header.width as usize;
    let mut screen = vec![header.background; screen_width * header.height as usize];
    let step = if header.interlaced { &PASSES[..] } else { &[(0, 1)] };
    let rows = step.iter().flat_map(|&(first, step)| (first..height).step_by(step));
    for (row, stored) in rows.zip(stored.chunks_exact(width)) {
        let start = (top + row) * screen_width + left;
        screen[start..start + width].copy_from_slice(stored);
    }
    let pixels = screen.iter().flat_map(|&index| header.palette[usize::from(index)]).collect();
    image_of(header.width, header.height, pixels, FORMAT)
}

/// The indices of the image in the order of the file. Nothing after the last of them is looked at.
fn indices(header: &Header<'_>) -> Result<Vec<u8>, DecodeError> {
    let [_, _, width, height] = header.frame;
    let mut indices = vec![0; width * height];
    let (mut found, mut ended) = (0, false);
    let mut blocks = Blocks { rest: header.data, ended: false };
    let mut decoder =
        Configuration::new(BitOrder::Lsb, header.index_bits).with_yield_on_full_buffer(true).build();
    'blocks: for mut block in blocks.by_ref() {
        while found < indices.len() {
            let result = decoder.decode_bytes(block, &mut indices[found..]);
            block = &block[result.consumed_in..];
            found += result.consumed_out;
            match result.status {
                Ok(LzwStatus::Done) => {
                    ended = true;
                    break 'blocks;
                }
                // The decoder waits for the next block.
                Ok(LzwStatus::NoProgress) => break,
                Ok(LzwStatus::Ok) => {}
                Err(_) => return Err(corrupt("its compressed pixels are damaged")),
            }
        }
    }
    match indices.len() {
        needed if found == needed => Ok(indices),
        needed if blocks.ended || ended => Err(corrupt(&format!("its pixels end after {found} of {needed}"))),
        needed => {
            let reason = format!("the file ends after {found} of {needed} pixels");
            Err(DecodeError::Truncated { format: FORMAT, reason })
        }
    }
}
