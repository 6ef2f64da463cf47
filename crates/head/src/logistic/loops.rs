//! The loops over rows of one unit, compiled by pulp for what the CPU has.

use pulp::{Scalar, Simd, WithSimd};

/// Rows that are computed together.
pub(super) const TOGETHER: usize = 4;

/// Sums of a dot product that are formed side by side.
const SUMS: usize = 8;

/// Runs a loop as it is compiled for AVX2, if the CPU has that; elsewhere as it is compiled for every CPU of the kind. The
/// loops have no fused operation, so both give the same bits.
pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, op);
    }
    op.with_simd(Scalar)
}

/// The dot product of each row with a kernel.
pub(super) struct Dots<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) kernel: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if let (&[a, b, c, d], out) = (self.rows, &mut *self.out)
            && out.len() == TOGETHER
        {
            let mut sums = [[0.0_f64; SUMS]; TOGETHER];
            let (kernel, rest) = self.kernel.as_chunks::<SUMS>();
            let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] =
                [a, b, c, d].map(<[f32]>::as_chunks::<SUMS>);
            for ((((kernel, a), b), c), d) in kernel.iter().zip(a).zip(b).zip(c).zip(d) {
                for lane in 0..SUMS {
                    sums[0][lane] += f64::from(a[lane]) * kernel[lane];
                    sums[1][lane] += f64::from(b[lane]) * kernel[lane];
                    sums[2][lane] += f64::from(c[lane]) * kernel[lane];
                    sums[3][lane] += f64::from(d[lane]) * kernel[lane];
                }
            }
            for ((out, sums), row) in out.iter_mut().zip(sums).zip([a_rest, b_rest, c_rest, d_rest]) {
                *out = total(sums, row, rest);
            }
            return;
        }
        for (row, out) in self.rows.iter().zip(self.out) {
            let mut sums = [0.0_f64; SUMS];
            let ((values, row_rest), (kernel, rest)) =
                (row.as_chunks::<SUMS>(), self.kernel.as_chunks::<SUMS>());
            for (values, kernel) in values.iter().zip(kernel) {
                for lane in 0..SUMS {
                    sums[lane] += f64::from(values[lane]) * kernel[lane];
                }
            }
            *out = total(sums, row_rest, rest);
        }
    }
}

/// The sums of a dot product, and the products that were left over.
#[inline(always)]
fn total(sums: [f64; SUMS], row: &[f32], kernel: &[f64]) -> f64 {
    let rest: f64 = row.iter().zip(kernel).map(|(&x, w)| f64::from(x) * w).sum();
    sums.iter().sum::<f64>() + rest
}

/// Adds each row times its derivative.
pub(super) struct Weighted<'a> {
    pub(super) rows: &'a [&'a [f32]],
    pub(super) delta: &'a [f64; TOGETHER],
    pub(super) sums: &'a mut [f64],
}

impl WithSimd for Weighted<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rows, delta: &[da, db, dc, dd], sums } = self;
        if let &[a, b, c, d] = rows {
            for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let first = f64::from(a) * da + f64::from(b) * db;
                *sum += first + (f64::from(c) * dc + f64::from(d) * dd);
            }
            return;
        }
        for (row, delta) in rows.iter().zip(self.delta) {
            sums.iter_mut().zip(*row).for_each(|(sum, &x)| *sum += f64::from(x) * delta);
        }
    }
}
