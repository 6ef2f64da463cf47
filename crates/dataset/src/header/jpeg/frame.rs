//! The frame header: size, coding and components of a picture.

use super::{corrupt, unsupported};
use crate::DecodeError;

/// Samples of a block in each direction.
const BLOCK: u32 = 8;

/// How a picture is coded. All are Huffman-coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Baseline, or extended with 8 bits.
    Sequential,
    Progressive,
}

/// The frame header (ITU T.81, B.2.2).
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) coding: Coding,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// One, three or four.
    pub(crate) components: Vec<Component>,
    /// The largest sampling factors.
    pub(crate) horizontal_max: u8,
    pub(crate) vertical_max: u8,
}

/// One component: luminance, a chroma, a colour or an ink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors, relative to the largest ones.
    pub(crate) horizontal: u8,
    pub(crate) vertical: u8,
    pub(crate) quantization_table: u8,
    /// Samples that belong to the picture.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Blocks in a row and in a column that a scan of this component alone has.
    pub(crate) blocks_wide: u32,
    pub(crate) blocks_high: u32,
    /// The same in a scan together with other components, where they fill whole units.
    pub(crate) padded_wide: u32,
    pub(crate) padded_high: u32,
}

impl Frame {
    /// Reads the segment after a start-of-frame marker (ITU T.81, table B.1).
    ///
    /// # Errors
    ///
    /// A coding, precision or number of components that is not read, and what breaks the rules.
    pub(super) fn read(code: u8, content: &[u8]) -> Result<Self, DecodeError> {
        let coding = match code {
            0xC0 | 0xC1 => Coding::Sequential,
            0xC2 => Coding::Progressive,
            0xC3 => return Err(unsupported("lossless coding")),
            0xC5..=0xC7 => return Err(unsupported("hierarchical coding")),
            _ => return Err(unsupported("arithmetic coding")),
        };
        let &[bits, height_high, height_low, width_high, width_low, count, ref parameters @ ..] = content
        else {
            return Err(corrupt(format!("its frame header has {} bytes", content.len())));
        };
        if bits != 8 {
            return Err(unsupported(format!("samples of {bits} bits")));
        }
        let width = u16::from_be_bytes([width_high, width_low]);
        let height = u16::from_be_bytes([height_high, height_low]);
        if height == 0 {
            return Err(unsupported("a height that only follows after the picture"));
        }
        if width == 0 {
            return Err(corrupt("its width is 0"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(unsupported(format!("{count} components")));
        }
        if parameters.len() != 3 * usize::from(count) {
            let found = parameters.len();
            return Err(corrupt(format!("its frame header has {found} bytes for {count} components")));
        }
        Self::new(coding, width, height, parameters.as_chunks::<3>().0)
    }

    fn new(coding: Coding, width: u16, height: u16, parameters: &[[u8; 3]]) -> Result<Self, DecodeError> {
        let factors = |[_, factors, _]: [u8; 3]| (factors >> 4, factors & 15);
        let (mut horizontal_max, mut vertical_max) = (1, 1);
        for &component in parameters {
            let (horizontal, vertical) = factors(component);
            if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
                return Err(corrupt(format!("its sampling factors are {horizontal} x {vertical}")));
            }
            horizontal_max = horizontal_max.max(horizontal);
            vertical_max = vertical_max.max(vertical);
        }
        let mut components = Vec::with_capacity(parameters.len());
        for &component in parameters {
            let (horizontal, vertical) = factors(component);
            if horizontal_max % horizontal != 0 || vertical_max % vertical != 0 {
                return Err(unsupported(format!(
                    "a component that is stored at {horizontal}/{horizontal_max} x {vertical}/{vertical_max} of the size"
                )));
            }
            let samples = |side: u16, factor: u8, max: u8| {
                (u32::from(side) * u32::from(factor)).div_ceil(u32::from(max))
            };
            let units = |side: u16, factor: u8, max: u8| {
                u32::from(side).div_ceil(BLOCK * u32::from(max)) * u32::from(factor)
            };
            let (columns, rows) =
                (samples(width, horizontal, horizontal_max), samples(height, vertical, vertical_max));
            components.push(Component {
                id: component[0],
                horizontal,
                vertical,
                quantization_table: component[2],
                width: columns,
                height: rows,
                blocks_wide: columns.div_ceil(BLOCK),
                blocks_high: rows.div_ceil(BLOCK),
                padded_wide: units(width, horizontal, horizontal_max),
                padded_high: units(height, vertical, vertical_max),
            });
        }
        Ok(Self { coding, width, height, components, horizontal_max, vertical_max })
    }

    /// Units in a row and in a column of a scan of several components.
    pub(crate) fn units(&self) -> (u32, u32) {
        let units = |side: u16, max: u8| u32::from(side).div_ceil(BLOCK * u32::from(max));
        (units(self.width, self.horizontal_max), units(self.height, self.vertical_max))
    }

    /// Memory that the careful decoder takes: every sample, and the coefficients of a progressive picture.
    pub(super) fn careful_bytes(&self) -> u64 {
        let bytes_a_sample = match self.coding {
            Coding::Sequential => 1,
            Coding::Progressive => 1 + 2,
        };
        let samples = |component: &Component| {
            u64::from(BLOCK * component.padded_wide) * u64::from(BLOCK * component.padded_high)
        };
        bytes_a_sample * self.components.iter().map(samples).sum::<u64>()
    }

    /// Whether the fast decoder is known to read these components: one, or three of which the second and third are
    /// stored at full size or at half of it. A very small picture is not much more than edges, which it interpolates in
    /// another way than libjpeg.
    pub(super) fn is_ordinary(&self) -> bool {
        let factors = |component: &Component| (component.horizontal, component.vertical);
        match self.components[..] {
            [ref grey] => factors(grey) == (1, 1),
            [ref luminance, ref blue, ref red] => {
                let small = self.width.min(self.height) < 16;
                (factors(luminance) == (1, 1) || !small)
                    && luminance.horizontal <= 2
                    && luminance.vertical <= 2
                    && [blue, red].iter().all(|chroma| factors(chroma) == (1, 1))
                    && luminance.id != blue.id
                    && luminance.id != red.id
                    && blue.id != red.id
            }
            _ => false,
        }
    }
}
