//! From components to RGB, with libjpeg's numbers and Pillow's inks.

use crate::decode::pillow::rgb_of_cmyk;
use crate::header::jpeg::Colours;

/// Appends the pixels of a row to `out`, three bytes each. `rows` are the components' samples.
pub(super) fn push_row(colours: Colours, rows: &[Vec<u8>], out: &mut Vec<u8>) {
    match (colours, rows) {
        (Colours::Grey, [grey]) => out.extend(grey.iter().flat_map(|&level| [level; 3])),
        (Colours::Rgb, [red, green, blue]) => {
            out.extend(triples(red, green, blue).flatten());
        }
        (Colours::YCbCr, [luminance, blue, red]) => {
            out.extend(triples(luminance, blue, red).flat_map(rgb_of_ycbcr));
        }
        (Colours::Cmyk, [cyan, magenta, yellow, black]) => {
            let inks = triples(cyan, magenta, yellow).zip(black);
            out.extend(inks.flat_map(|(colours, &black)| rgb_of_inverted(colours, black)));
        }
        (Colours::Ycck, [luminance, blue, red, black]) => {
            let inks = triples(luminance, blue, red).zip(black);
            // The transform gives red, green and blue, which are what the inks leave.
            let inks = inks.map(|(ycbcr, black)| (rgb_of_ycbcr(ycbcr).map(|light| 255 - light), black));
            out.extend(inks.flat_map(|(colours, &black)| rgb_of_inverted(colours, black)));
        }
        _ => unreachable!("the colours were chosen by the number of components"),
    }
}

fn triples<'a>(a: &'a [u8], b: &'a [u8], c: &'a [u8]) -> impl Iterator<Item = [u8; 3]> + use<'a> {
    a.iter().zip(b).zip(c).map(|((&a, &b), &c)| [a, b, c])
}

/// Inks as Adobe stores them: 255 is none.
fn rgb_of_inverted(colours: [u8; 3], black: u8) -> [u8; 3] {
    let [cyan, magenta, yellow] = colours.map(|ink| 255 - ink);
    rgb_of_cmyk([cyan, magenta, yellow, 255 - black])
}

/// The equations of JFIF 1.02, in integers of 16 binary places.
fn rgb_of_ycbcr([luminance, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    const fn factor(factor: f64) -> i32 {
        (factor * 65_536.0 + 0.5) as i32
    }
    let (luminance, blue, red) = (i32::from(luminance), i32::from(blue) - 128, i32::from(red) - 128);
    [
        luminance + ((factor(1.402) * red + HALF) >> 16),
        luminance + ((HALF - factor(0.344_14) * blue - factor(0.714_14) * red) >> 16),
        luminance + ((factor(1.772) * blue + HALF) >> 16),
    ]
    .map(|level| level.clamp(0, 255) as u8)
}
