//! Direct 3 x 3 convolution: a strip of output pixels times a block of output channels is held in registers
//! while all taps of all input channels are added to it.
//!
//! The loop nest is written once, over arrays of fixed width that the compiler turns into vectors, and is
//! compiled for each [`Path`] with the strip that fills its registers. It needs no preparation beyond a
//! change of the kernels' order.

use crate::activations::{Extent, LANES, size};
use crate::path::Path;
use crate::vector::{Portable, Vector};

/// One convolution's kernel and bias in the order that the loop nest reads.
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
        let in_lanes = in_channels.min(LANES);
        let (in_blocks, out_blocks) = (in_channels.div_ceil(LANES), out_channels.div_ceil(LANES));
        let mut packed = vec![0.0; size(&[out_blocks, in_blocks, 9, in_lanes, LANES])];
        for (out_channel, filter) in kernel.chunks_exact(in_channels * 9).enumerate() {
            for (in_channel, taps) in filter.chunks_exact(9).enumerate() {
                let block = out_channel / LANES * in_blocks + in_channel / LANES;
                for (tap, value) in taps.iter().enumerate() {
                    let row = (block * 9 + tap) * in_lanes + in_channel % LANES;
                    packed[row * LANES + out_channel % LANES] = *value;
                }
            }
        }
        let mut lanes = vec![0.0; out_blocks * LANES];
        lanes[..out_channels].copy_from_slice(bias);
        Self { in_channels, out_channels, kernel: packed, bias: lanes }
    }

    /// Convolution, bias and ReLU of some rows of one block of output channels.
    ///
    /// `input` holds one image's blocked maps of `extent`; `output` takes rows `first_row ..` of block
    /// `out_block`, each with its left and right border, which are left as they are; their number is told by its
    /// length.
    pub(crate) fn rows(
        &self,
        path: Path,
        input: &[f32],
        extent: Extent,
        out_block: usize,
        first_row: usize,
        output: &mut [f32],
    ) {
        let out_extent = Extent { channels: self.out_channels, ..extent };
        let (out_lanes, in_lanes) = (out_extent.lanes(), extent.lanes());
        let panel = size(&[extent.blocks(), 9, in_lanes, LANES]);
        assert_eq!(input.len(), extent.len());
        assert_eq!(extent.channels, self.in_channels);
        for (index, row) in output.chunks_exact_mut(out_extent.row_stride()).enumerate() {
            let y = first_row + index;
            assert!(y < extent.height);
            let end = row.len() - out_lanes;
            let call = Row {
                input: &input[y * extent.row_stride()..],
                extent,
                kernel: &self.kernel[out_block * panel..(out_block + 1) * panel],
                bias: &self.bias[out_block * LANES..(out_block + 1) * LANES],
                output: &mut row[out_lanes..end],
                out_lanes,
            };
            match path {
                // SAFETY: `ConvolutionStack` holds a path only where `Path::is_supported` said yes.
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => unsafe { row_avx512(call) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => unsafe { row_avx2(call) },
                _ => row_portable(call),
            }
        }
    }
}

/// One output row of one block of output channels.
struct Row<'a> {
    /// The blocked input from the padded row above the output row on.
    input: &'a [f32],
    extent: Extent,
    /// `in blocks x 3 x 3 x in lanes x LANES`.
    kernel: &'a [f32],
    /// `LANES` values.
    bias: &'a [f32],
    /// `width x out_lanes`.
    output: &'a mut [f32],
    out_lanes: usize,
}

// A strip's pixels times its vectors fill the registers, less those for one row of taps and one pixel.

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn row_avx512(row: Row<'_>) {
    // SAFETY: this function is compiled for the type's instructions.
    unsafe { row.run::<std::arch::x86_64::__m512, 14, 2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn row_avx2(row: Row<'_>) {
    // SAFETY: this function is compiled for the type's instructions.
    unsafe { row.run::<std::arch::x86_64::__m256, 6, 2>() }
}

fn row_portable(row: Row<'_>) {
    // AArch64 has 32 registers of four lanes, baseline x86-64 has 16.
    const PIXELS: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };
    // SAFETY: the portable type needs no particular instructions.
    unsafe { row.run::<Portable, PIXELS, 1>() }
}

impl Row<'_> {
    /// Cuts the row into strips of nearly equal width, of at most `STRIP` pixels.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn run<V: Vector, const STRIP: usize, const VECTORS: usize>(mut self) {
        let width = self.extent.width;
        let strips = width.div_ceil(STRIP);
        let mut x = 0;
        for index in 0..strips {
            let next = (index + 1) * width / strips;
            for lane in (0..self.out_lanes).step_by(V::LANES * VECTORS) {
                macro_rules! strip_of {
                    ($($pixels:literal)*) => {
                        match next - x {
                            // SAFETY: the caller's.
                            $($pixels if $pixels <= STRIP => unsafe { self.strip::<V, $pixels, VECTORS>(x, lane) },)*
                            _ => unreachable!("a strip has 1 to {STRIP} pixels"),
                        }
                    };
                }
                strip_of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            }
            x = next;
        }
    }

    /// `PIXELS` output pixels from `x` on, `VECTORS` registers of output channels from `lane` on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn strip<V: Vector, const PIXELS: usize, const VECTORS: usize>(&mut self, x: usize, lane: usize) {
        const { assert!(LANES.is_multiple_of(V::LANES * VECTORS)) };
        let (lanes, stride) = (self.extent.lanes(), self.extent.row_stride());
        assert_eq!(self.kernel.len(), size(&[self.extent.blocks(), 9, lanes, LANES]));
        assert!(lane + VECTORS * V::LANES <= LANES);
        // SAFETY: the caller's. Reads of `window` stay below `PIXELS * lanes`, its length. `row_of_taps` walks
        // over the `blocks * 9 * lanes` rows of LANES values that the kernel panel was just seen to have, which
        // is as often as the innermost loop runs, and ends one past the last. A load takes VECTORS registers
        // from `lane` on, which end within the row.
        unsafe {
            let mut sums = [[V::splat(0.0); VECTORS]; PIXELS];
            let mut row_of_taps = self.kernel.as_ptr();
            for block in 0..self.extent.blocks() {
                for ky in 0..3 {
                    for kx in 0..3 {
                        let at = block * self.extent.block_stride() + ky * stride + (x + kx) * lanes;
                        let window = self.input[at..at + PIXELS * lanes].as_ptr();
                        for channel in 0..lanes {
                            let taps: [V; VECTORS] =
                                std::array::from_fn(|v| V::load(row_of_taps.add(lane + v * V::LANES)));
                            for (pixel, sums) in sums.iter_mut().enumerate() {
                                let value = V::splat(*window.add(pixel * lanes + channel));
                                for (sum, tap) in sums.iter_mut().zip(taps) {
                                    *sum = value.mul_add(tap, *sum);
                                }
                            }
                            row_of_taps = row_of_taps.add(LANES);
                        }
                    }
                }
            }
            let bias = &self.bias[lane..lane + VECTORS * V::LANES];
            let kept = bias.len().min(self.out_lanes - lane);
            for (pixel, sums) in sums.into_iter().enumerate() {
                let mut values = [0.0; LANES];
                for (v, sum) in sums.into_iter().enumerate() {
                    let biased = sum.add(V::load(bias.as_ptr().add(v * V::LANES)));
                    biased.relu().store(values.as_mut_ptr().add(v * V::LANES));
                }
                let start = (x + pixel) * self.out_lanes + lane;
                self.output[start..start + kept].copy_from_slice(&values[..kept]);
            }
        }
    }
}
