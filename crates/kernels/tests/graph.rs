//! Graphs on every path that this CPU has, compared with plain loops in f64.

#![allow(clippy::unwrap_used)]

use headstart_kernels::graph::{
    Activation, Convolution, Graph, Maps, Network, Order, Padding, Pooling, Window,
};
use headstart_kernels::{Path, reference};
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

/// Adds a convolution with small, reproducible weights.
fn convolve(
    graph: &mut Graph,
    from: Maps,
    out_channels: usize,
    groups: usize,
    window: Window,
    activation: Activation,
    seed: &mut u32,
) -> Maps {
    let in_channels = graph.channels(from);
    let terms = in_channels / groups * window.size[0] * window.size[1];
    let scale = (2.0 / terms as f32).sqrt();
    let kernel: Vec<f32> = values(out_channels * terms, seed).iter().map(|value| value * scale).collect();
    let bias = values(out_channels, seed);
    let convolution = Convolution {
        in_channels,
        out_channels,
        groups,
        window,
        kernel: kernel.into(),
        bias: bias.into(),
        activation,
    };
    graph.convolution("convolution", from, convolution).unwrap()
}

/// The distance of the results relative to their norm. Sums are of values of about 1, and an activation may leave next to
/// nothing of them: then it is relative to a twentieth of 1 a value, because rounding is relative to the sums.
fn relative_l2(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |sum: f64, value: f64| sum + value * value;
    let difference = found.iter().zip(expected).map(|(found, expected)| f64::from(*found) - expected);
    let norm = expected.iter().copied().fold(0.0, square);
    let least = 0.05_f64.powi(2) * expected.len() as f64;
    (difference.fold(0.0, square) / norm.max(least)).sqrt()
}

/// Compares each path with the reference, for batches on one and more threads.
fn check(graph: &Graph, [height, width]: [usize; 2], seed: &mut u32) {
    let output = graph.last();
    let channels = graph.channels(graph.input());
    let count = 5;
    let mut images = values(count * channels * height * width, seed);
    // Channels that are zero over a part of the image are left out of the products of some tiles.
    for map in images.chunks_exact_mut(height * width).step_by(3) {
        map[..height / 2 * width].fill(0.0);
    }
    let of_image = channels * height * width;
    let expected: Vec<f64> = images
        .chunks_exact(of_image)
        .flat_map(|image| {
            let image: Vec<f64> = image.iter().map(|&value| f64::from(value)).collect();
            reference::graph(graph, output, &image, height, width).unwrap()
        })
        .collect();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for path in Path::supported() {
        let network = Network::with_path(graph.clone(), output, path).unwrap();
        let len = network.output_shape(height, width).unwrap().len();
        let run = |network: &Network, images: &[f32], threads: usize| {
            let count = images.len() / of_image;
            let mut found = vec![f32::NAN; count * len];
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| network.forward(images, [count, channels, height, width], &mut found)).unwrap();
            found
        };
        let found = run(&network, &images, 1);
        let error = relative_l2(&found, &expected);
        assert!(error < 4e-6, "{path}: {error:e}");
        let found = bits(&found);
        assert_eq!(found, bits(&run(&network, &images, 2)), "{path}: two threads");
        for (image, found) in images.chunks_exact(of_image).zip(found.chunks_exact(len)) {
            assert_eq!(found, bits(&run(&network, image, 2)), "{path}: alone");
        }
        // Smaller caches divide maps into bands and blocks, and kernels into groups.
        for cache in [1 << 10, 1 << 12, 1 << 14, 1 << 17] {
            let network = Network::with_cache(graph.clone(), output, path, cache).unwrap();
            assert_eq!(found, bits(&run(&network, &images, 1)), "{path}: a cache of {cache}");
            assert_eq!(
                found[..len],
                bits(&run(&network, &images[..of_image], 2)),
                "{path}: a cache of {cache}, alone"
            );
        }
    }
}

fn window() -> impl Strategy<Value = Window> {
    let padding = prop_oneof![
        Just(Padding::Same),
        [0..3_usize, 0..3_usize, 0..3_usize, 0..3_usize].prop_map(Padding::Explicit)
    ];
    ([1..6_usize, 1..6_usize], [1..4_usize, 1..4_usize], padding).prop_map(|(size, stride, padding)| Window {
        size,
        stride,
        padding,
    })
}

fn usual_window() -> impl Strategy<Value = Window> {
    (prop_oneof![Just(1_usize), Just(3), Just(5)], 1..3_usize)
        .prop_map(|(side, stride)| Window::same(side, stride))
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Linear),
        Just(Activation::Relu),
        Just(Activation::Relu6),
        Just(Activation::Silu),
        Just(Activation::HardSwish),
        Just(Activation::Sigmoid),
        Just(Activation::HardSigmoid),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn convolutions_of_any_window_are_the_reference_s(
        channels in [prop_oneof![1..5_usize, 10..70_usize], prop_oneof![1..5_usize, 10..170_usize]],
        window in prop_oneof![window(), usual_window()],
        size in [5..20_usize, 5..20_usize],
        activation in activation(),
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(channels[0]);
        convolve(&mut graph, Maps::default(), channels[1], 1, window, activation, &mut seed);
        check(&graph, size, &mut seed);
    }

    /// Tiles of stride 2 need 40 channels in and out, and 3,000 pairs of them.
    #[test]
    fn convolutions_of_many_channels_are_the_reference_s(
        channels in [55..100_usize, 55..100_usize],
        stride in 1..3_usize,
        size in [1..24_usize, 1..24_usize],
        activation in activation(),
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(channels[0]);
        let window = Window::square(3, stride, 1);
        let first = convolve(&mut graph, Maps::default(), channels[1], 1, window, Activation::Linear, &mut seed);
        let other = convolve(&mut graph, Maps::default(), channels[1], 1, Window::square(1, stride, 0), activation, &mut seed);
        graph.add("add", first, other, activation).unwrap();
        check(&graph, size, &mut seed);
    }

    #[test]
    fn depthwise_convolutions_are_the_reference_s(
        channels in prop_oneof![2..5_usize, 10..50_usize],
        window in prop_oneof![window(), usual_window()],
        size in [5..30_usize, 5..30_usize],
        activation in activation(),
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(channels);
        convolve(&mut graph, Maps::default(), channels, channels, window, activation, &mut seed);
        check(&graph, size, &mut seed);
    }

    #[test]
    fn grouped_convolutions_are_the_reference_s(
        (groups, ins, outs) in (2..5_usize, 1..20_usize, 1..20_usize),
        window in usual_window(),
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(groups * ins);
        convolve(&mut graph, Maps::default(), groups * outs, groups, window, Activation::Relu, &mut seed);
        check(&graph, [9, 11], &mut seed);
    }

    #[test]
    fn poolings_are_the_reference_s(
        channels in prop_oneof![1..5_usize, 10..40_usize],
        window in window(),
        pooling in prop_oneof![Just(Pooling::Max), Just(Pooling::Average)],
        size in [6..20_usize, 6..20_usize],
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(channels);
        let input = graph.input();
        // A window may be all padding, which a pooling refuses.
        if graph.pool("pool", input, pooling, window).is_ok() {
            check(&graph, size, &mut seed);
        }
        let mut graph = Graph::new(channels);
        let input = graph.input();
        graph.pool_globally("pool", input, pooling);
        check(&graph, size, &mut seed);
    }

    /// Inverted residuals with a gate, concatenated with their input: every operation, fused where it can be.
    #[test]
    fn networks_of_all_operations_are_the_reference_s(
        (channels, width) in (3..40_usize, 5..60_usize),
        (stride, side) in (1..3_usize, prop_oneof![Just(3_usize), Just(5)]),
        size in [9..24_usize, 9..24_usize],
        activations in [activation(), activation(), activation()],
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(3);
        let [a, b, c] = activations;
        let mut conv = |graph: &mut Graph, from, out, groups, window, activation| {
            convolve(graph, from, out, groups, window, activation, &mut seed)
        };
        let stem = conv(&mut graph, Maps::default(), channels, 1, Window::same(3, 2), a);
        let expanded = conv(&mut graph, stem, width, 1, Window::PIXEL, b);
        let depthwise = conv(&mut graph, expanded, width, width, Window::same(side, stride), b);
        let squeezed = graph.pool_globally("squeeze", depthwise, Pooling::Average);
        let reduced = conv(&mut graph, squeezed, 4, 1, Window::PIXEL, Activation::Relu);
        let gate = conv(&mut graph, reduced, width, 1, Window::PIXEL, Activation::HardSigmoid);
        let gated = graph.multiply("excite", depthwise, gate).unwrap();
        let projected = conv(&mut graph, gated, channels, 1, Window::PIXEL, Activation::Linear);
        let joined = if stride == 1 {
            graph.add("add", projected, stem, c).unwrap()
        } else {
            let shortcut = conv(&mut graph, stem, channels, 1, Window::same(1, 2), Activation::Linear);
            graph.add("add", projected, shortcut, c).unwrap()
        };
        let twice = graph.add("twice", joined, joined, Activation::Linear).unwrap();
        let both = graph.concatenate("concatenate", &[joined, projected, twice]).unwrap();
        let head = conv(&mut graph, both, 33, 1, Window::square(3, 1, 1), a);
        graph.pool_globally("pool", head, Pooling::Average);
        check(&graph, size, &mut seed);
    }

    /// The sum is part of the convolution of single pixels, whose input has no border. What it adds and its result have borders of
    /// different widths, so their rows have gaps where those of the input have none.
    #[test]
    fn sums_of_maps_with_gaps_are_the_reference_s(
        channels in prop_oneof![Just(3_usize), 10..80_usize],
        size in [5..10_usize, 5..10_usize],
        activations in [activation(), activation()],
        mut seed in any::<u32>(),
    ) {
        let mut graph = Graph::new(3);
        let [a, b] = activations;
        let mut conv = |graph: &mut Graph, from, out, window, activation| {
            convolve(graph, from, out, 1, window, activation, &mut seed)
        };
        let stem = conv(&mut graph, Maps::default(), channels, Window::same(3, 1), a);
        let deep = conv(&mut graph, stem, 20, Window::same(5, 1), Activation::Relu);
        let projected = conv(&mut graph, deep, channels, Window::PIXEL, Activation::Linear);
        let sum = graph.add("add", projected, stem, b).unwrap();
        let window = Window { size: [3, 3], stride: [1, 1], padding: Padding::Explicit([1, 0, 1, 2]) };
        conv(&mut graph, sum, 5, window, Activation::Linear);
        check(&graph, size, &mut seed);
    }
}

/// A product added to a sum, as a path rounds it.
fn with_product(path: Path, sum: f32, value: f32, weight: f32) -> f32 {
    if path.rounding() == "fma" { value.mul_add(weight, sum) } else { value * weight + sum }
}

/// A direct convolution is summed over rows and columns of the window and then channels, in parts that end with the first block of
/// channels, or row of three channels, after 96 values. Bias and bound follow.
#[test]
fn direct_convolutions_are_summed_in_one_order() {
    let (height, width) = (4, 9);
    let mut seed = 7;
    let layers = (3..=9).chain([33, 97, 130]).flat_map(|ins| [(ins, 1), (ins, 2)]);
    // The last block fills all kinds of registers.
    for ((ins, side), outs) in layers.flat_map(|layer| [24, 40, 88, 96].map(|outs| (layer, outs))) {
        let mut graph = Graph::new(ins);
        let (kernel, bias) = (values(outs * ins * side * side, &mut seed), values(outs, &mut seed));
        let convolution = Convolution {
            in_channels: ins,
            out_channels: outs,
            groups: 1,
            window: Window::square(side, 1, 0),
            kernel: kernel.clone().into(),
            bias: bias.clone().into(),
            activation: Activation::Relu,
        };
        let input = graph.input();
        let output = graph.convolution("convolution", input, convolution).unwrap();
        let image = values(ins * height * width, &mut seed);
        let terms: Vec<_> =
            (0..side * side * ins).map(|term| [term / ins / side, term / ins % side, term % ins]).collect();
        let runs =
            || terms.chunks(if ins == 3 { side * ins } else { ins }).flat_map(|terms| terms.chunks(32));
        let sum = |path: Path, out: usize, [y, x]: [usize; 2]| {
            let joined = |sum: f32, kept: Option<f32>| kept.map_or(sum, |kept| sum + kept);
            let (mut sum, mut kept, mut summed) = (0.0, None, 0);
            for run in runs() {
                if summed >= 96 {
                    (sum, kept, summed) = (0.0, Some(joined(sum, kept)), 0);
                }
                summed += run.len();
                for [ky, kx, channel] in run {
                    let value = image[(channel * height + y + ky) * width + x + kx];
                    let weight = kernel[((out * ins + channel) * side + ky) * side + kx];
                    sum = with_product(path, sum, value, weight);
                }
            }
            (joined(sum, kept) + bias[out]).max(0.0)
        };
        let [high, wide] = [height, width].map(|length| length + 1 - side);
        let pixels = || (0..high).flat_map(|y| (0..wide).map(move |x| [y, x]));
        // Elsewhere than on x86-64, the portable path is fused without saying so.
        for path in Path::supported().filter(|path| cfg!(target_arch = "x86_64") || path.rounding() == "fma")
        {
            let expected: Vec<_> = (0..outs)
                .flat_map(|out| pixels().map(move |at| (out, at)))
                .map(|(out, at)| sum(path, out, at))
                .collect();
            let network = Network::with_path(graph.clone(), output, path).unwrap();
            let mut found = vec![f32::NAN; expected.len()];
            network.forward(&image, [1, ins, height, width], &mut found).unwrap();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert!(bits(&found) == bits(&expected), "{path}: {ins} channels, a window of {side} x {side}");
        }
    }
}

/// From 256 channels on, the first sums of tiles are shorter.
#[test]
fn long_sums_are_the_reference_s() {
    for stride in [1, 2] {
        let (mut graph, mut seed) = (Graph::new(272), 1);
        convolve(
            &mut graph,
            Maps::default(),
            40,
            1,
            Window::square(3, stride, 1),
            Activation::Relu,
            &mut seed,
        );
        check(&graph, [9, 13], &mut seed);
    }
}

/// A stem and an inverted residual on large maps, and one on small maps.
#[test]
fn large_maps_are_computed_in_bands_and_small_ones_by_blocks() {
    let (mut graph, mut seed) = (Graph::new(3), 1);
    let mut conv = |graph: &mut Graph, from, out, groups, window| {
        convolve(graph, from, out, groups, window, Activation::Relu6, &mut seed)
    };
    let stem = conv(&mut graph, Maps::default(), 32, 1, Window::same(3, 2));
    let expanded = conv(&mut graph, stem, 96, 1, Window::PIXEL);
    let depthwise = conv(&mut graph, expanded, 96, 96, Window::same(3, 2));
    let projected = conv(&mut graph, depthwise, 24, 1, Window::PIXEL);
    let pooled = graph.pool("pool", projected, Pooling::Max, Window::square(4, 4, 0)).unwrap();
    let expanded = conv(&mut graph, pooled, 144, 1, Window::PIXEL);
    let depthwise = conv(&mut graph, expanded, 144, 144, Window::same(5, 1));
    graph.pool_globally("average", depthwise, Pooling::Average);
    let outline = Network::new(graph).unwrap().outline(224, 224).unwrap();
    let stages: Vec<_> = outline.stages.iter().map(|stage| (stage.layers.len(), stage.order)).collect();
    let [(first, Order::Bands(rows)), rest @ ..] = &*stages else { panic!("{outline}") };
    assert!(*first >= 3 && (1..56).contains(rows), "{outline}");
    assert!(rest.contains(&(2, Order::Blocks)), "{outline}");
    assert!(outline.to_string().contains("by blocks of channels"), "{outline}");
}

/// Means as in headstart-backbone, which pools the maps of other engines.
#[test]
fn pooled_results_are_those_of_the_maps() {
    for channels in [1, 3, 4, 70] {
        let mut seed = channels as u32;
        let mut graph = Graph::new(channels);
        convolve(&mut graph, Maps::default(), channels, 1, Window::same(3, 1), Activation::Linear, &mut seed);
        let network = Network::new(graph).unwrap();
        for [count, height, width] in [[1, 7, 5], [5, 6, 9], [2, 1, 1]] {
            let mut images = values(count * channels * height * width, &mut seed);
            images[0] = f32::NAN;
            let shape = [count, channels, height, width];
            let mut maps = vec![0.0; count * channels * height * width];
            network.forward(&images, shape, &mut maps).unwrap();
            let maps = maps.chunks_exact(height * width);
            let means = maps.clone().map(|map| {
                let sum: f64 = map.iter().map(|value| f64::from(*value)).sum();
                (sum / map.len() as f64) as f32
            });
            let largest = maps.clone().map(|map| {
                if map.iter().any(|value| value.is_nan()) {
                    f32::NAN
                } else {
                    map.iter().copied().fold(f32::MIN, f32::max)
                }
            });
            let expected = [(Pooling::Average, means.collect::<Vec<_>>()), (Pooling::Max, largest.collect())];
            for (pooling, expected) in expected {
                assert!(expected[0].is_nan());
                for threads in [1, 2] {
                    let mut found = vec![0.0; count * channels];
                    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| network.forward_pooled(&images, shape, pooling, &mut found)).unwrap();
                    let same = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan();
                    assert!(
                        found.iter().zip(&expected).all(same),
                        "{pooling:?} of {shape:?}, {threads} threads"
                    );
                }
                let short = network.forward_pooled(&images, shape, pooling, &mut [0.0; 1000]).unwrap_err();
                assert_eq!(
                    short.to_string(),
                    format!("output: expected {} values, found 1000", count * channels)
                );
            }
        }
    }
}

#[test]
fn a_graph_without_operations_gives_its_images() {
    let network = Network::new(Graph::new(3)).unwrap();
    let images = values(2 * 3 * 4 * 5, &mut 1);
    let mut found = vec![0.0; images.len()];
    network.forward(&images, [2, 3, 4, 5], &mut found).unwrap();
    assert_eq!(found, images);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut graph = Graph::new(3);
    let input = graph.input();
    let convolution = Convolution {
        in_channels: 4,
        out_channels: 2,
        groups: 1,
        window: Window::PIXEL,
        kernel: vec![0.0; 8].into(),
        bias: vec![0.0; 2].into(),
        activation: Activation::Linear,
    };
    let refused = |graph: &mut Graph, convolution: &Convolution<'_>| {
        graph.convolution("stem", input, convolution.clone()).unwrap_err().to_string()
    };
    assert_eq!(refused(&mut graph, &convolution), "stem: expected 3 channels, found 4");
    let convolution = Convolution { in_channels: 3, groups: 2, ..convolution };
    assert!(refused(&mut graph, &convolution).contains("divides 3 and 2 channels, found 2"));
    let convolution = Convolution { groups: 1, ..convolution };
    assert_eq!(refused(&mut graph, &convolution), "stem: kernel: expected 6 values, found 8");
    let still = Window { stride: [0, 1], ..Window::PIXEL };
    let still = Convolution { window: still, ..convolution.clone() };
    assert!(refused(&mut graph, &still).contains("that moves"));
    let convolution = Convolution { kernel: vec![0.0; 6].into(), ..convolution };
    let maps = graph.convolution("stem", input, convolution.clone()).unwrap();
    assert!(graph.add("add", input, maps, Activation::Linear).is_err());
    let large = Convolution {
        in_channels: 2,
        out_channels: 1,
        window: Window::square(5, 1, 0),
        kernel: vec![0.0; 50].into(),
        bias: vec![0.0].into(),
        ..convolution
    };
    graph.convolution("large", maps, large).unwrap();
    let network = Network::new(graph).unwrap();
    let error = network.forward(&[0.0; 48], [1, 3, 4, 4], &mut [0.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "large: its window does not fit on maps of 4 x 4; larger images are needed"
    );
    assert!(network.forward(&[0.0; 50], [1, 2, 5, 5], &mut [0.0]).is_err());
    assert!(network.forward(&[0.0; 74], [1, 3, 5, 5], &mut [0.0]).is_err());
    assert!(network.forward(&[0.0; 75], [1, 3, 5, 5], &mut [0.0]).is_ok());
    assert!(network.forward(&[], [0, 3, 5, 5], &mut []).is_ok());
}
