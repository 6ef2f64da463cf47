//! A plot's area with its two axes.

use maud::{Markup, html};

use super::at;

/// From values to places along an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// The values at both ends; they differ.
    pub(super) values: [f64; 2],
    /// Where these are, in the plot's units.
    pub(super) places: [f64; 2],
}

impl Axis {
    pub(super) fn place(&self, value: f64) -> f64 {
        let [first, last] = self.values;
        let [from, to] = self.places;
        from + (value - first) / (last - first) * (to - from)
    }
}

/// Round values that span `low..=high` in about `wanted` steps of 1, 2 or 5 times a power of ten; the first is at most
/// `low`, the last at least `high`. There are at least two.
pub(super) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
    let smallest = f64::max(low.abs(), high.abs()).max(1e-9) * 1e-6;
    let raw = ((high - low) / wanted.max(1) as f64).max(smallest);
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|unit| unit * power).into_iter().find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step + 1e-6).floor();
    let last = (high / step - 1e-6).ceil().max(first + 1.0);
    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect()
}

/// Grid lines with their values along the bottom (`x`) and the left (`y`), and what the axes are.
pub(super) fn grid(x: (&Axis, &[(f64, String)], &str), y: (&Axis, &[(f64, String)], &str)) -> Markup {
    let ((x, x_ticks, x_label), (y, y_ticks, y_label)) = (x, y);
    let [left, right] = x.places;
    let [bottom, top] = y.places;
    html! {
        g.grid {
            @for (value, label) in y_ticks {
                line x1=(at(left)) x2=(at(right)) y1=(at(y.place(*value))) y2=(at(y.place(*value))) {}
                text.tick x=(at(left - 6.0)) y=(at(y.place(*value) + 4.0)) text-anchor="end" { (label) }
            }
            @for (value, label) in x_ticks {
                line x1=(at(x.place(*value))) x2=(at(x.place(*value))) y1=(at(bottom)) y2=(at(bottom + 4.0)) {}
                text.tick x=(at(x.place(*value))) y=(at(bottom + 17.0)) text-anchor="middle" { (label) }
            }
        }
        line.axis x1=(at(left)) x2=(at(right)) y1=(at(bottom)) y2=(at(bottom)) {}
        text.label x=(at((left + right) / 2.0)) y=(at(bottom + 34.0)) text-anchor="middle" { (x_label) }
        text.label x=(at(left)) y=(at(top - 10.0)) text-anchor="start" { (y_label) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(1.0, 50.0, 5), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(ticks(0.0, f64::NAN, 2), [0.0, 0.5, 1.0]);
    }

    proptest! {
        #[test]
        fn ticks_span_the_values_and_are_few(a in -1e6..1e6_f64, size in 0.0..1e6_f64, wanted in 1..10_usize) {
            let found = ticks(a, a + size, wanted);
            let rounding = (a.abs() + size) * 1e-5 + 1e-9;
            prop_assert!(found[0] <= a + rounding && *found.last().unwrap() >= a + size - rounding, "{found:?}");
            prop_assert!((2..=wanted + 3).contains(&found.len()), "{found:?}");
            prop_assert!(found.is_sorted_by(|a, b| a < b));
        }
    }
}
