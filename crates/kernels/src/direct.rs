//! Direct 3 x 3 convolution: the sums of a strip of output pixels and some output channels stay in registers while all
//! taps of all input channels are added.
//!
//! Its only preparation is to reorder the kernels.

use crate::feature_maps::{FEW, LANES, MapLayout, lanes, pool_rows, size};
use crate::path::Path;
use crate::vector::{Spread, Spreading, Vector};

/// One convolution's kernel and bias, in the order in which the loops read them.
pub(crate) struct PackedConvolution {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// `out blocks x in blocks x 3 x 3 x in lanes x LANES`; lanes without a channel are zero.
    kernel: Vec<f32>,
    /// `out blocks x LANES`.
    bias: Vec<f32>,
}

impl PackedConvolution {
    /// Packs a kernel of `out_channels x in_channels x 3 x 3`. The caller has checked the lengths.
    pub(crate) fn new(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Self {
        let (in_blocks, out_blocks) = (in_channels.div_ceil(LANES), out_channels.div_ceil(LANES));
        let mut lanes = vec![0.0; out_blocks * LANES];
        lanes[..out_channels].copy_from_slice(bias);
        let mut packed = Self { in_channels, out_channels, kernel: Vec::new(), bias: lanes };
        let in_lanes = packed.in_lanes();
        packed.kernel = vec![0.0; size(&[out_blocks, in_blocks, 9, in_lanes, LANES])];
        for (out_channel, filter) in kernel.chunks_exact(in_channels * 9).enumerate() {
            for (in_channel, taps) in filter.chunks_exact(9).enumerate() {
                let block = out_channel / LANES * in_blocks + in_channel / LANES;
                for (tap, value) in taps.iter().enumerate() {
                    let row = (block * 9 + tap) * in_lanes + in_channel % LANES;
                    packed.kernel[row * LANES + out_channel % LANES] = *value;
                }
            }
        }
        packed
    }

    /// Input channels side by side, as [`MapLayout::lanes`].
    pub(crate) fn in_lanes(&self) -> usize {
        lanes(self.in_channels)
    }

    /// Blocks of input channels.
    pub(crate) fn in_blocks(&self) -> usize {
        self.in_channels.div_ceil(LANES)
    }

    /// Blocks of output channels.
    pub(crate) fn out_blocks(&self) -> usize {
        self.out_channels.div_ceil(LANES)
    }

    /// The taps of one block of output channels: `in blocks x 3 x 3 x in lanes x LANES`.
    pub(crate) fn taps(&self, out_block: usize) -> &[f32] {
        let panel = self.in_blocks() * 9 * self.in_lanes() * LANES;
        &self.kernel[out_block * panel..(out_block + 1) * panel]
    }

    /// `out blocks x LANES`.
    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias
    }
}

/// One image and the convolution that it goes through.
pub(crate) struct Direct<'a> {
    convolution: &'a PackedConvolution,
    path: Path,
    /// The image's blocked maps.
    input: &'a [f32],
    layout: MapLayout,
}

impl<'a> Direct<'a> {
    pub(crate) fn new(
        convolution: &'a PackedConvolution,
        path: Path,
        input: &'a [f32],
        layout: MapLayout,
    ) -> Self {
        assert_eq!(input.len(), layout.len());
        assert_eq!(layout.channels, convolution.in_channels);
        Self { convolution, path, input, layout }
    }

    /// Convolution, bias and ReLU of row `y` of one block of output channels. `output` takes `width` pixels.
    pub(crate) fn row(&self, out_block: usize, y: usize, output: &mut [f32]) {
        let Self { convolution, path, input, layout } = *self;
        assert!(y < layout.height);
        let out_lanes = output.len() / layout.width;
        let kernel = convolution.taps(out_block);
        let bias = &convolution.bias()[out_block * LANES..][..LANES];
        let row = Row { input: &input[y * layout.row_stride()..], layout, kernel, bias, output, out_lanes };
        // SAFETY: `ConvolutionStack` holds a path only if `Path::is_supported` returned true.
        unsafe { path.run_spreading(row) }
    }

    /// [`Direct::row`] for rows `2 y` and `2 y + 1`, and their 2 x 2 max pooling.
    ///
    /// `scratch` grows to hold two rows; `output` takes `width / 2` pixels.
    pub(crate) fn pooled_row(&self, out_block: usize, y: usize, scratch: &mut Vec<f32>, output: &mut [f32]) {
        let width = self.layout.width;
        let lanes = output.len() / (width / 2);
        scratch.resize(2 * width * lanes, 0.0);
        let (top, bottom) = scratch.split_at_mut(width * lanes);
        self.row(out_block, 2 * y, top);
        self.row(out_block, 2 * y + 1, bottom);
        pool_rows(top, bottom, lanes, output);
    }
}

/// One output row of one block of output channels.
struct Row<'a> {
    /// The blocked input from the padded row above the output row on.
    input: &'a [f32],
    layout: MapLayout,
    /// `in blocks x 3 x 3 x in lanes x LANES`.
    kernel: &'a [f32],
    /// `LANES` values.
    bias: &'a [f32],
    /// `width x out_lanes`.
    output: &'a mut [f32],
    out_lanes: usize,
}

impl Spreading for Row<'_> {
    /// Divides the row into strips of nearly equal width, as wide as the registers allow.
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        // SAFETY: the caller's.
        unsafe {
            match self.layout.lanes() {
                FEW => self.strips::<V, FEW, TWICE>(),
                _ => self.strips::<V, LANES, TWICE>(),
            }
        }
    }
}

impl Row<'_> {
    /// [`Spreading::run`] for input of `IN_LANES` lanes.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strips<V: Vector, const IN_LANES: usize, const TWICE: bool>(mut self) {
        let width = self.layout.width;
        let strips = width.div_ceil(V::STRIP);
        let mut x = 0;
        for index in 0..strips {
            let next = (index + 1) * width / strips;
            for lane in (0..self.out_lanes).step_by(2 * V::LANES) {
                macro_rules! strip_of {
                    ($($pixels:literal)*) => {
                        match next - x {
                            // SAFETY: the caller's.
                            $($pixels if $pixels <= V::STRIP => unsafe {
                                self.strip::<V, IN_LANES, $pixels, TWICE>(x, lane)
                            },)*
                            _ => unreachable!("a strip has 1 to {} pixels", V::STRIP),
                        }
                    };
                }
                strip_of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            }
            x = next;
        }
    }

    /// `PIXELS` output pixels from `x` on, two registers of output channels from `lane` on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strip<V: Vector, const IN_LANES: usize, const PIXELS: usize, const TWICE: bool>(
        &mut self,
        x: usize,
        lane: usize,
    ) {
        const { assert!(LANES.is_multiple_of(2 * V::LANES)) };
        let stride = self.layout.row_stride();
        assert_eq!(self.kernel.len(), size(&[self.layout.blocks(), 9, IN_LANES, LANES]));
        assert!(lane + 2 * V::LANES <= LANES && self.bias.len() == LANES);
        // SAFETY: the caller's. Reads of `window` stay below `PIXELS * IN_LANES`, its length. `row_of_taps` advances
        // over the `blocks * 9 * IN_LANES` rows of LANES values that the kernel panel has (checked above), once for
        // each turn of the innermost loop, and ends one past the last. Two registers from `lane` on end within a row of
        // taps and within the bias.
        unsafe {
            let mut sums = [[V::splat(0.0); 2]; PIXELS];
            let mut row_of_taps = self.kernel.as_ptr();
            for block in 0..self.layout.blocks() {
                for ky in 0..3 {
                    for kx in 0..3 {
                        let at = block * self.layout.block_stride() + ky * stride + (x + kx) * IN_LANES;
                        let window = &self.input[at..at + PIXELS * IN_LANES];
                        let window = Spread::<TWICE>::new(window.as_ptr());
                        for channel in 0..IN_LANES {
                            let taps =
                                [V::load(row_of_taps.add(lane)), V::load(row_of_taps.add(lane + V::LANES))];
                            for (pixel, sums) in sums.iter_mut().enumerate() {
                                let value: [V; 2] = window.get(pixel * IN_LANES + channel);
                                sums[0] = value[0].mul_add(taps[0], sums[0]);
                                sums[1] = value[1].mul_add(taps[1], sums[1]);
                            }
                            row_of_taps = row_of_taps.add(LANES);
                        }
                    }
                }
            }
            let bias = self.bias.as_ptr().add(lane);
            let bias = [V::load(bias), V::load(bias.add(V::LANES))];
            let kept = (2 * V::LANES).min(self.out_lanes - lane);
            for (pixel, sums) in sums.into_iter().enumerate() {
                let start = (x + pixel) * self.out_lanes + lane;
                let output = &mut self.output[start..start + kept];
                // A whole pair of registers is stored directly, a part of one goes through an array.
                let mut values = [0.0; LANES];
                let whole = kept == 2 * V::LANES;
                let to = if whole { output.as_mut_ptr() } else { values.as_mut_ptr() };
                sums[0].add(bias[0]).relu().store(to);
                sums[1].add(bias[1]).relu().store(to.add(V::LANES));
                if !whole {
                    output.copy_from_slice(&values[..kept]);
                }
            }
        }
    }
}
