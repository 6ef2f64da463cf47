//! Examining images without decoding them, against decoding them.

use std::collections::BTreeMap;
use std::fs;

use headstart_dataset::survey::{SurveyOptions, survey};
use headstart_dataset::{
    Colour, Dataset, Depth, Format, ImageInfo, Limits, Loader, LoaderOptions, Preprocessing, Preset, decode,
    examine,
};
use proptest::prelude::*;

use crate::golden::{Golden, cases, number, text};
use crate::hostile::{golden_file, png_claiming, tiff_with};

fn info_of(bytes: &[u8]) -> ImageInfo {
    examine(bytes, &Limits::default(), Depth::Structure).unwrap()
}

#[test]
fn every_golden_image_is_as_whole_and_as_large_as_it_is() {
    let golden = Golden::of("decode");
    for case in cases(&golden.index()) {
        let (name, bytes) = (text(case, "name"), golden.bytes(text(case, "file")));
        let info = info_of(&bytes);
        let (mut width, mut height) = (info.width as usize, info.height as usize);
        // The golden is of a TIFF that was turned upright.
        if name.starts_with("tiff-exif-6") {
            (width, height) = (height, width);
        }
        assert_eq!((width, height), (number(case, "width"), number(case, "height")), "{name}");
        assert_eq!(info.short, case["short"] == true, "{name}");
        assert_eq!(examine(&bytes, &Limits::default(), Depth::Pixels).unwrap(), info, "{name}");
    }
}

#[test]
fn colours_bits_alpha_and_orientation_are_those_of_the_header() {
    use Colour::{Cmyk, Grey, Palette, Rgb};
    for (file, colour, bits, alpha) in [
        ("png-1.png", Grey, 1, false),
        ("png-l2.png", Grey, 2, false),
        ("png-l-transparent.png", Grey, 8, true),
        ("png-i16.png", Grey, 16, false),
        ("png-la16.png", Grey, 16, true),
        ("png-p4.png", Palette, 4, false),
        ("png-p-transparent.png", Palette, 4, true),
        ("png-rgb.png", Rgb, 8, false),
        ("png-rgba16.png", Rgb, 16, true),
        ("jpeg-l.jpg", Grey, 8, false),
        ("jpeg-420-progressive.jpg", Rgb, 8, false),
        ("jpeg-cmyk.jpg", Cmyk, 8, false),
        ("jpeg-ycck.jpg", Cmyk, 8, false),
        ("bmp-p4.bmp", Palette, 4, false),
        ("bmp-rle8.bmp", Palette, 8, false),
        ("bmp-rgb565.bmp", Rgb, 5, false),
        ("bmp-rgb.bmp", Rgb, 8, false),
        ("bmp-v4-rgba.bmp", Rgb, 8, true),
        ("bmp-os2-p.bmp", Palette, 8, false),
        ("gif-p.gif", Palette, 8, false),
        ("gif-small-transparent.gif", Palette, 8, true),
        ("pbm.pbm", Grey, 1, false),
        ("pgm-65535.pgm", Grey, 16, false),
        ("pgm-7.pgm", Grey, 8, false),
        ("ppm-plain-1000.ppm", Rgb, 16, false),
        ("ppm.ppm", Rgb, 8, false),
        ("tiff-1-g4.tif", Grey, 1, false),
        ("tiff-f32.tif", Grey, 32, false),
        ("tiff-la.tif", Grey, 8, true),
        ("tiff-p4.tif", Palette, 4, false),
        ("tiff-cmyk16.tif", Cmyk, 16, false),
        ("tiff-rgba.tif", Rgb, 8, true),
        ("tiff-rgb-planar.tif", Rgb, 8, false),
        ("webp-rgba.webp", Rgb, 8, true),
        ("webp-lossy.webp", Rgb, 8, false),
    ] {
        let info = info_of(&golden_file(file));
        assert_eq!((info.colour, info.bits, info.alpha), (colour, bits, alpha), "{file}");
        assert!(!info.turned, "{file}");
        let (promised, content) = (Format::of_name(file), info.format);
        assert_eq!(promised.unwrap_or(Format::Pnm), content, "{file}");
    }
    for (file, turned) in [
        ("jpeg-exif-1.jpg", false),
        ("jpeg-exif-2.jpg", true),
        ("jpeg-exif-8.jpg", true),
        ("png-exif-6.png", true),
        ("webp-exif-8.webp", true),
        // It is turned whatever a preset says.
        ("tiff-exif-6.tif", false),
    ] {
        assert_eq!(info_of(&golden_file(file)).turned, turned, "{file}");
    }
}

#[test]
fn a_file_that_lacks_only_what_decoders_do_not_need_is_short_and_no_error() {
    let png = golden_file("png-rgb.png");
    let mut info = info_of(&png[..png.len() - 4]);
    assert!(info.short);
    info.short = false;
    assert_eq!(info, info_of(&png));
    assert!(decode(&png[..png.len() - 4], &Limits::default()).is_ok());
}

/// Broken, odd and whole files, by name.
fn hostile_files() -> BTreeMap<String, Vec<u8>> {
    let golden = Golden::of("decode");
    let index = golden.index();
    let mut files = BTreeMap::new();
    for case in cases(&index) {
        let (name, bytes) = (text(case, "name"), golden.bytes(text(case, "file")));
        let len = bytes.len();
        for kept in [1, 3, 10, 20, 40, len / 4, len / 2, len - 20, len - 12, len - 2, len - 1, len] {
            files.insert(format!("{name}-cut-{kept}"), bytes[..kept.min(len)].to_vec());
        }
        for at in [4, 9, 16, 25, len / 3, len / 2, len - 6] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x5A;
            files.insert(format!("{name}-damaged-{at}"), damaged);
        }
        files.insert(format!("{name}-followed"), [&bytes[..], b"more"].concat());
    }
    for (width, height) in [(60_000, 60_000), (0, 5), (65_536, 1), (17, 14)] {
        files.insert(format!("png-claims-{width}x{height}"), png_claiming(width, height));
    }
    for (name, tag, values) in [
        ("tiff-rgb.tif", 259, [1, 6, 7]),
        ("tiff-rgb.tif", 262, [3, 6, 8]),
        ("tiff-rgb.tif", 277, [1, 2, 4]),
        ("tiff-i16-big-endian.tif", 262, [0, 3, 5]),
        ("tiff-fill-order-1.tif", 266, [0, 2, 7]),
        ("tiff-l.tif", 258, [4, 12, 16]),
    ] {
        for value in values {
            files.insert(format!("{name}-{tag}-{value}"), tiff_with(name, tag, value));
        }
    }
    let mut masks = golden_file("bmp-rgb565.bmp");
    masks[54..58].copy_from_slice(&0x0F00u32.to_le_bytes());
    files.insert("bmp-masks".to_owned(), masks);
    for (number, text) in [
        "",
        "<html>",
        "GIF89a\x01\x00\x01\x00",
        "GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        "P3 1 1 0 1 2 3",
        "P3 1 1 7 1 2 8",
        "P1 2 1 0 2",
        "P6 ",
    ]
    .into_iter()
    .enumerate()
    {
        files.insert(format!("text-{number}"), text.into());
    }
    files
}

/// What an extraction skips, and why.
fn skipped(dataset: &Dataset) -> Vec<(String, String)> {
    let preprocessing = Preprocessing::preset(Preset::Blog, 8, 8);
    let batches = Loader::new(dataset.clone(), preprocessing, LoaderOptions::default()).unwrap();
    batches.flat_map(|batch| batch.skipped).map(|skipped| (skipped.path, skipped.reason)).collect()
}

/// What a survey calls broken, and why.
fn broken(dataset: &Dataset, depth: Depth) -> Vec<(String, String)> {
    let options = SurveyOptions::default().with_depth(depth);
    let survey = survey(dataset.clone(), &options, || {});
    let faults = survey.images.into_iter().zip(&dataset.samples);
    faults.filter_map(|(image, sample)| Some((sample.path.clone(), image.err()?.reason))).collect()
}

#[test]
fn decoding_finds_exactly_what_extraction_skips_and_structure_gives_no_false_alarm() {
    let root = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(root.path().join(class)).unwrap();
    }
    let files = hostile_files();
    for (name, bytes) in &files {
        fs::write(root.path().join(format!("a/{name}.png")), bytes).unwrap();
    }
    fs::write(root.path().join("b/gone.png"), golden_file("png-l.png")).unwrap();
    let dataset = Dataset::folder(root.path()).unwrap();
    assert_eq!(dataset.samples.len(), files.len() + 1);
    fs::remove_file(root.path().join("b/gone.png")).unwrap();

    let skipped = skipped(&dataset);
    assert!(skipped.iter().any(|(path, reason)| path == "b/gone.png" && reason.contains("can't read")));
    assert!(skipped.len() > 500, "{} of {}", skipped.len(), files.len());
    assert!(skipped.len() + 100 < files.len(), "{} of {}", skipped.len(), files.len());
    assert_eq!(broken(&dataset, Depth::Pixels), skipped);

    let by_structure = broken(&dataset, Depth::Structure);
    for fault in &by_structure {
        assert!(skipped.contains(fault), "a false alarm or another reason: {fault:?}");
    }
    // Files that are cut short need no decoding to be found.
    let cut = |(path, _): &&(String, String)| path.contains("-cut-");
    let missed: Vec<_> = skipped.iter().filter(cut).filter(|fault| !by_structure.contains(fault)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_broken_by_structure_is_broken_when_decoded(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let golden = Golden::of("decode");
        let index = golden.index();
        let mut bytes = golden.bytes(text(which.get(cases(&index)), "file"));
        for (at, byte) in damage {
            // Half of the damage goes to the first bytes, where headers lie.
            let end = if byte % 2 == 0 { bytes.len() } else { bytes.len().min(100) };
            bytes[at.index(end)] = byte;
        }
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        let limits = Limits::default().with_max_pixels(10_000).with_max_bytes_of_memory(1 << 20);
        let told = |result: Result<(), headstart_dataset::DecodeError>| result.err().map(|error| error.to_string());
        let decoded = told(decode(&bytes, &limits).map(drop));
        let structure = told(examine(&bytes, &limits, Depth::Structure).map(drop));
        prop_assert!(structure.is_none() || structure == decoded, "{structure:?}, decoded {decoded:?}");
        prop_assert_eq!(told(examine(&bytes, &limits, Depth::Pixels).map(drop)), decoded);
    }
}
