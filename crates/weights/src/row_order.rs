//! In which order the rows of a head's first kernel are, and which kernel suits some features.

use crate::FlattenOrder;

use FlattenOrder::{ChannelsFirst, ChannelsLast};

/// What is known of the order of a first kernel's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// The file or the caller says it.
    Stated(FlattenOrder),
    /// That of arrays of this shape, as they lie. Which axis has the channels the file says, but as Keras does unless told
    /// otherwise.
    Array { shape: [usize; 3], said: FlattenOrder },
    /// Nobody says it: the file has weights alone, or the head takes flat rows.
    Unstated,
}

/// Why there is no kernel for some features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsuited {
    /// The head's order is not known.
    Head,
    /// Which axis of the features has the channels is not known.
    Features,
    /// The features are of another shape than this one.
    Shape([usize; 3]),
}

/// The orders of the head and of the features: how rows must move. None where they must not.
pub(crate) type Move = Option<(FlattenOrder, FlattenOrder)>;

/// Channels, height, width of a row whose axes are in an order.
pub(crate) fn channels_first(shape: [usize; 3], order: FlattenOrder) -> [usize; 3] {
    let [a, b, c] = shape;
    match order {
        ChannelsFirst => shape,
        ChannelsLast => [c, a, b],
    }
}

/// The axes of a row of channels, height, width in an order.
fn in_order(row_shape: [usize; 3], order: FlattenOrder) -> [usize; 3] {
    let [channels, height, width] = row_shape;
    match order {
        ChannelsFirst => row_shape,
        ChannelsLast => [height, width, channels],
    }
}

/// Whether maps whose axes are said to be in an order are more likely of the other one: the channels are the longest axis of
/// a deep network's output.
pub(crate) fn looks_turned([first, second, third]: [usize; 3], said: FlattenOrder) -> bool {
    match said {
        ChannelsFirst => third > first && third > second,
        ChannelsLast => first > second && first > third,
    }
}

/// Whether rows of channels, height, width are the same in both orders.
pub(crate) fn has_no_order([channels, height, width]: [usize; 3]) -> bool {
    channels == 1 || (height == 1 && width == 1)
}

/// The order of feature maps of which nothing but the shape is known: channels, height, width, if the first axis is the
/// longest, as in a deep network's output.
///
/// None where the shape does not tell. That the last axis is the longest is no proof: it is asked for.
#[must_use]
pub fn order_by_shape(shape: [usize; 3]) -> Option<FlattenOrder> {
    let has_no_order = shape.iter().filter(|&&axis| axis > 1).count() <= 1;
    let [first, second, third] = shape;
    (has_no_order || first > second.max(third)).then_some(ChannelsFirst)
}

impl RowOrder {
    /// How the rows of the first kernel must move for rows of `shape`. `features` is the order of its axes, if it is known;
    /// `row_shape` is what the head says of its rows, channels first.
    pub(crate) fn suited(
        self,
        row_shape: Option<[usize; 3]>,
        shape: &[usize],
        features: Option<FlattenOrder>,
    ) -> Result<Move, Unsuited> {
        match (self, <[usize; 3]>::try_from(shape)) {
            (Self::Array { shape: own, said }, Ok(shape)) => array(own, said, shape, features),
            // Flat rows do not show which end of the maps had the channels.
            (Self::Array { shape: own, said }, Err(_)) if looks_turned(own, said) => Err(Unsuited::Head),
            (Self::Array { shape: own, said }, Err(_)) => {
                flat(said, Some(channels_first(own, said)), features)
            }
            (Self::Stated(order), Err(_)) => flat(order, row_shape, features),
            (Self::Stated(order), Ok(shape)) => maps(order, row_shape, shape, features),
            (Self::Unstated, Ok(shape)) => {
                let free = match features {
                    Some(features) => has_no_order(channels_first(shape, features)),
                    None => shape.iter().filter(|&&axis| axis > 1).count() <= 1,
                };
                if free { Ok(None) } else { Err(Unsuited::Head) }
            }
            (Self::Unstated, Err(_)) => Ok(None),
        }
    }
}

/// For flat features. Where the head says that it takes maps, they were flattened in an order.
fn flat(
    order: FlattenOrder,
    row_shape: Option<[usize; 3]>,
    features: Option<FlattenOrder>,
) -> Result<Move, Unsuited> {
    match (row_shape, features) {
        (Some(row_shape), _) if has_no_order(row_shape) => Ok(None),
        (_, Some(features)) if features == order => Ok(None),
        (Some(_), Some(features)) => Ok(Some((order, features))),
        (Some(_), None) => Err(Unsuited::Features),
        // Flat rows for a head of which no shape is known: there is nothing to move.
        (None, _) => Ok(None),
    }
}

/// For maps, of a head whose order is known.
fn maps(
    order: FlattenOrder,
    row_shape: Option<[usize; 3]>,
    shape: [usize; 3],
    features: Option<FlattenOrder>,
) -> Result<Move, Unsuited> {
    let features = match (features, row_shape) {
        (Some(features), _) => features,
        (None, Some(row_shape)) => {
            let fits = |order| in_order(row_shape, order) == shape;
            match (fits(ChannelsFirst), fits(ChannelsLast)) {
                (true, true) if has_no_order(row_shape) => ChannelsFirst,
                (true, true) => return Err(Unsuited::Features),
                (true, false) => ChannelsFirst,
                (false, true) => ChannelsLast,
                (false, false) => return Err(Unsuited::Shape(row_shape)),
            }
        }
        (None, None) => order_by_shape(shape).ok_or(Unsuited::Features)?,
    };
    match row_shape {
        Some(row_shape) if in_order(row_shape, features) != shape => Err(Unsuited::Shape(row_shape)),
        _ => Ok((order != features).then_some((order, features))),
    }
}

/// For maps, of a whole Keras model. It takes arrays of its own shape as they lie; others are turned around if they are
/// the same maps with the channels at the other end.
fn array(
    own: [usize; 3],
    said: FlattenOrder,
    shape: [usize; 3],
    features: Option<FlattenOrder>,
) -> Result<Move, Unsuited> {
    let cube = own[0] == own[1] && own[1] == own[2];
    if cube && own[0] > 1 && own == shape {
        // Both ends look the same.
        return Err(if features.is_some() { Unsuited::Head } else { Unsuited::Features });
    }
    let same = own == shape;
    let turned =
        |head: FlattenOrder, features: FlattenOrder| in_order(channels_first(own, head), features) == shape;
    match features {
        None if same => Ok(None),
        None => match (turned(ChannelsLast, ChannelsFirst), turned(ChannelsFirst, ChannelsLast)) {
            (true, _) => Ok(Some((ChannelsLast, ChannelsFirst))),
            (_, true) => Ok(Some((ChannelsFirst, ChannelsLast))),
            _ => Err(Unsuited::Shape(own)),
        },
        // The head's order is that of the features.
        Some(_) if same => Ok(None),
        Some(features) => {
            let head = if features == ChannelsFirst { ChannelsLast } else { ChannelsFirst };
            if turned(head, features) {
                Ok(Some((head, features)))
            } else {
                Err(Unsuited::Shape(channels_first(own, said)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TH: [usize; 3] = [8, 2, 3];
    const TF: [usize; 3] = [2, 3, 8];

    #[test]
    fn a_stated_order_is_moved_to_that_of_the_features() {
        let head = RowOrder::Stated(ChannelsLast);
        let there = Ok(Some((ChannelsLast, ChannelsFirst)));
        assert_eq!(head.suited(None, &TH, Some(ChannelsFirst)), there);
        assert_eq!(head.suited(None, &TH, None), there, "the first axis is the longest");
        assert_eq!(head.suited(Some(TH), &TH, None), there);
        assert_eq!(head.suited(Some(TH), &TF, None), Ok(None));
        assert_eq!(head.suited(None, &TF, Some(ChannelsLast)), Ok(None));
        assert_eq!(head.suited(None, &TF, None), Err(Unsuited::Features), "a shape is no proof of tf");
        assert_eq!(head.suited(Some([4, 4, 3]), &TH, None), Err(Unsuited::Shape([4, 4, 3])));
        assert_eq!(head.suited(Some([3, 3, 3]), &[3, 3, 3], None), Err(Unsuited::Features));
        assert_eq!(head.suited(Some([5, 1, 1]), &[5, 1, 1], None), Ok(Some((ChannelsLast, ChannelsFirst))));
        assert_eq!(head.suited(Some(TH), &[48], None), Err(Unsuited::Features));
        assert_eq!(head.suited(Some(TH), &[48], Some(ChannelsLast)), Ok(None));
        assert_eq!(head.suited(Some([48, 1, 1]), &[48], None), Ok(None));
    }

    #[test]
    fn an_array_of_the_model_s_own_shape_is_taken_as_it_lies() {
        let head = |shape| RowOrder::Array { shape, said: ChannelsLast };
        for features in [None, Some(ChannelsFirst)] {
            assert_eq!(head(TH).suited(None, &TH, features), Ok(None));
            assert_eq!(head(TF).suited(None, &TH, features), Ok(Some((ChannelsLast, ChannelsFirst))));
        }
        assert_eq!(head(TF).suited(None, &TF, None), Ok(None));
        assert_eq!(head(TH).suited(None, &TF, None), Ok(Some((ChannelsFirst, ChannelsLast))));
        assert_eq!(head(TF).suited(None, &[8, 3, 2], None), Err(Unsuited::Shape(TF)));
        assert_eq!(head([3; 3]).suited(None, &[3; 3], Some(ChannelsFirst)), Err(Unsuited::Head));
        assert_eq!(head([3; 3]).suited(None, &[3; 3], None), Err(Unsuited::Features));
        assert_eq!(head([1; 3]).suited(None, &[1; 3], None), Ok(None));
    }

    #[test]
    fn without_an_order_only_rows_that_have_none_are_taken() {
        let head = RowOrder::Unstated;
        assert_eq!(head.suited(None, &TH, Some(ChannelsFirst)), Err(Unsuited::Head));
        assert_eq!(head.suited(None, &TH, None), Err(Unsuited::Head));
        for shape in [&[48][..], &[512, 1, 1], &[1, 1, 512], &[4, 12]] {
            assert_eq!(head.suited(None, shape, None), Ok(None), "{shape:?}");
        }
        assert_eq!(head.suited(None, &[1, 4, 5], Some(ChannelsFirst)), Ok(None));
        assert_eq!(head.suited(None, &[1, 4, 5], None), Err(Unsuited::Head));
    }
}
