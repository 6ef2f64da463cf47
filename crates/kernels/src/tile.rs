//! Minimal filtering: a tile of `M x L` outputs of a 3 x 3 convolution from `N x K` products. For stride 1, `N = M + 2` and
//! `K = L + 2`; for stride 2, `N = 2 M + 1` and `K = 2 L + 1`.
//!
//! The method is that of A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), after S.
//! Winograd and A. L. Toom. A tile of the input and a kernel are evaluated as polynomials at `N` points and multiplied
//! there; the `M` outputs are computed from the products. For stride 1, points come in pairs `+p, -p`, except for zero and
//! infinity. The sums of a pair split into an even and an odd half, so one function serves every tile. A convolution of stride 2
//! is the sum of two of stride 1: one over the even rows or columns, and one over the odd ones.

use std::fmt;

use crate::points::rows_among;
use crate::strided;

/// The height or the width of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tile {
    /// One output from 3 products; points +-1, infinity. It saves nothing, and is used for a last row or column.
    One,
    /// 2 outputs from 4 products; points 0, +-1, infinity; 0, +-3/4, infinity beside [`Tile::Four`].
    Two,
    /// 3 outputs from 5 products; points +-1/2, +-3/2, infinity; +-1/2, +-2, infinity beside [`Tile::Six`].
    Three,
    /// 4 outputs from 6 products; points 0, +-3/4, +-3/2, infinity; 0, +-1/2, +-2, infinity beside [`Tile::Six`].
    Four,
    /// 6 outputs from 8 products; points 0, +-1/2, +-1, +-2, infinity.
    Six,
    /// One output of stride 2 from 3 products; points 0, infinity.
    StridedOne,
    /// 2 outputs of stride 2 from 5 products; points 0, 1, infinity.
    StridedTwo,
    /// 3 outputs of stride 2 from 7 products; points 0, +-1, infinity.
    StridedThree,
    /// 4 outputs of stride 2 from 9 products; points 0, +-1, 2, infinity.
    StridedFour,
}

impl Tile {
    /// Every size of stride 1, the smallest first, and then every size of stride 2.
    pub const ALL: [Self; 9] = [
        Self::One,
        Self::Two,
        Self::Three,
        Self::Four,
        Self::Six,
        Self::StridedOne,
        Self::StridedTwo,
        Self::StridedThree,
        Self::StridedFour,
    ];

    /// The sizes that kernels of a stride are transformed for.
    pub(crate) const fn of_stride(stride: usize) -> &'static [Self] {
        match stride {
            1 => &[Self::One, Self::Two, Self::Three, Self::Four, Self::Six],
            _ => &[Self::StridedFour],
        }
    }

    /// Outputs along the side.
    #[must_use]
    pub const fn outputs(self) -> usize {
        match self {
            Self::One | Self::StridedOne => 1,
            Self::Two | Self::StridedTwo => 2,
            Self::Three | Self::StridedThree => 3,
            Self::Four | Self::StridedFour => 4,
            Self::Six => 6,
        }
    }

    /// The stride of its convolution.
    #[must_use]
    pub const fn stride(self) -> usize {
        match self {
            Self::One | Self::Two | Self::Three | Self::Four | Self::Six => 1,
            Self::StridedOne | Self::StridedTwo | Self::StridedThree | Self::StridedFour => 2,
        }
    }

    /// Inputs, and products, along the side.
    #[must_use]
    pub const fn inputs(self) -> usize {
        self.stride() * (self.outputs() - 1) + 3
    }

    /// Transformed kernels of a pair of channels, for tiles of this height and width and those [`beside`](Self::beside) them.
    pub(crate) const fn kernels(self) -> usize {
        let side = if self.stride() == 1 { self.inputs() } else { strided::KERNELS };
        side * side
    }

    /// The smaller tiles that can be combined with it in one layer, because they use the same transformed kernels.
    #[must_use]
    pub const fn beside(self) -> &'static [Self] {
        match self {
            Self::Six => &[Self::One, Self::Two, Self::Three, Self::Four],
            Self::Four => &[Self::Two],
            Self::StridedFour => &[Self::StridedOne, Self::StridedTwo, Self::StridedThree],
            _ => &[],
        }
    }

    /// For each product of a tile of this height and width, the position of its kernels among those that are
    /// transformed for tiles of size `self`.
    pub(crate) fn places(self, [high, wide]: [Self; 2]) -> Vec<usize> {
        if self.stride() > 1 {
            let row = |y: usize| strided::places(wide.outputs()).map(move |x| y * strided::KERNELS + x);
            return strided::places(high.outputs()).flat_map(row).collect();
        }
        let [down, across] = [high, wide].map(|tile| rows_among(tile.inputs(), self.inputs()));
        let row = |y: usize| across[..wide.inputs()].iter().map(move |x| y * self.inputs() + x);
        down[..high.inputs()].iter().flat_map(|&y| row(y)).collect()
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outputs().fmt(f)
    }
}

/// Calls an expression with the constants `N` (inputs along a side) and `M` (outputs) of a tile.
macro_rules! for_tile {
    ($tile:expr, $N:ident, $M:ident => $call:expr) => {
        for_tile!(@ $tile, [One 3 1, Two 4 2, Three 5 3, Four 6 4, Six 8 6], $N, $M => $call)
    };
    (@ $tile:expr, [$($name:ident $n:literal $m:literal),*], $N:ident, $M:ident => $call:expr) => {
        match $tile {
            $(Tile::$name => {
                const $N: usize = $n;
                #[allow(dead_code, reason = "not every caller needs both")]
                const $M: usize = $m;
                $call
            })*
            #[allow(unreachable_patterns, reason = "a list may hold all tiles")]
            tile => unreachable!("a tile of {tile:?} can't be combined with the others"),
        }
    };
}

/// [`for_tile`] for a tile's height and width. The kernels are transformed for tiles of size `of`, whose
/// [`Transforms`](crate::transform::Transforms) are the type `T`. Call it before a path is entered: a function reserves stack for everything that is
/// inlined into it, and without optimization all tiles together need more than a thread has.
macro_rules! for_tile_beside {
    ($of:expr, $tile:expr, $N:ident $M:ident $K:ident $L:ident $T:ident => $call:expr) => {
        match $of {
            Tile::One => for_tile_beside!(@ $crate::paired::Paired<3>, [One 3 1], $tile, $N $M $K $L $T => $call),
            Tile::Two => for_tile_beside!(@ $crate::paired::Paired<4>, [Two 4 2], $tile, $N $M $K $L $T => $call),
            Tile::Three => for_tile_beside!(@ $crate::paired::Paired<5>, [Three 5 3], $tile, $N $M $K $L $T => $call),
            Tile::Four => for_tile_beside!(@ $crate::paired::Paired<6>, [Two 4 2, Four 6 4], $tile, $N $M $K $L $T => $call),
            Tile::Six => for_tile_beside!(
                @ $crate::paired::Paired<8>, [One 3 1, Two 4 2, Three 5 3, Four 6 4, Six 8 6], $tile, $N $M $K $L $T => $call
            ),
            Tile::StridedFour => for_tile_beside!(
                @ $crate::strided::Strided, [StridedOne 3 1, StridedTwo 5 2, StridedThree 7 3, StridedFour 9 4],
                $tile, $N $M $K $L $T => $call
            ),
            tile => unreachable!("no kernels are transformed for tiles of {tile:?}"),
        }
    };
    (@ $of:ty, $tiles:tt, $tile:expr, $N:ident $M:ident $K:ident $L:ident $T:ident => $call:expr) => {{
        type $T = $of;
        for_tile!(@ $tile[0], $tiles, $N, $M => for_tile!(@ $tile[1], $tiles, $K, $L => $call))
    }};
}
pub(crate) use {for_tile, for_tile_beside};

/// Products of a tile of this height and width.
pub(crate) fn products([high, wide]: [Tile; 2]) -> usize {
    high.inputs() * wide.inputs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_of_stride_1_has_kernels_of_its_own() {
        for of in Tile::of_stride(1) {
            let beside = || of.beside().iter().chain([of]);
            for tile in beside().flat_map(|high| beside().map(move |wide| [*high, *wide])) {
                let mut places = of.places(tile);
                assert_eq!(places.len(), products(tile));
                places.sort_unstable();
                places.dedup();
                assert_eq!(places.len(), products(tile));
                assert!(places.iter().all(|place| *place < of.kernels()));
            }
        }
    }

    #[test]
    fn the_products_of_the_largest_tile_of_stride_2_share_all_kernels() {
        for of in Tile::of_stride(2) {
            let mut places = of.places([*of; 2]);
            assert_eq!(places.len(), 81);
            places.sort_unstable();
            places.dedup();
            assert!(places.into_iter().eq(0..of.kernels()));
        }
    }

    #[test]
    fn tiles_are_as_large_as_their_name_says() {
        for (tile, name) in Tile::ALL.into_iter().zip(["1", "2", "3", "4", "6", "1", "2", "3", "4"]) {
            assert_eq!(tile.to_string(), name);
        }
        for of in [1, 2].into_iter().flat_map(Tile::of_stride) {
            for tile in of.beside().iter().chain([of]) {
                for_tile_beside!(*of, [*tile; 2], N M K L _T => {
                    assert_eq!((tile.inputs(), tile.outputs(), tile.stride()), (N, M, of.stride()));
                    assert_eq!((N, M), (K, L));
                });
            }
        }
    }
}
