//! Features in memory are those of an extraction, whatever the images come in.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::ops::ControlFlow;

use common::{Place, root, small};
use headstart::{
    Backbone, Device, Error, ErrorKind, Extraction, Featurizer, ImageList, Observer, Pooling, Preprocessing,
    Preset, Progress, RgbPixels, Silent,
};

/// VGG16, whose batches all threads share, and EfficientNet-Lite2, where each thread has batches of its own.
fn networks() -> [(Backbone, Preprocessing); 2] {
    let lite2 = Backbone::open(root().join("data/weights/efficientnet_lite2.safetensors")).unwrap();
    let mirrored = Preprocessing { mirror: true, ..Preprocessing::preset(Preset::Inception, 64, 64) };
    [(common::backbone(), small()), (lite2.on(Device::Cpu), mirrored)]
}

fn files(place: &Place) -> ImageList {
    ImageList::new([place.path("images")], false, &mut Silent).unwrap()
}

#[test]
fn files_and_pixels_have_the_features_of_an_extraction() {
    let place = Place::new(6);
    let dataset = place.dataset();
    let decoded: Vec<image::RgbImage> = dataset
        .samples
        .iter()
        .map(|sample| image::open(dataset.path_of(sample)).unwrap().into_rgb8())
        .collect();
    let pixels: Vec<RgbPixels<'_>> = decoded
        .iter()
        .map(|image| RgbPixels::new(image.as_raw(), image.height() as usize, image.width() as usize).unwrap())
        .collect();
    for (name, (backbone, preprocessing)) in ["vgg.npy", "lite2.npy"].into_iter().zip(networks()) {
        let extraction = Extraction::new(&dataset, &backbone).preprocessing(preprocessing.clone());
        let extracted = extraction.to(place.path(name)).run(&mut Silent).unwrap();
        let features = extracted.features().unwrap();
        let mut expected = vec![0.0; features.features().rows() * features.features().row_len()];
        let rows: Vec<usize> = (0..features.features().rows()).collect();
        features.features().read_rows(&rows, &mut expected).unwrap();

        for batch_size in [1, 5, 32] {
            let featurizer = Featurizer::with(backbone.clone(), preprocessing.clone(), None).unwrap();
            let mut featurizer = featurizer.batch_size(batch_size);
            assert_eq!(featurizer.row_shape(), features.features().row_shape());
            assert_eq!(featurizer.provenance().unwrap(), extracted.provenance);
            assert!(
                featurizer.files(files(&place), false, &mut Silent).unwrap().values == expected,
                "{name} files"
            );
            assert!(featurizer.pixels(&pixels, &mut Silent).unwrap().values == expected, "{name} pixels");
        }
    }
}

#[test]
fn an_image_that_can_t_be_read_has_a_row_that_is_no_number() {
    let place = Place::new(6);
    std::fs::write(place.path("images/cats/3.png"), b"torn").unwrap();
    for (backbone, preprocessing) in networks() {
        let mut featurizer =
            Featurizer::with(backbone, preprocessing, Some(Pooling::Average)).unwrap().batch_size(4);
        let row_len = featurizer.row_shape()[0];
        let found = featurizer.files(files(&place), false, &mut Silent).unwrap();
        let unread: Vec<usize> = found.skipped.iter().map(|skipped| skipped.sample).collect();
        assert_eq!(unread, [3]);
        for (at, row) in found.values.chunks(row_len).enumerate() {
            assert_eq!(row.iter().all(|value| value.is_nan()), at == 3, "{at}");
            assert_eq!(row.iter().any(|value| value.is_nan()), at == 3, "{at}");
        }
        let error = featurizer.files(files(&place), true, &mut Silent).unwrap_err();
        assert!(matches!(&error, Error::Image { path, .. } if path.ends_with("cats/3.png")), "{error}");
    }
}

/// Ends a job at its first step.
struct Impatient;

impl Observer for Impatient {
    fn progress(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[test]
fn an_observer_ends_it() {
    let place = Place::new(6);
    let grey = [127; 8 * 8 * 3];
    for (backbone, preprocessing) in networks() {
        let mut featurizer = Featurizer::with(backbone, preprocessing, None).unwrap().batch_size(2);
        for ended in [
            featurizer.files(files(&place), false, &mut Impatient),
            featurizer.pixels(&[RgbPixels::new(&grey, 8, 8).unwrap(); 12], &mut Impatient),
        ] {
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert!(error.to_string().contains("of 12 images; nothing is kept"), "{error}");
        }
    }
}

#[test]
fn pixels_of_another_shape_are_refused() {
    for (values, height, width) in [(11, 2, 2), (0, 0, 4), (12, usize::MAX, 3)] {
        let error = RgbPixels::new(&vec![0; values], height, width).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().starts_with("images: expected pixels of shape"), "{error}");
    }
    let (backbone, preprocessing) = networks().into_iter().next().unwrap();
    let mut featurizer = Featurizer::with(backbone, preprocessing, None).unwrap();
    assert!(featurizer.pixels(&[], &mut Silent).unwrap().values.is_empty());
}
