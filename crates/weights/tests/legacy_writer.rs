//! What the writer of legacy files refuses.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use common::Folder;
use headstart_weights::{Array, Error, IfExists, legacy};

#[test]
fn a_legacy_writer_is_given_each_layer_once() {
    let folder = Folder::new();
    let layer =
        |index| legacy::LegacyLayer { index, parameters: vec![Array::new(vec![1], vec![0.0]).unwrap()] };
    let path = folder.0.path().join("twice.h5");
    for layers in [vec![layer(3), layer(3)], vec![layer(usize::MAX)]] {
        let error = legacy::write(&path, &layers, IfExists::Refuse).unwrap_err();
        assert!(matches!(error, Error::InvalidLayer { .. }), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn a_legacy_writer_is_given_as_many_values_as_the_shape_has() {
    let folder = Folder::new();
    let path = folder.0.path().join("shape.h5");
    for (shape, values) in [(vec![2, 2], 3), (vec![usize::MAX, 2], 1), (vec![0], 1), (vec![], 0)] {
        let parameters =
            vec![Array { shape: vec![1], values: vec![0.0] }, Array { shape, values: vec![0.0; values] }];
        let layers = [legacy::LegacyLayer { index: 3, parameters }];
        let error = legacy::write(&path, &layers, IfExists::Refuse).unwrap_err();
        assert!(matches!(&error, Error::InvalidLayer { layer, .. } if layer == "layer_3"), "{error}");
        assert!(error.to_string().contains("param_1"), "{error}");
        assert!(!path.exists());
    }
}
