//! A weight or head file of any bytes, read in every way that there is: the legacy importer, the other layouts, heads,
//! the description.
#![no_main]

use std::sync::LazyLock;

use headstart_fuzz::Folder;
use headstart_weights::{
    ConvolutionSlot, KernelConvention, LoadOptions, describe, legacy, load_convolutions, load_head,
};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

/// The network that the goldens of tests/golden/weights are of.
static SLOTS: LazyLock<[ConvolutionSlot; 3]> = LazyLock::new(|| {
    [("block1_conv1", 1, 0, 2, 3), ("block1_conv2", 3, 2, 3, 4), ("block2_conv1", 6, 5, 4, 5)].map(
        |(name, legacy_layer, torchvision, in_channels, out_channels)| ConvolutionSlot {
            name: name.to_owned(),
            legacy_layer,
            torchvision: format!("features.{torchvision}"),
            in_channels,
            out_channels,
            kernel_size: 3,
        },
    )
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.write("fuzzed", bytes);
    let options = LoadOptions { kernel_convention: KernelConvention::Convolution };
    if let Ok(loaded) = load_convolutions(&path, SLOTS.as_slice(), &options) {
        assert_eq!(loaded.parameters.len(), SLOTS.len());
        for (slot, parameters) in SLOTS.iter().zip(&loaded.parameters) {
            assert_eq!(parameters.kernel.shape, [slot.out_channels, slot.in_channels, 3, 3]);
            assert_eq!(parameters.bias.shape, [slot.out_channels]);
            let values = || parameters.kernel.values.iter().chain(&parameters.bias.values);
            assert!(values().all(|value| value.is_finite()));
        }
    }
    for layer in legacy::read(&path).unwrap_or_default() {
        for array in layer.parameters {
            assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
        }
    }
    for layer in load_head(&path).unwrap_or_default() {
        assert_eq!(layer.kernel.shape.len(), 2);
    }
    let _ = describe(&path);
});
