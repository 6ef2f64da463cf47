//! Bringing an image to the height and width of the network's input.

use std::borrow::Cow;

use headstart_provenance::{Fit, Preprocessing};
use image::{Rgb, RgbImage};

use crate::DecodeError;
use crate::resize::{Part, resize, resize_part};

/// An upright image at the size of the network's input, as [`Fit`] describes it. Of a crop only the part that is kept is
/// computed. An image that has this size already is returned as it is, unless it is cropped.
///
/// # Errors
///
/// As [`resize`].
pub fn fitted<'a>(
    image: &'a RgbImage,
    preprocessing: &Preprocessing,
) -> Result<Cow<'a, RgbImage>, DecodeError> {
    let Preprocessing { height, width, interpolation, fit, .. } = *preprocessing;
    // The sizes below are ratios of sides.
    if fit.is_stretch() || image.as_raw().is_empty() {
        return resize(image, height, width, interpolation);
    }
    let size = [image.width() as usize, image.height() as usize];
    let input = [width, height];
    if fit != Fit::Pad {
        let [box_height, box_width] = preprocessing.resize_box();
        let of = covering(size, [box_width, box_height]);
        let at = [0, 1].map(|axis| half(of[axis].saturating_sub(input[axis])));
        return resize_part(image, &Part { of, at, size: input }, interpolation);
    }
    let inside = fitting(size, input);
    let resized = resize_part(image, &Part::whole(inside), interpolation)?;
    if inside == input {
        return Ok(resized);
    }
    let mut padded = RgbImage::from_pixel(width as u32, height as u32, Rgb(preprocessing.padding_colour()));
    let at = [0, 1].map(|axis| ((input[axis] - inside[axis]) / 2) as i64);
    image::imageops::replace(&mut padded, &*resized, at[0], at[1]);
    Ok(Cow::Owned(padded))
}

/// The size of an image that just covers a box: torchvision's `Resize` of the short side for a square box, timm's
/// `ResizeKeepRatio` for any other. All sizes are across and down.
fn covering(size: [usize; 2], of_box: [usize; 2]) -> [usize; 2] {
    if of_box[0] != of_box[1] {
        let ratios = [0, 1].map(|axis| size[axis] as f64 / of_box[axis] as f64);
        let ratio = ratios[0].min(ratios[1]);
        return size.map(|side| (side as f64 / ratio).round_ties_even() as usize);
    }
    let (short, long) = if size[0] <= size[1] { (0, 1) } else { (1, 0) };
    let mut covering = of_box;
    covering[long] = ((of_box[0] * size[long]) as f64 / size[short] as f64) as usize;
    covering
}

/// The size of an image that just fits into a box: timm's `ResizeKeepRatio` of the longest side, which has no size for an
/// image so long that its other side would vanish.
fn fitting(size: [usize; 2], of_box: [usize; 2]) -> [usize; 2] {
    let ratios = [0, 1].map(|axis| size[axis] as f64 / of_box[axis] as f64);
    let ratio = ratios[0].max(ratios[1]);
    size.map(|side| ((side as f64 / ratio).round_ties_even() as usize).max(1))
}

/// Half of what is too much, as torchvision's `center_crop` rounds it.
fn half(surplus: usize) -> usize {
    (surplus as f64 / 2.0).round_ties_even() as usize
}
