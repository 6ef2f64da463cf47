//! Shapes of maps for images of a size.

use super::{Graph, Maps, Node, Operation, Padding, Window};
use crate::error::Error;

/// Channels, height and width of maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
}

impl Shape {
    /// The number of values.
    #[must_use]
    pub fn len(self) -> usize {
        crate::feature_maps::size(&[self.channels, self.height, self.width])
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Window {
    /// The zeros around maps of a size: rows above, columns to the left, rows below, columns to the right.
    #[must_use]
    pub fn padding(&self, height: usize, width: usize) -> [usize; 4] {
        match self.padding {
            Padding::Explicit(padding) => padding,
            Padding::Same => {
                let both = |axis: usize, side: usize| {
                    let outputs = side.div_ceil(self.stride[axis]);
                    (outputs.saturating_sub(1) * self.stride[axis] + self.size[axis]).saturating_sub(side)
                };
                let (down, across) = (both(0, height), both(1, width));
                [down / 2, across / 2, down - down / 2, across - across / 2]
            }
        }
    }

    /// How many positions it has on maps of a size; none if it does not fit on them.
    #[must_use]
    pub fn outputs(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.padding(height, width);
        let count =
            |axis: usize, padded: usize| Some(padded.checked_sub(self.size[axis])? / self.stride[axis] + 1);
        Some([
            count(0, height.checked_add(top)?.checked_add(bottom)?)?,
            count(1, width.checked_add(left)?.checked_add(right)?)?,
        ])
    }
}

impl Graph {
    /// The shape of every node's result, for images of a size.
    ///
    /// # Errors
    /// Images on which a window does not fit; maps of different sizes that are added or concatenated; a gate that is not one
    /// value a channel.
    pub(crate) fn shapes(&self, height: usize, width: usize) -> Result<Vec<Shape>, Error> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.nodes.len());
        for Node { name, operation, reads, channels } in &self.nodes {
            let first = reads.first().map(|maps| shapes[maps.0]);
            let [height, width] = match (operation, first) {
                (Operation::Convolution(kernel), Some(from)) => kernel.window.on(name, from)?,
                (Operation::Pool { window, .. }, Some(from)) => window.on(name, from)?,
                (Operation::PoolGlobally(_), _) => [1, 1],
                (Operation::Multiply, Some(from)) => {
                    let gate = shapes[reads[1].0];
                    if [gate.height, gate.width] != [1, 1] {
                        return Err(sizes_differ(name, [1, 1], gate));
                    }
                    [from.height, from.width]
                }
                (_, Some(from)) => {
                    let size = [from.height, from.width];
                    let other = |maps: &&Maps| [shapes[maps.0].height, shapes[maps.0].width] != size;
                    match reads.iter().find(other) {
                        Some(maps) => return Err(sizes_differ(name, size, shapes[maps.0])),
                        None => size,
                    }
                }
                (_, None) => [height, width],
            };
            if height == 0 || width == 0 {
                return Err(Error::TooSmallFor { what: name.clone(), height, width });
            }
            shapes.push(Shape { channels: *channels, height, width });
        }
        Ok(shapes)
    }

    /// The shape of some maps, for images of a size.
    ///
    /// # Errors
    /// Images that are too small.
    pub fn shape(&self, maps: Maps, height: usize, width: usize) -> Result<Shape, Error> {
        Ok(self.shapes(height, width)?[maps.0])
    }
}

fn sizes_differ(name: &str, expected: [usize; 2], found: Shape) -> Error {
    Error::Sizes { what: name.to_owned(), expected, found: [found.height, found.width] }
}

impl Window {
    fn on(&self, name: &str, from: Shape) -> Result<[usize; 2], Error> {
        let Shape { height, width, .. } = from;
        let outputs = self.outputs(height, width);
        outputs.ok_or_else(|| Error::TooSmallFor { what: name.to_owned(), height, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_larger_below_and_to_the_right() {
        // TensorFlow: 224 with a window of 3 and stride 2 has one row below; 225 has one on each side.
        assert_eq!(Window::same(3, 2).padding(224, 225), [0, 1, 1, 1]);
        assert_eq!(Window::same(3, 2).outputs(224, 225), Some([112, 113]));
        assert_eq!(Window::same(5, 2).padding(14, 15), [1, 2, 2, 2]);
        assert_eq!(Window::same(3, 1).padding(7, 7), [1; 4]);
        assert_eq!(Window::same(1, 2).padding(7, 8), [0; 4]);
        assert_eq!(Window::same(1, 2).outputs(7, 8), Some([4, 4]));
    }

    #[test]
    fn a_window_that_does_not_fit_has_no_outputs() {
        assert_eq!(Window::square(3, 1, 0).outputs(2, 5), None);
        assert_eq!(Window::square(3, 1, 0).outputs(3, 5), Some([1, 3]));
        assert_eq!(Window::square(7, 2, 3).outputs(224, 224), Some([112, 112]));
    }
}
