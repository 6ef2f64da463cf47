//! Every path that this CPU has, compared with the seven-loop convolution in f64.

#![allow(clippy::unwrap_used)]

use headstart_kernels::{Convolution, ConvolutionStack, Error, Method, Path, Strategy, Tile, reference};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

/// Layers of given channels with small, reproducible weights.
struct Network {
    in_channels: usize,
    parameters: Vec<Vec<(Vec<f32>, Vec<f32>)>>,
}

/// Values in -1..1 from a linear congruential generator (Numerical Recipes' constants).
fn values(count: usize, seed: &mut u32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
        })
        .collect()
}

impl Network {
    fn new(in_channels: usize, blocks: &[Vec<usize>], mut seed: u32) -> Self {
        let mut before = in_channels;
        let parameters = blocks
            .iter()
            .map(|block| {
                block
                    .iter()
                    .map(|&out| {
                        let scale = (2.0 / (before as f32 * 9.0)).sqrt();
                        let kernel = values(out * before * 9, &mut seed).iter().map(|v| v * scale).collect();
                        before = out;
                        // Biases of 0.5 to 1.5: where ReLU leaves next to nothing, rounding is large beside it.
                        let bias = values(out, &mut seed).iter().map(|v| 1.0 + 0.5 * v).collect();
                        (kernel, bias)
                    })
                    .collect()
            })
            .collect();
        Self { in_channels, parameters }
    }

    fn layers(&self) -> Vec<Vec<Convolution<'_>>> {
        let mut before = self.in_channels;
        let mut layers = Vec::new();
        for block in &self.parameters {
            let mut convolutions = Vec::new();
            for (kernel, bias) in block {
                let (in_channels, out_channels) = (before, bias.len());
                convolutions.push(Convolution { in_channels, out_channels, kernel, bias });
                before = out_channels;
            }
            layers.push(convolutions);
        }
        layers
    }

    fn reference(&self, image: &[f32], height: usize, width: usize) -> Vec<f64> {
        let mut maps: Vec<f64> = image.iter().map(|&value| f64::from(value)).collect();
        let (mut channels, mut height, mut width) = (self.in_channels, height, width);
        for block in &self.parameters {
            for (kernel, bias) in block {
                maps = reference::convolution(&maps, [channels, height, width], kernel, bias);
                reference::relu(&mut maps);
                channels = bias.len();
            }
            maps = reference::max_pooling(&maps, [channels, height, width]);
            (height, width) = (height / 2, width / 2);
        }
        maps
    }
}

fn relative_l2(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |sum: f64, value: f64| sum + value * value;
    let error = found.iter().zip(expected).map(|(f, e)| f64::from(*f) - e).fold(0.0, square);
    (error / expected.iter().copied().fold(f64::MIN_POSITIVE, square)).sqrt()
}

fn run(stack: &ConvolutionStack, images: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let maps: usize = stack.output_shape(stack.blocks(), shape[2], shape[3]).unwrap().iter().product();
    let mut output = vec![f32::NAN; shape[0] * maps];
    stack.forward(images, shape, &mut output).unwrap();
    output
}

/// Every path that this CPU has, with every strategy.
fn everything() -> impl Iterator<Item = (Path, Strategy)> {
    Path::supported().flat_map(|path| {
        let pairs = |tile: Tile| tile.beside().iter().copied().chain([tile]).map(move |last| (tile, last));
        let forced = Tile::ALL
            .into_iter()
            .filter(|tile| tile.stride() == 1)
            .flat_map(pairs)
            .map(|(tile, last)| Strategy::Forced { tile, last });
        [Strategy::Throughput, Strategy::Unprepared]
            .into_iter()
            .chain(forced)
            .map(move |strategy| (path, strategy))
    })
}

/// f32 rounding of sums of some hundred terms of both signs, which the transforms of large tiles multiply by a small
/// factor. A wrong tap is a thousand times more.
const TOLERANCE: f64 = 3e-5;

/// Takes one image through every path and strategy and compares it with the reference. `holds` must be true for each
/// stack.
fn agrees_with_the_reference(
    network: &Network,
    height: usize,
    width: usize,
    mut seed: u32,
    holds: impl Fn(&ConvolutionStack, Strategy) -> bool,
) -> Result<(), TestCaseError> {
    let image = values(network.in_channels * height * width, &mut seed);
    let expected = network.reference(&image, height, width);
    for (path, strategy) in everything() {
        let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
        prop_assert!(holds(&stack, strategy), "{path}, {strategy:?}: {}", stack.plan(2, height, width));
        let found = run(&stack, &image, [1, network.in_channels, height, width]);
        let error = relative_l2(&found, &expected);
        prop_assert!(error < TOLERANCE, "{path}, {strategy:?}: relative L2 error {error:e}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_path_agrees_with_the_reference(
        in_channels in 1_usize..40,
        first in 1_usize..70,
        second in 1_usize..40,
        height in 4_usize..21,
        width in 4_usize..33,
        seed: u32,
    ) {
        let network = Network::new(in_channels, &[vec![first], vec![second, second]], seed);
        agrees_with_the_reference(&network, height, width, seed, |_, _| true)?;
    }

    #[test]
    fn layers_fused_into_the_next_agree_with_the_reference(
        in_channels in 1_usize..4,
        first in 4_usize..70,
        second in 4_usize..40,
        height in 4_usize..45,
        width in 4_usize..33,
        seed: u32,
    ) {
        let network = Network::new(in_channels, &[vec![first, second], vec![second]], seed);
        agrees_with_the_reference(&network, height, width, seed, |stack, strategy| {
            let fused = stack.plan(2, height, width).layers[0].method == Method::Rows;
            fused
                || strategy == Strategy::Unprepared
                || matches!(strategy, Strategy::Forced { tile: Tile::One | Tile::Three, .. })
        })?;
    }

    #[test]
    fn paths_that_round_alike_give_the_same_bits(height in 4_usize..45, width in 4_usize..33, seed: u32) {
        let network = Network::new(3, &[vec![40, 150], vec![33]], seed);
        let image = values(3 * height * width, &mut seed.clone());
        let mut found: Vec<(&str, Strategy, Vec<u32>)> = Vec::new();
        for (path, strategy) in everything() {
            let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
            let features = bits(&run(&stack, &image, [1, 3, height, width]));
            let before = found.iter().find(|(word, with, _)| *word == path.rounding() && *with == strategy);
            match before {
                Some((.., before)) => prop_assert_eq!(before, &features, "{}, {:?}", path, strategy),
                None => found.push((path.rounding(), strategy, features)),
            }
        }
    }

    #[test]
    fn features_do_not_depend_on_the_batch_or_the_threads(count in 1_usize..8, threads in 1_usize..6, seed: u32) {
        let network = Network::new(3, &[vec![33, 40], vec![9]], seed);
        let (height, width) = (9, 18);
        let images = values(count * 3 * height * width, &mut seed.clone());
        for (path, strategy) in everything() {
            let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
            let alone: Vec<f32> = images
                .chunks_exact(3 * height * width)
                .flat_map(|image| run(&stack, image, [1, 3, height, width]))
                .collect();
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let together = pool.install(|| run(&stack, &images, [count, 3, height, width]));
            prop_assert_eq!(bits(&alone), bits(&together));
        }
    }
}

#[test]
fn long_sums_agree_with_the_reference() {
    for in_channels in [255, 300] {
        let network = Network::new(in_channels, &[vec![40]], 3);
        agrees_with_the_reference(&network, 7, 9, 5, |_, _| true).unwrap();
    }
}

/// Images of which about one pixel in `some` is not zero, and a network whose channels are mostly zero over whole
/// tiles: every second never, the others only near such a pixel.
fn sparse(count: usize, some: u32, height: usize, width: usize) -> (Network, Vec<f32>) {
    let mut network = Network::new(3, &[vec![33, 70], vec![64], vec![9]], 13);
    for (_, bias) in network.parameters.iter_mut().flatten() {
        bias.iter_mut()
            .enumerate()
            .for_each(|(channel, bias)| *bias = if channel % 2 == 0 { -9.0 } else { -0.05 });
    }
    network.parameters[2][0].1.fill(0.5);
    let (mut seed, mut dice) = (17, 19);
    let images = values(count * 3 * height * width, &mut seed);
    let images = images.into_iter().map(|value| {
        let lot = (values(1, &mut dice)[0] + 1.0) / 2.0 * some as f32;
        if lot < 1.0 { 2.0 * value } else { 0.0 }
    });
    (network, images.collect())
}

#[test]
fn channels_that_are_zero_in_whole_tiles_change_nothing() {
    let (count, height, width) = (5, 40, 46);
    for some in [40, 1000, 10_000] {
        let (network, images) = sparse(count, some, height, width);
        let image_len = 3 * height * width;
        let expected: Vec<f64> = images
            .chunks_exact(image_len)
            .flat_map(|image| network.reference(image, height, width))
            .collect();
        for (path, strategy) in everything() {
            let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
            let together = run(&stack, &images, [count, 3, height, width]);
            let error = relative_l2(&together, &expected);
            assert!(error < TOLERANCE, "{path}, {strategy:?}, 1 of {some}: relative L2 error {error:e}");
            let alone: Vec<f32> = images
                .chunks_exact(image_len)
                .flat_map(|image| run(&stack, image, [1, 3, height, width]))
                .collect();
            assert_eq!(bits(&alone), bits(&together), "{path}, {strategy:?}, 1 of {some}");
        }
    }
}

#[test]
fn zeros_times_an_infinite_kernel_are_not_left_out() {
    let (height, width) = (40, 46);
    let (mut network, _) = sparse(0, 1, height, width);
    // Of a channel that is zero everywhere.
    let taps = 9 * 33;
    network.parameters[0][1].0[4 * taps..4 * taps + 9].fill(f32::INFINITY);
    let images = vec![0.0; 2 * 3 * height * width];
    for (path, strategy) in everything() {
        let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
        let found = run(&stack, &images, [2, 3, height, width]);
        assert!(found.iter().all(|value| value.is_nan()), "{path}, {strategy:?}");
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn nan_stays_in_its_image() {
    let network = Network::new(3, &[vec![8, 8], vec![8]], 7);
    let shape = [3, 3, 8, 8];
    let mut images = values(shape.iter().product(), &mut 1);
    for (path, strategy) in everything() {
        let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
        let rows = stack.plan(2, shape[2], shape[3]).layers[0].method == Method::Rows;
        assert!(rows || strategy != Strategy::Throughput, "rows are kept from one task to the next");
        let clean = run(&stack, &images, shape);
        let third = clean.len() / 3;
        let pixel = images.len() / 2;
        let kept = std::mem::replace(&mut images[pixel], f32::NAN);
        let spoilt = run(&stack, &images, shape);
        images[pixel] = kept;
        assert!(spoilt[third..2 * third].iter().any(|value| value.is_nan()), "{path}");
        assert_eq!(bits(&clean[..third]), bits(&spoilt[..third]), "{path}");
        assert_eq!(bits(&clean[2 * third..]), bits(&spoilt[2 * third..]), "{path}");
    }
}

#[test]
fn a_flipped_kernel_is_caught() {
    let network = Network::new(3, &[vec![4]], 11);
    let mut flipped = Network::new(3, &[vec![4]], 11);
    for kernel in flipped.parameters[0][0].0.chunks_exact_mut(9) {
        kernel.reverse();
    }
    let image = values(3 * 64, &mut 5);
    let stack = ConvolutionStack::new(&flipped.layers(), Strategy::default()).unwrap();
    let found = run(&stack, &image, [1, 3, 8, 8]);
    assert!(relative_l2(&found, &network.reference(&image, 8, 8)) > 0.05);
}

#[test]
fn dimensions_whose_product_wraps_are_refused() {
    // Nine taps a channel wrap to a slice that is easily had: two values, in 64 bits.
    let in_channels = usize::MAX / 9 + 1;
    let kernel = vec![0.0; in_channels.wrapping_mul(9)];
    let layer = Convolution { in_channels, out_channels: 1, kernel: &kernel, bias: &[0.0] };
    assert!(matches!(
        ConvolutionStack::new(&[vec![layer]], Strategy::default()),
        Err(Error::Length { expected: usize::MAX, .. })
    ));

    let network = Network::new(3, &[vec![4]], 1);
    let stack = ConvolutionStack::new(&network.layers(), Strategy::default()).unwrap();
    let half = 1_usize << (usize::BITS / 2);
    for count in [0, 1] {
        let error = stack.forward(&[], [count, 3, half, half], &mut []).err();
        assert_eq!(error.is_some(), count == 1, "{error:?}");
    }
}

#[test]
fn more_poolings_than_an_image_can_bear_are_refused() {
    let network = Network::new(1, &vec![vec![1]; 70], 1);
    let stack = ConvolutionStack::new(&network.layers(), Strategy::default()).unwrap();
    let error = stack.forward(&[0.0; 256], [1, 1, 16, 16], &mut []).unwrap_err();
    assert!(matches!(error, Error::TooSmall { blocks: 70, .. }), "{error}");
}

#[test]
fn bad_calls_name_what_was_expected_and_found() {
    let network = Network::new(3, &[vec![4]], 1);
    let stack = ConvolutionStack::new(&network.layers(), Strategy::default()).unwrap();
    let mut output = vec![0.0; 4 * 16];
    let call = |images: &[f32], shape, output: &mut [f32]| stack.forward(images, shape, output).unwrap_err();
    assert_eq!(
        call(&[0.0; 64], [1, 1, 8, 8], &mut output).to_string(),
        "images: expected 3 channels, found 1"
    );
    assert_eq!(
        call(&[0.0; 191], [1, 3, 8, 8], &mut output).to_string(),
        "images: expected 192 values, found 191"
    );
    assert_eq!(
        call(&[0.0; 192], [1, 3, 8, 8], &mut output[1..]).to_string(),
        "output: expected 64 values, found 63"
    );
    assert!(matches!(call(&[0.0; 3], [1, 3, 1, 1], &mut output), Error::TooSmall { smallest: 2, .. }));

    let short = Convolution { in_channels: 1, out_channels: 1, kernel: &[0.0; 8], bias: &[0.0] };
    let error = ConvolutionStack::new(&[vec![short]], Strategy::default()).err().unwrap();
    assert_eq!(error.to_string(), "block 1 convolution 1: kernel: expected 9 values, found 8");
    let fits = Convolution { kernel: &[0.0; 9], ..short };
    let wide = Convolution { in_channels: 2, out_channels: 1, kernel: &[0.0; 18], bias: &[0.0] };
    let error = ConvolutionStack::new(&[vec![fits, wide]], Strategy::default()).err().unwrap();
    assert_eq!(error.to_string(), "block 1 convolution 2: expected 1 channels, found 2");
    assert!(matches!(ConvolutionStack::new(&[], Strategy::default()), Err(Error::Empty(_))));
}

#[test]
fn a_wrong_border_and_a_lost_row_are_caught() {
    // Sides that no tile divides, so that every edge has a tile that is cut.
    let (height, width) = (11, 13);
    let network = Network::new(32, &[vec![33], vec![32]], 3);
    let image = values(32 * height * width, &mut 9);
    let expected = network.reference(&image, height, width);
    for (path, strategy) in everything() {
        let stack = ConvolutionStack::with_path(&network.layers(), path, strategy).unwrap();
        let found = run(&stack, &image, [1, 32, height, width]);
        assert!(relative_l2(&found, &expected) < TOLERANCE, "{path}, {strategy:?}");

        // The pixels at an edge are part of the result, so an edge that is taken for padding is found.
        for edge in [0, height - 1] {
            let mut cut = image.clone();
            cut.chunks_exact_mut(width).skip(edge).step_by(height).for_each(|row| row.fill(0.0));
            let distance = relative_l2(&run(&stack, &cut, [1, 32, height, width]), &expected);
            // The last row of eleven is dropped by the pooling, but the row above it is computed from it.
            assert!(distance > 100.0 * TOLERANCE, "{path}, {strategy:?}, row {edge}: {distance:e}");
        }
        // So is a row of the pooled maps that repeats the one above.
        let mut lost = found.clone();
        let across = width / 4;
        lost.chunks_exact_mut(height / 4 * across).for_each(|map| map.copy_within(..across, across));
        assert!(relative_l2(&lost, &expected) > 100.0 * TOLERANCE, "{path}, {strategy:?}");
    }
}

#[test]
fn a_plan_tells_what_each_layer_takes() {
    let network = Network::new(3, &[vec![64, 64], vec![64]], 1);
    let stack = ConvolutionStack::new(&network.layers(), Strategy::default()).unwrap();
    let plan = stack.plan(2, 36, 37);
    let methods: Vec<_> = plan.layers.iter().map(|layer| layer.method.to_string()).collect();
    assert_eq!(methods[0], "F(1x4)", "an image has too few channels for tiles");
    assert!(
        plan.layers[0].method == Method::Rows && methods[1..].iter().all(|method| method.starts_with("F("))
    );
    for layer in &plan.layers[1..] {
        assert!(layer.multiplications() < layer.direct_multiplications() / 2.0, "{layer:?}");
    }
    let forced = ConvolutionStack::with_path(
        &network.layers(),
        Path::Portable,
        Strategy::Forced { tile: Tile::Three, last: Tile::Three },
    );
    let methods: Vec<_> =
        forced.unwrap().plan(2, 36, 37).layers.iter().map(|layer| layer.method.to_string()).collect();
    // Three outputs do not pool in pairs.
    assert_eq!(methods, ["direct", "direct", "direct"]);
    assert_eq!(stack.plan(2, 36, 37), stack.plan(2, 36, 37));
}

#[test]
fn a_plans_tiles_cover_every_output_once() {
    let network = Network::new(32, &[vec![32, 32]], 1);
    for (_, strategy) in everything() {
        let stack = ConvolutionStack::with_path(&network.layers(), Path::Portable, strategy).unwrap();
        for side in 2..40 {
            for layer in stack.plan(1, side, 37).layers {
                let [height, width] = if layer.pooled { [side & !1, 36] } else { [side, 37] };
                let mut covered = vec![0; height * width];
                for part in layer.parts() {
                    let ends = |axis: usize| {
                        let end = part.start[axis] + part.grid[axis] * part.tile[axis].outputs();
                        end.min([height, width][axis])
                    };
                    for y in part.start[0]..ends(0) {
                        covered[y * width..][part.start[1]..ends(1)].iter_mut().for_each(|times| *times += 1);
                    }
                }
                let tiled = layer.parts().count() > 0;
                assert!(covered.iter().all(|times| *times == i32::from(tiled)), "{layer:?}");
            }
        }
    }
    // What is left over of 37 is a column of tiles one wide.
    let forced = Strategy::Forced { tile: Tile::Six, last: Tile::One };
    let stack = ConvolutionStack::new(&network.layers(), forced).unwrap();
    let plan = stack.plan(1, 36, 37);
    assert_eq!(plan.layers[0].method.to_string(), "F(6x6+1)");
    assert!(plan.to_string().contains("6x6 of 6x6, 6x1 of 6x1"), "{plan}");
}

#[test]
fn a_profile_is_of_every_layer_and_changes_no_bit() {
    let network = Network::new(3, &[vec![33, 40], vec![9]], 5);
    let stack = ConvolutionStack::new(&network.layers(), Strategy::default()).unwrap();
    let shape = [2, 3, 16, 20];
    let images = values(shape.iter().product(), &mut 2);
    let plain = run(&stack, &images, shape);
    let mut profiled = vec![0.0; plain.len()];
    let layers = stack.profile(&images, shape, &mut profiled).unwrap();
    assert_eq!(bits(&plain), bits(&profiled));
    let names: Vec<_> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["block1_conv1 + block1_conv2", "block2_conv1"]);
    assert!(layers.iter().all(|layer| layer.multiply_adds > 0.0 && layer.seconds >= 0.0));
}
