//! Findings about folders.

use std::fs;
use std::path::Path;

use headstart_dataset::diagnosis::{
    Diagnosis, FEW_IMAGES_PER_CLASS as FEW_IMAGES, Finding, Folder, IMBALANCE, Place, STRONG_IMBALANCE,
    Severity, Split, What, diagnose,
};
use headstart_dataset::survey::{SurveyOptions, survey};
use headstart_dataset::{Dataset, Format};
use tempfile::TempDir;

use crate::hostile::golden_file;

/// An image of 40 x 40 whose bytes differ from those of another number.
fn pixels(number: usize) -> Vec<u8> {
    [format!("P6 40 40 255\n#{number:05}\n").as_bytes(), &[number as u8; 3 * 40 * 40]].concat()
}

/// A folder that tests put files into.
struct Images(TempDir);

impl Images {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Two balanced classes, numbered from `first`.
    fn good(first: usize) -> Self {
        Self::new().class("cats", first, FEW_IMAGES).class("dogs", first + FEW_IMAGES, FEW_IMAGES)
    }

    fn class(self, name: &str, first: usize, count: usize) -> Self {
        fs::create_dir_all(self.path().join(name)).unwrap();
        (first..first + count)
            .fold(self, |images, number| images.with(&format!("{name}/{number}.ppm"), &pixels(number)))
    }

    fn with(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn folder(&self, split: Split) -> Folder {
        let dataset = Dataset::folder(self.path());
        let survey = dataset.map(|dataset| survey(dataset, &SurveyOptions::default(), || {}));
        Folder { split, survey }
    }
}

fn alone(images: &Images) -> Diagnosis {
    diagnose(&[images.folder(Split::Images)])
}

fn both(images: &Images, validation: &Images) -> Diagnosis {
    diagnose(&[images.folder(Split::Images), validation.folder(Split::Validation)])
}

fn kinds(diagnosis: &Diagnosis) -> Vec<(Severity, What, usize)> {
    diagnosis.findings.iter().map(|finding| (finding.severity, finding.what, finding.count)).collect()
}

fn finding(diagnosis: &Diagnosis, what: What) -> &Finding {
    let found = diagnosis.findings.iter().find(|finding| finding.what == what);
    found.unwrap_or_else(|| panic!("{what:?} in {:?}", kinds(diagnosis)))
}

/// Places of each entry, as `v:` and the path for those of the validation folder.
fn places(finding: &Finding) -> Vec<Vec<String>> {
    let place = |place: &Place| match place.split {
        Split::Images => place.path.clone(),
        Split::Validation => format!("v:{}", place.path),
    };
    finding.entries.iter().map(|entry| entry.places.iter().map(place).collect()).collect()
}

fn detail(finding: &Finding) -> &str {
    finding.entries[0].detail.as_deref().unwrap()
}

#[test]
fn good_folders_have_no_findings() {
    let diagnosis = both(&Images::good(0), &Images::good(100));
    assert_eq!(kinds(&diagnosis), []);
    assert!(diagnosis.is_usable());
    let [folder, _] = &diagnosis.folders[..] else { panic!("{:?}", diagnosis.folders) };
    assert_eq!(folder.images, 2 * FEW_IMAGES);
    assert_eq!(folder.formats.iter().collect::<Vec<_>>(), [(&Format::Pnm, &(2 * FEW_IMAGES))]);
    assert_eq!((folder.classes[1].name.as_str(), folder.classes[1].readable), ("dogs", FEW_IMAGES));
}

#[test]
fn photographs_of_formats_that_are_not_read_are_a_warning() {
    let mut images =
        Images::good(0).with("cats/notes.txt", b"words").with("cats/raw.dng", b"II*\0\x08\0\0\0");
    for number in 0..40 {
        images = images.with(&format!("cats/{number}.HEIC"), b"\0\0\0\x18ftypheic");
    }
    // By content it would be read.
    let images = images.with("dogs/jpeg.heic", &golden_file("jpeg-420.jpg"));
    let diagnosis = alone(&images);
    let warning = |what, count| (Severity::Warning, what, count);
    let expected = [
        warning(What::UntakenExtension, 1),
        warning(What::UnreadFormat, 41),
        (Severity::Note, What::OtherFile, 1),
    ];
    let mut found = kinds(&diagnosis);
    found.sort_by_key(|(severity, what, _)| (*severity, *what));
    let mut sorted = expected.to_vec();
    sorted.sort_by_key(|(severity, what, _)| (*severity, *what));
    assert_eq!(found, sorted);
    assert_eq!(detail(finding(&diagnosis, What::UnreadFormat)), "HEIC");
}

#[test]
fn classes_that_hold_the_same_folders_are_a_warning() {
    let mut images = Images::new();
    for (number, class) in
        ["train/cats", "train/dogs", "validation/cats", "validation/dogs"].into_iter().enumerate()
    {
        images = images.class(class, number * FEW_IMAGES, FEW_IMAGES);
    }
    let diagnosis = alone(&images);
    assert_eq!(kinds(&diagnosis), [(Severity::Warning, What::NestedClasses, 1)]);
    assert_eq!(places(finding(&diagnosis, What::NestedClasses)), [["train", "validation"]]);
    assert_eq!(detail(finding(&diagnosis, What::NestedClasses)), "they hold cats, dogs");
}

#[test]
fn the_class_that_is_probably_meant_is_named() {
    let images = Images::good(0).class("caf\u{e9}", 40, FEW_IMAGES);
    let validation = Images::new().class("cats", 100, FEW_IMAGES).class("dgos", 120, FEW_IMAGES).class(
        "cafe\u{301}",
        140,
        FEW_IMAGES,
    );
    let diagnosis = both(&images, &validation);
    let details: Vec<&str> = finding(&diagnosis, What::ClassOnOneSide)
        .entries
        .iter()
        .map(|entry| entry.detail.as_deref().unwrap())
        .collect();
    assert!(
        details.contains(&"\"dogs\" is not in the validation folder; did you mean \"dgos\"?"),
        "{details:?}"
    );
    assert!(
        details.contains(&"\"dgos\" is not in the training folder; did you mean \"dogs\"?"),
        "{details:?}"
    );
    assert_eq!(details.iter().filter(|detail| detail.contains("Unicode form")).count(), 2, "{details:?}");
    // Within one folder, too.
    let images = Images::good(0).class("caf\u{e9}", 40, FEW_IMAGES).class("cafe\u{301}", 60, FEW_IMAGES);
    assert_eq!(finding(&alone(&images), What::SimilarClassNames).count, 1);
}

#[test]
fn what_extraction_would_skip_is_an_error_of_its_kind() {
    let jpeg = golden_file("jpeg-420.jpg");
    let images = Images::good(0)
        .with("cats/a.jpg", b"")
        .with("cats/b.jpg", b"<html>")
        .with("cats/c.jpg", &jpeg[..jpeg.len() / 2])
        .with("cats/d.ppm", b"P6 0 5 255\n")
        .with("cats/e.ppm", b"P6 60000 60000 255\n")
        .with("cats/f.tif", &crate::hostile::tiff_with("tiff-rgb.tif", 259, 7));
    let diagnosis = alone(&images);
    use What::{CorruptImage, EmptyFile, TooLargeImage, TruncatedImage, UnknownContent, UnsupportedImage};
    let whats = [EmptyFile, UnknownContent, TruncatedImage, CorruptImage, UnsupportedImage, TooLargeImage];
    assert_eq!(kinds(&diagnosis), whats.map(|what| (Severity::Error, what, 1)));
    assert_eq!(places(finding(&diagnosis, TruncatedImage)), [["cats/c.jpg"]]);
    assert!(detail(finding(&diagnosis, TruncatedImage)).contains("end-of-image"));
    assert!(diagnosis.is_usable());
    let cats = &diagnosis.folders[0].classes[0];
    assert_eq!((cats.images, cats.readable), (FEW_IMAGES + 6, FEW_IMAGES));
}

#[test]
fn folders_that_hold_no_dataset_are_unusable() {
    let one = Images::new().class("cats", 0, 3);
    let diagnosis = both(&one, &Images::good(0));
    assert_eq!(kinds(&diagnosis), [(Severity::Error, What::UnusableFolder, 1)]);
    assert!(detail(&diagnosis.findings[0]).contains("at least two class folders"));
    assert!(!diagnosis.is_usable());
    assert_eq!(diagnosis.folders[0].split, Split::Validation);

    let broken = Images::new().with("a/1.png", b"no").with("b/1.png", b"no");
    let diagnosis = alone(&broken);
    assert!(!diagnosis.is_usable());
    assert_eq!(detail(finding(&diagnosis, What::NoReadableImage)), "none of 2 images can be read");
    assert_eq!(finding(&diagnosis, What::EmptyClass).count, 2);
    assert_eq!(diagnosis.folders[0].sizes, None);
}

#[test]
fn the_same_image_in_both_folders_is_a_leak() {
    let (images, validation) =
        (Images::good(0), Images::good(100).with("dogs/copy.bmp", &pixels(FEW_IMAGES)));
    let diagnosis = both(&images, &validation);
    let leak = finding(&diagnosis, What::Leak);
    assert_eq!(
        (leak.severity, places(leak)),
        (Severity::Warning, vec![vec!["dogs/10.ppm".to_owned(), "v:dogs/copy.bmp".to_owned()]])
    );
    assert!(!diagnosis.findings.iter().any(|finding| finding.what == What::TwoLabels));
}

#[test]
fn the_same_image_under_two_labels_is_a_warning_within_a_folder_and_across() {
    let (images, validation) = (Images::good(0).with("dogs/cat.ppm", &pixels(3)), Images::good(100));
    let diagnosis = both(&images, &validation);
    assert_eq!(kinds(&diagnosis), [(Severity::Warning, What::TwoLabels, 1)]);
    assert_eq!(places(&diagnosis.findings[0]), [["cats/3.ppm", "dogs/cat.ppm"]]);

    let (images, validation) = (Images::good(0), Images::good(100).with("dogs/cat.ppm", &pixels(3)));
    let diagnosis = both(&images, &validation);
    assert_eq!(
        kinds(&diagnosis),
        [(Severity::Warning, What::Leak, 1), (Severity::Warning, What::TwoLabels, 1)]
    );
}

#[test]
fn copies_within_a_class_are_a_note() {
    let images = Images::good(0).with("cats/z.ppm", &pixels(3)).with("cats/y.ppm", &pixels(3));
    let diagnosis = alone(&images);
    assert_eq!(kinds(&diagnosis), [(Severity::Note, What::DuplicateImage, 1)]);
    assert_eq!(places(&diagnosis.findings[0]), [["cats/3.ppm", "cats/y.ppm", "cats/z.ppm"]]);
}

#[test]
fn broken_files_are_no_copies_of_each_other() {
    let images = Images::good(0).with("cats/a.png", b"").with("dogs/a.png", b"");
    assert_eq!(kinds(&alone(&images)), [(Severity::Error, What::EmptyFile, 2)]);
}

#[test]
fn class_sets_that_differ_are_told_with_the_name_that_was_meant() {
    let images = Images::good(0).class("birds", 300, FEW_IMAGES);
    let validation = Images::new().class("Cats ", 100, FEW_IMAGES).class("dogs", 200, FEW_IMAGES);
    let diagnosis = both(&images, &validation);
    let finding = finding(&diagnosis, What::ClassOnOneSide);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(places(finding), [["birds"], ["cats"], ["v:Cats "]]);
    let details: Vec<_> = finding.entries.iter().map(|entry| entry.detail.clone().unwrap()).collect();
    assert_eq!(
        details,
        [
            "\"birds\" is not in the validation folder",
            "\"cats\" is not in the validation folder; did you mean \"Cats \"?",
            "\"Cats \" is not in the training folder; did you mean \"cats\"?",
        ]
    );
}

// Such names can't stand side by side where case makes no difference.
#[cfg(target_os = "linux")]
#[test]
fn class_names_that_differ_only_in_case_or_space_are_told() {
    let images = Images::good(0).class("Dogs", 100, FEW_IMAGES).class("dogs ", 200, FEW_IMAGES);
    let diagnosis = alone(&images);
    assert_eq!(kinds(&diagnosis), [(Severity::Warning, What::SimilarClassNames, 1)]);
    assert_eq!(places(&diagnosis.findings[0]), [["Dogs", "dogs", "dogs "]]);
}

#[test]
fn empty_and_tiny_classes_are_told_and_tiny_is_a_note_where_validated() {
    let few = || Images::good(0).class("birds", 100, FEW_IMAGES - 1).class("none", 0, 0);
    let warning = |what| (Severity::Warning, what, 1);
    assert_eq!(kinds(&alone(&few())), [warning(What::EmptyClass), warning(What::TinyClass)]);

    let diagnosis = diagnose(&[few().folder(Split::Validation)]);
    assert_eq!(kinds(&diagnosis), [warning(What::EmptyClass), (Severity::Note, What::TinyClass, 1)]);
}

#[test]
fn imbalance_is_a_note_beyond_3_to_1_and_a_warning_beyond_10_to_1() {
    let of = |times: usize, more: usize| {
        let images = Images::new().class("a", 0, FEW_IMAGES).class("b", 100, FEW_IMAGES * times + more);
        kinds(&alone(&images))
    };
    assert_eq!(of(IMBALANCE, 0), []);
    assert_eq!(of(IMBALANCE, 1), [(Severity::Note, What::Imbalance, 1)]);
    assert_eq!(of(STRONG_IMBALANCE, 0), [(Severity::Note, What::Imbalance, 1)]);
    assert_eq!(of(STRONG_IMBALANCE, 1), [(Severity::Warning, What::Imbalance, 1)]);
}

#[test]
fn images_left_out_by_their_extension_are_told_apart_from_other_files() {
    let images = Images::good(0)
        .with("cats/a.pgm", &golden_file("pgm.pgm"))
        .with("cats/b.jfif", &golden_file("jpeg-420.jpg"))
        .with("cats/notes.txt", b"words")
        .with("cats/.hidden.png", b"")
        .with("loose.png", b"");
    let diagnosis = alone(&images);
    let note = |what| (Severity::Note, what, 1);
    let expected = [
        (Severity::Warning, What::UntakenExtension, 2),
        note(What::Hidden),
        note(What::LooseFile),
        note(What::OtherFile),
    ];
    assert_eq!(kinds(&diagnosis), expected);
    assert_eq!(places(finding(&diagnosis, What::UntakenExtension)), [["cats/a.pgm"], ["cats/b.jfif"]]);
    assert_eq!(places(finding(&diagnosis, What::OtherFile)), [["cats/notes.txt"]]);
}

#[test]
fn traits_of_images_are_notes() {
    let images = Images::good(0)
        .with("cats/a.jpg", &golden_file("png-rgba16.png"))
        .with("cats/b.jpg", &golden_file("jpeg-exif-6.jpg"))
        .with("cats/c.jpg", &golden_file("jpeg-cmyk.jpg"))
        .with("cats/d.bmp", &golden_file("bmp-p.bmp"))
        .with("cats/e.png", &golden_file("png-l.png"));
    let diagnosis = alone(&images);
    let one = |what: What, path: &str| {
        let finding = finding(&diagnosis, what);
        assert_eq!((finding.severity, places(finding)), (Severity::Note, vec![vec![path.to_owned()]]));
    };
    one(What::WrongExtension, "cats/a.jpg");
    one(What::AlphaChannel, "cats/a.jpg");
    one(What::DeepImage, "cats/a.jpg");
    one(What::TurnedImage, "cats/b.jpg");
    one(What::CmykImage, "cats/c.jpg");
    one(What::PaletteImage, "cats/d.bmp");
    one(What::GreyImage, "cats/e.png");
    assert!(finding(&diagnosis, What::SmallImage).count >= 3);
    let sizes = diagnosis.folders[0].sizes.as_ref().unwrap();
    assert_eq!((sizes.median_width, sizes.median_height), (40, 40));
    assert_eq!((sizes.smallest.path.as_str(), sizes.smallest.width), ("cats/b.jpg", 19));
}

#[test]
fn the_worst_stands_first() {
    let images = Images::good(0).class("birds", 100, 1).with("cats/a.png", b"").with("cats/.b", b"");
    let severities: Vec<Severity> = alone(&images).findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Note, Severity::Note]);
}
