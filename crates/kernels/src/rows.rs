//! A layer of few input channels by minimal filtering along its rows: four outputs from six products for each row of
//! taps, half the multiplications of direct convolution. Rows are computed one by one, as the next layer reads them.

use crate::buffer::Buffer;
use crate::direct::PackedConvolution;
use crate::error::Error;
use crate::feature_maps::{FEW, LANES, MapLayout};
use crate::paired::Paired;
use crate::path::Path;
use crate::points::kernel_rows;
use crate::transform::{transform_input, transform_output};
use crate::vector::{Operation, Spread, Spreading, Vector};

/// Products of a tile.
pub(crate) const PRODUCTS: usize = 6;
/// Outputs of a tile.
pub(crate) const OUTPUTS: usize = PRODUCTS - 2;
/// Rows of input that a row of output depends on.
pub(crate) const HIGH: usize = 3;

/// A layer's kernels, transformed along their rows: `out blocks x 3 x FEW x PRODUCTS x LANES`.
pub(crate) struct RowKernels {
    values: Vec<f32>,
    /// `out blocks x LANES`.
    bias: Vec<f32>,
}

impl RowKernels {
    /// Transforms the kernels of a layer of at most [`FEW`] input channels, in f64.
    pub(crate) fn new(layer: &PackedConvolution) -> Self {
        assert_eq!(layer.in_lanes(), FEW);
        let rows = kernel_rows::<PRODUCTS>();
        let mut values = Vec::with_capacity(layer.out_blocks() * HIGH * FEW * PRODUCTS * LANES);
        for out_block in 0..layer.out_blocks() {
            for taps in layer.taps(out_block).chunks_exact(HIGH * FEW * LANES) {
                for channel in 0..FEW {
                    for row in rows {
                        values.extend((0..LANES).map(|lane| {
                            let tap = |x: usize| f64::from(taps[(x * FEW + channel) * LANES + lane]);
                            (row[0] * tap(0) + row[1] * tap(1) + row[2] * tap(2)) as f32
                        }));
                    }
                }
            }
        }
        let bias = layer.bias().to_vec();
        Self { values, bias }
    }
}

/// The rows of an image that were transformed last.
#[derive(Default)]
pub(crate) struct InputRows {
    /// Row `y` at position `y % 3`: for each product, a value for every pixel as if a tile began there. A tile begins
    /// at every fourth pixel, so only those are read.
    values: Buffer,
    /// A row, followed by zeros.
    padded: Vec<f32>,
    /// Values of one product.
    stride: usize,
    /// The next row to be transformed.
    next: usize,
}

impl InputRows {
    /// Begins with row `first` of an image, counted with the border, and makes room for rows of `width` pixels.
    pub(crate) fn begin(&mut self, width: usize, first: usize) -> Result<(), Error> {
        self.next = first;
        // The last register may reach beyond the last tile.
        self.stride = (width.next_multiple_of(OUTPUTS) * FEW).next_multiple_of(LANES);
        self.values.reserve(HIGH * PRODUCTS * self.stride)?;
        self.padded.clear();
        self.padded.resize(self.stride + PRODUCTS * FEW, 0.0);
        Ok(())
    }

    /// Transforms the rows of an image's blocked maps that row `y` of the outputs depends on, unless they already were:
    /// rows `y` to `y + 2`, counted with the border.
    pub(crate) fn transform(&mut self, path: Path, input: &[f32], layout: MapLayout, y: usize) {
        while self.next < y + HIGH {
            let row = &input[self.next * layout.row_stride()..][..(layout.width + 2) * FEW];
            self.padded[..row.len()].copy_from_slice(row);
            let start = self.next % HIGH * PRODUCTS * self.stride;
            let to = &mut self.values[start..start + PRODUCTS * self.stride];
            // SAFETY: `ConvolutionStack` holds a path only if `Path::is_supported` returned true.
            unsafe { path.run(TransformRow { padded: &self.padded, to }) }
            self.next += 1;
        }
    }

    /// Convolution, bias and ReLU of row `y` of one block of output channels. The last call of
    /// [`transform`](Self::transform) was for this row. `output` takes `width x LANES` values.
    pub(crate) fn multiply(
        &self,
        path: Path,
        kernels: &RowKernels,
        out_block: usize,
        y: usize,
        output: &mut [f32],
    ) {
        let panel = HIGH * FEW * PRODUCTS * LANES;
        let bias = &kernels.bias[out_block * LANES..(out_block + 1) * LANES];
        let kernels = &kernels.values[out_block * panel..(out_block + 1) * panel];
        // SAFETY: as above.
        unsafe { path.run_spreading(MultiplyRow { rows: self, kernels, bias, y, output }) }
    }
}

/// The input's transform of one row.
struct TransformRow<'a> {
    padded: &'a [f32],
    to: &'a mut [f32],
}

impl Operation for TransformRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { padded, to } = self;
        let stride = to.len() / PRODUCTS;
        assert!(stride.is_multiple_of(V::LANES) && padded.len() >= stride + (PRODUCTS - 1) * FEW);
        for at in (0..stride).step_by(V::LANES) {
            // SAFETY: the caller's. A register from `at` on ends within the stride, and the last of the six begins
            // `PRODUCTS - 1` pixels later.
            unsafe {
                let mut values = [V::splat(0.0); PRODUCTS];
                for (x, value) in values.iter_mut().enumerate() {
                    *value = V::load(padded.as_ptr().add(at + x * FEW));
                }
                let products = transform_input::<V, Paired<PRODUCTS>, PRODUCTS>(&values);
                for (product, value) in products.into_iter().enumerate() {
                    value.store(to.as_mut_ptr().add(product * stride + at));
                }
            }
        }
    }
}

/// The products of one row, and its outputs.
struct MultiplyRow<'a> {
    rows: &'a InputRows,
    /// `3 x FEW x PRODUCTS x LANES`.
    kernels: &'a [f32],
    /// `LANES` values.
    bias: &'a [f32],
    y: usize,
    /// `width x LANES`.
    output: &'a mut [f32],
}

impl Spreading for MultiplyRow<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(mut self) {
        let tiles = (self.output.len() / LANES).div_ceil(OUTPUTS);
        assert!(tiles * OUTPUTS * FEW <= self.rows.stride);
        assert!(self.rows.values.len() >= HIGH * PRODUCTS * self.rows.stride);
        assert!(self.kernels.len() == HIGH * FEW * PRODUCTS * LANES && self.bias.len() == LANES);
        let two = V::STRIP >= 2 * PRODUCTS;
        for lane in (0..LANES).step_by(2 * V::LANES) {
            let mut tile = 0;
            while tile < tiles {
                // SAFETY: the caller's; there are at least that many tiles from `tile` on.
                unsafe {
                    if two && tile + 2 <= tiles {
                        self.tiles::<V, 2, TWICE>(tile, lane);
                        tile += 2;
                    } else {
                        self.tiles::<V, 1, TWICE>(tile, lane);
                        tile += 1;
                    }
                }
            }
        }
    }
}

impl MultiplyRow<'_> {
    /// `TILES` tiles from `tile` on, two registers of output channels from `lane` on.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the row has these tiles, and two registers from `lane` on end within LANES.
    #[inline(always)]
    #[allow(
        clippy::needless_range_loop,
        reason = "the compiler resolves an index at compile time, and not a chain of iterators"
    )]
    unsafe fn tiles<V: Vector, const TILES: usize, const TWICE: bool>(&mut self, tile: usize, lane: usize) {
        const { assert!(LANES.is_multiple_of(2 * V::LANES)) };
        let stride = self.rows.stride;
        // SAFETY: the caller's. Tile, channel and product stay within the stride and the rows' length, as `run`
        // checked. `taps` advances over the kernels' rows of LANES, once for each turn of the innermost loop. Outputs
        // are slices of their row.
        unsafe {
            let mut sums = [[[V::splat(0.0); 2]; PRODUCTS]; TILES];
            let mut taps = self.kernels.as_ptr().add(lane);
            let values = Spread::<TWICE>::new(self.rows.values.as_ptr()).wrapping_add(tile * OUTPUTS * FEW);
            for ky in 0..HIGH {
                let values = values.wrapping_add((self.y + ky) % HIGH * PRODUCTS * stride);
                for channel in 0..FEW {
                    for product in 0..PRODUCTS {
                        let tap = [V::load(taps), V::load(taps.add(V::LANES))];
                        for (index, sums) in sums.iter_mut().enumerate() {
                            let value: [V; 2] =
                                values.get(product * stride + index * OUTPUTS * FEW + channel);
                            sums[product] = [
                                value[0].mul_add(tap[0], sums[product][0]),
                                value[1].mul_add(tap[1], sums[product][1]),
                            ];
                        }
                        taps = taps.wrapping_add(LANES);
                    }
                }
            }
            for (index, sums) in sums.iter().enumerate() {
                let start = (tile + index) * OUTPUTS * LANES;
                let end = self.output.len().min(start + OUTPUTS * LANES);
                let output = &mut self.output[start..end];
                for half in 0..2 {
                    let at = lane + half * V::LANES;
                    let bias = V::load(self.bias.as_ptr().add(at));
                    let mut products = [V::splat(0.0); PRODUCTS];
                    for product in 0..PRODUCTS {
                        products[product] = sums[product][half];
                    }
                    let outputs: [V; OUTPUTS] =
                        transform_output::<V, Paired<PRODUCTS>, PRODUCTS, OUTPUTS>(&products);
                    for (value, pixel) in outputs.into_iter().zip(output.chunks_exact_mut(LANES)) {
                        value.add(bias).relu().store(pixel.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}
