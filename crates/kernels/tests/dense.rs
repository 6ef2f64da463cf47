//! Dense layers on every path that this CPU has, compared with plain loops in f64.

#![allow(clippy::unwrap_used)]

use headstart_kernels::{Dense, Error, Lanes, Optimizer, Path};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

/// Values in -1..1 from a linear congruential generator (Numerical Recipes' constants).
fn values(count: usize, seed: &mut u32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// Values of which a share is zero.
fn sparse(count: usize, zeros: f32, seed: &mut u32) -> Vec<f32> {
    let keep = values(count, seed);
    let kept = |(value, keep): (f32, f32)| if (keep + 1.0) / 2.0 < zeros { 0.0 } else { value };
    values(count, seed).into_iter().zip(keep).map(kept).collect()
}

/// A formula with two slots, in which every operation and both slots matter.
#[derive(Clone, Copy)]
struct Formula;

impl Optimizer for Formula {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, memory: &mut [L]) -> L {
        memory[0] = L::splat(0.75) * memory[0] + gradient;
        memory[1] = L::splat(0.5) * memory[1] + gradient * gradient;
        parameter - L::splat(0.1) * memory[0] / (memory[1].sqrt() + L::splat(0.25))
    }
}

/// The layer in f64, one parameter at a time.
struct Reference {
    units: usize,
    kernel: Vec<f64>,
    bias: Vec<f64>,
    memory: Vec<[f64; 2]>,
}

impl Reference {
    fn new(units: usize, kernel: &[f32], bias: &[f32]) -> Self {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let memory = vec![[0.0; 2]; kernel.len() + bias.len()];
        Self { units, kernel: wide(kernel), bias: wide(bias), memory }
    }

    fn inputs(&self) -> usize {
        self.kernel.len() / self.units
    }

    fn forward(&self, rows: &[f32]) -> Vec<f64> {
        let row = |row: &[f32]| -> Vec<f64> {
            let product = |unit: usize| -> f64 {
                let term = |(input, &x): (usize, &f32)| f64::from(x) * self.kernel[input * self.units + unit];
                row.iter().enumerate().map(term).sum()
            };
            (0..self.units).map(|unit| product(unit) + self.bias.get(unit).unwrap_or(&0.0)).collect()
        };
        rows.chunks_exact(self.inputs()).flat_map(row).collect()
    }

    fn input_gradient(&self, delta: &[f32]) -> Vec<f64> {
        let dot = |delta: &[f32], kernel: &[f64]| -> f64 {
            delta.iter().zip(kernel).map(|(&d, w)| f64::from(d) * w).sum()
        };
        let row = |delta: &[f32]| -> Vec<f64> {
            self.kernel.chunks_exact(self.units).map(|kernel| dot(delta, kernel)).collect()
        };
        delta.chunks_exact(self.units).flat_map(row).collect()
    }

    fn update(&mut self, rows: &[f32], delta: &[f32]) {
        let (units, inputs) = (self.units, self.inputs());
        let mut gradient = vec![0.0; self.memory.len()];
        for (row, delta) in rows.chunks_exact(inputs).zip(delta.chunks_exact(units)) {
            for (input, &x) in row.iter().chain(&[1.0]).enumerate() {
                for (unit, &d) in delta.iter().enumerate() {
                    if let Some(sum) = gradient.get_mut(input * units + unit) {
                        *sum += f64::from(x) * f64::from(d);
                    }
                }
            }
        }
        let parameters = self.kernel.iter_mut().chain(&mut self.bias);
        for ((parameter, memory), gradient) in parameters.zip(&mut self.memory).zip(gradient) {
            memory[0] = 0.75 * memory[0] + gradient;
            memory[1] = 0.5 * memory[1] + gradient * gradient;
            *parameter -= 0.1 * memory[0] / (memory[1].sqrt() + 0.25);
        }
    }
}

/// Some batches of rows, and derivatives for each.
struct Case {
    inputs: usize,
    units: usize,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    batches: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Case {
    fn new(inputs: usize, units: usize, bias: bool, zeros: f32, counts: &[usize], mut seed: u32) -> Self {
        let kernel = values(inputs * units, &mut seed);
        let bias = values(if bias { units } else { 0 }, &mut seed);
        let mut batch =
            |&count: &usize| (sparse(count * inputs, zeros, &mut seed), values(count * units, &mut seed));
        let batches = counts.iter().map(&mut batch).collect();
        Self { inputs, units, kernel, bias, batches }
    }

    fn dense(&self, path: Path) -> Dense {
        let batch = self.batches.iter().map(|(_, delta)| delta.len() / self.units).max().unwrap();
        let bias = (!self.bias.is_empty()).then_some(self.bias.as_slice());
        Dense::new([self.inputs, self.units], &self.kernel, bias, batch, path).unwrap()
    }

    /// Outputs, derivatives by the rows and final parameters of a run through all batches.
    fn run(&self, path: Path, fused: bool) -> [Vec<f32>; 3] {
        let mut dense = self.dense(path);
        let (mut outputs, mut gradients) = (Vec::new(), Vec::new());
        let mut output = vec![f32::NAN; self.batches[0].1.len()];
        dense.forward(&self.batches[0].0, &mut output).unwrap();
        for (index, (rows, delta)) in self.batches.iter().enumerate() {
            let mut gradient = vec![f32::NAN; delta.len() / self.units * self.inputs];
            dense.input_gradient(delta, &mut gradient).unwrap();
            gradients.extend(gradient);
            outputs.append(&mut output);
            let next = self.batches.get(index + 1);
            output = vec![f32::NAN; next.map_or(0, |(_, delta)| delta.len())];
            match next {
                Some((next, _)) if fused => {
                    dense.update(&Formula, rows, delta, Some((next, &mut output))).unwrap();
                }
                Some((next, _)) => {
                    dense.update(&Formula, rows, delta, None).unwrap();
                    dense.forward(next, &mut output).unwrap();
                }
                None => dense.update(&Formula, rows, delta, None).unwrap(),
            }
        }
        let mut parameters = vec![f32::NAN; self.kernel.len() + self.bias.len()];
        let (kernel, bias) = parameters.split_at_mut(self.kernel.len());
        dense.read(kernel, bias).unwrap();
        [outputs, gradients, parameters]
    }

    fn reference(&self) -> [Vec<f64>; 3] {
        let mut reference = Reference::new(self.units, &self.kernel, &self.bias);
        let (mut outputs, mut gradients) = (Vec::new(), Vec::new());
        for (rows, delta) in &self.batches {
            outputs.extend(reference.forward(rows));
            gradients.extend(reference.input_gradient(delta));
            reference.update(rows, delta);
        }
        reference.kernel.append(&mut reference.bias);
        [outputs, gradients, reference.kernel]
    }
}

fn relative_l2(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |sum: f64, value: f64| sum + value * value;
    let error = found.iter().zip(expected).map(|(f, e)| f64::from(*f) - e).fold(0.0, square);
    (error / expected.iter().copied().fold(f64::MIN_POSITIVE, square)).sqrt()
}

fn bits(runs: &[Vec<f32>]) -> Vec<u32> {
    runs.iter().flatten().map(|value| value.to_bits()).collect()
}

/// f32 rounding of sums of some hundred terms of both signs. A wrong term is a thousand times more.
const TOLERANCE: f64 = 5e-6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_path_agrees_with_plain_loops(
        inputs in prop_oneof![1_usize..80, 250_usize..700],
        units in prop_oneof![1_usize..40, 120_usize..300],
        bias: bool,
        zeros in prop_oneof![Just(0.0_f32), Just(0.7), Just(1.0)],
        counts in proptest::collection::vec(1_usize..40, 1..4),
        seed: u32,
    ) {
        let case = Case::new(inputs, units, bias, zeros, &counts, seed);
        let expected = case.reference();
        for path in Path::supported() {
            let found = case.run(path, true);
            for (what, (found, expected)) in
                ["output", "gradient", "parameters"].iter().zip(found.iter().zip(&expected))
            {
                let error = relative_l2(found, expected);
                prop_assert!(error < TOLERANCE, "{path}: {what}: relative L2 error {error:e}");
            }
            prop_assert_eq!(bits(&found), bits(&case.run(path, false)), "{}: fused with the next product", path);
        }
    }

    #[test]
    fn results_do_not_depend_on_the_threads(seed: u32, units in 1_usize..200) {
        let case = Case::new(1300, units, true, 0.5, &[9, 9, 4], seed);
        for path in Path::supported() {
            let on = |threads: usize| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| bits(&case.run(path, true)))
            };
            let one = on(1);
            for threads in 2..=8 {
                prop_assert_eq!(&one, &on(threads), "{}, {} threads", path, threads);
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let case = Case::new(600, 70, true, 0.5, &[7], 3);
    let rows = &case.batches[0].0;
    for path in Path::supported() {
        let mut dense = case.dense(path);
        let (mut together, mut alone) = (vec![0.0; 7 * 70], vec![0.0; 70]);
        dense.forward(rows, &mut together).unwrap();
        for (row, together) in rows.chunks_exact(600).zip(together.chunks_exact(70)) {
            dense.forward(row, &mut alone).unwrap();
            assert_eq!(alone, together, "{path}");
        }
    }
}

#[test]
fn nan_stays_in_its_row() {
    let case = Case::new(100, 20, true, 0.0, &[3], 9);
    let mut rows = case.batches[0].0.clone();
    rows[150] = f32::NAN;
    for path in Path::supported() {
        let mut output = vec![0.0; 60];
        case.dense(path).forward(&rows, &mut output).unwrap();
        let nan: Vec<bool> = output.chunks(20).map(|row| row.iter().all(|value| value.is_nan())).collect();
        assert_eq!(nan, [false, true, false], "{path}");
        assert!(output[..20].iter().chain(&output[40..]).all(|value| value.is_finite()), "{path}");
    }
}

/// Descent that does not change biases.
#[derive(Clone, Copy)]
struct KernelOnly(f32);

impl Optimizer for KernelOnly {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn step<L: Lanes>(&self, parameter: L, gradient: L, _memory: &mut [L]) -> L {
        parameter - L::splat(self.0) * gradient
    }

    fn for_bias(self) -> Self {
        Self(0.0)
    }
}

#[test]
fn a_bias_takes_the_optimizer_for_biases() {
    for path in Path::supported() {
        let mut dense = Dense::new([1, 2], &[1.0, 2.0], Some(&[3.0, 4.0]), 1, path).unwrap();
        dense.update(&KernelOnly(0.5), &[2.0], &[1.0, -1.0], None).unwrap();
        let (mut kernel, mut bias) = ([0.0; 2], [0.0; 2]);
        dense.read(&mut kernel, &mut bias).unwrap();
        assert_eq!((kernel, bias), ([0.0, 3.0], [3.0, 4.0]), "{path}");
    }
}

#[test]
fn the_sum_of_squares_is_the_kernels_for_any_number_of_threads() {
    let case = Case::new(1300, 70, true, 0.5, &[1], 5);
    let dense = case.dense(Path::Portable);
    let (mut kernel, mut bias) = (vec![0.0; 1300 * 70], vec![0.0; 70]);
    dense.read(&mut kernel, &mut bias).unwrap();
    let expected: f64 = kernel.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| dense.sum_of_squares())
    };
    let one = on(1);
    assert!((one - expected).abs() < 1e-12 * expected, "{one} {expected}");
    assert!((2..=8).all(|threads| on(threads).to_bits() == one.to_bits()));
}

#[test]
fn bad_calls_name_what_was_expected_and_found() {
    let path = Path::Portable;
    let new = |shape, kernel: &[f32], bias, batch| Dense::new(shape, kernel, bias, batch, path);
    let error = |result: Result<Dense, Error>| result.err().unwrap().to_string();
    assert_eq!(error(new([2, 3], &[0.0; 5], None, 1)), "kernel: expected 6 values, found 5");
    assert_eq!(error(new([2, 3], &[0.0; 6], Some(&[0.0]), 1)), "bias: expected 3 values, found 1");
    assert_eq!(error(new([0, 3], &[], None, 1)), "dense layer: inputs: expected at least one, found none");
    assert_eq!(
        error(new([2, 3], &[0.0; 6], None, 0)),
        "dense layer: rows: expected at least one, found none"
    );

    let mut dense = new([2, 3], &[0.0; 6], None, 2).unwrap();
    let mut fails = |rows: usize, output: usize| {
        dense.forward(&vec![0.0; rows], &mut vec![0.0; output]).unwrap_err().to_string()
    };
    assert_eq!(fails(3, 3), "rows: expected 2 values, found 3");
    assert_eq!(fails(6, 9), "rows: expected 4 values, found 6");
    assert_eq!(fails(4, 5), "output: expected 6 values, found 5");
    let error = dense.update(&Formula, &[1.0, 2.0], &[0.0; 6], None).unwrap_err();
    assert_eq!(error.to_string(), "delta: expected 3 values, found 6");
    let error = dense.input_gradient(&[0.0; 3], &mut [0.0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "gradient: expected 2 values, found 3");
    assert!(dense.read(&mut [0.0; 5], &mut []).is_err());
}
