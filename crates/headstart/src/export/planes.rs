//! Red, green and blue where a network reads them in the opposite order.
//!
//! Exported models take RGB. Keras and PyTorch have no layer that reverses channels, so the kernels that read the image are
//! reversed instead.

use headstart_provenance::{ChannelOrder, Preprocessing};
use headstart_weights::Array;

/// The numbers of a preprocessing, for pixels in the order red, green, blue.
pub(super) struct RgbNumbers {
    pub(super) scale: f32,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

impl RgbNumbers {
    pub(super) fn of(preprocessing: &Preprocessing) -> Self {
        let Preprocessing { scale, mut mean, mut std, .. } = *preprocessing;
        if reads_bgr(preprocessing) {
            mean.reverse();
            std.reverse();
        }
        Self { scale, mean, std }
    }
}

/// Whether the network reads blue first.
pub(super) fn reads_bgr(preprocessing: &Preprocessing) -> bool {
    preprocessing.channel_order == ChannelOrder::Bgr
}

/// A kernel for the opposite order: its first and its last plane change places.
///
/// # Shapes
/// `kernel` is (out, 3, height, width).
pub(super) fn exchange_red_and_blue(kernel: &mut Array) {
    let area = kernel.shape[2..].iter().product::<usize>();
    for planes in kernel.values.chunks_exact_mut(3 * area.max(1)) {
        let (first, rest) = planes.split_at_mut(area);
        first.swap_with_slice(&mut rest[area..]);
    }
}
