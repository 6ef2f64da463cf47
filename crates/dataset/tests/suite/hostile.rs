//! Files that are broken, mislabelled or meant to harm.

use std::fs;

use headstart_dataset::{
    DecodeError, ErrorKind, Limit, Limits, Preprocessing, Preset, decode, decode_upright, load_file,
};
use proptest::prelude::*;

use crate::golden::{Golden, cases, text};

fn small() -> Limits {
    Limits::default().with_max_pixels(10_000).with_max_bytes_of_memory(1 << 20)
}

pub(crate) fn golden_file(name: &str) -> Vec<u8> {
    Golden::of("decode").bytes(&format!("images/{name}"))
}

fn failure(bytes: &[u8]) -> DecodeError {
    decode(bytes, &Limits::default()).unwrap_err()
}

/// A PNG file that claims a size, and has no pixels.
pub(crate) fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = golden_file("png-rgb.png");
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

/// A golden TIFF with another value in a 16-bit tag of its directory.
pub(crate) fn tiff_with(name: &str, tag: u16, value: u16) -> Vec<u8> {
    let mut tiff = golden_file(name);
    let order = if tiff.starts_with(b"MM") { u16::to_be_bytes } else { u16::to_le_bytes };
    // Tag, type 3 (a short).
    let entry = [order(tag), order(3)].concat();
    let at = tiff.windows(4).position(|found| found == entry).unwrap() + 8;
    tiff[at..at + 2].copy_from_slice(&order(value));
    tiff
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn content_decides_and_not_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really-a-png.jpg");
    fs::write(&path, golden_file("png-rgb.png")).unwrap();
    let preprocessing = Preprocessing::preset(Preset::Blog, 13, 17);
    let mut out = vec![0.0; preprocessing.len()];
    load_file(&path, &preprocessing, &Limits::default(), &mut out).unwrap();
    assert_eq!(out[0], f32::from(Golden::of("decode").bytes("rgb/png-rgb.rgb")[0]) * (1.0 / 255.0));
}

#[test]
fn no_image_is_told_for_what_it_is() {
    assert!(matches!(failure(b""), DecodeError::Empty));
    for (content, found) in [
        (&b"<html>\n not found"[..], "found a web page (HTML)"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "found a Git LFS pointer, not the file itself: run",
        ),
        (b"\0\0\0\x18ftypheic", "found HEIC, which is not read: convert it to JPEG"),
        (b"P", "found text, not an image"),
    ] {
        let failure = failure(content);
        assert!(matches!(failure, DecodeError::UnknownFormat { .. }), "{failure}");
        assert!(failure.to_string().contains(found), "{failure}");
    }
    assert!(matches!(failure(b"P6 "), DecodeError::Truncated { .. }));
}

/// Every prefix of every golden file either fails, or is so long that nothing of the image is missing. Only in plain
/// text a cut can go unnoticed: it may shorten the very last number.
#[test]
fn truncated_images_fail_and_never_become_half_a_picture() {
    let golden = Golden::of("decode");
    for case in cases(&golden.index()) {
        let bytes = golden.bytes(text(case, "file"));
        let name = text(case, "name");
        let whole = decode(&bytes, &small()).unwrap().into_raw();
        let sure = if name.contains("plain") { whole.len() - 3 } else { whole.len() };
        for len in 0..bytes.len() {
            let decoded = decode(&bytes[..len], &small());
            assert!(!matches!(decoded, Err(DecodeError::Panicked { .. })), "{name} cut to {len}");
            if let Ok(image) = decoded {
                assert!(
                    image.as_raw()[..sure] == whole[..sure],
                    "{name} cut to {len} of {} bytes",
                    bytes.len()
                );
            }
        }
    }
}

#[test]
fn a_jpeg_without_its_end_is_truncated() {
    let jpeg = golden_file("jpeg-420.jpg");
    for missing in [1, 2, jpeg.len() / 2] {
        let cut = failure(&jpeg[..jpeg.len() - missing]);
        assert!(matches!(cut, DecodeError::Truncated { format: "JPEG", .. }), "{cut}");
    }
    let followed = [&jpeg[..], b"what a camera appends"].concat();
    assert!(decode(&followed, &Limits::default()).is_ok());
}

#[test]
fn an_image_of_too_many_pixels_is_refused_from_its_header() {
    let bomb = failure(&png_claiming(60_000, 60_000));
    assert!(matches!(bomb, DecodeError::TooManyPixels { width: 60_000, height: 60_000, .. }), "{bomb}");
    let pnm = failure(b"P6 4000000000 4000000000 255\n");
    assert!(matches!(pnm, DecodeError::TooManyPixels { .. }), "{pnm}");

    let mut bmp = golden_file("bmp-rgb555.bmp");
    bmp[18..22].copy_from_slice(&0x4000_0000u32.to_le_bytes());
    assert!(matches!(failure(&bmp), DecodeError::TooManyPixels { .. }));

    let tight = Limits::default().with_max_pixels(17 * 13 - 1);
    for case in cases(&Golden::of("decode").index()).iter().filter(|case| case["lossy"] == false) {
        let refused = decode(&Golden::of("decode").bytes(text(case, "file")), &tight);
        assert!(matches!(refused, Err(DecodeError::TooManyPixels { .. })), "{}", text(case, "name"));
    }
}

#[test]
fn an_image_of_no_pixels_is_corrupt() {
    for pnm in [&b"P6 0 5 255\n"[..], b"P4 5 0\n"] {
        assert!(matches!(failure(pnm), DecodeError::Corrupt { .. }));
    }
    assert!(decode(&png_claiming(0, 5), &Limits::default()).is_err());
}

/// What the documentation of the limit counts: copies of the file, and bytes a pixel.
#[test]
fn file_samples_and_copies_count_as_one_sum_against_the_memory() {
    for (file, file_copies, pixels, bytes_per_pixel) in [
        ("png-rgb.png", 1, 17 * 13, 3 + 3),
        ("png-l.png", 1, 17 * 13, 3 + 3),
        ("png-rgba16.png", 1, 17 * 13, 8 + 3),
        ("bmp-rgb.bmp", 1, 17 * 13, 3 + 3),
        ("bmp-rgb565.bmp", 1, 17 * 13, 3 + 3),
        ("ppm-65535.ppm", 1, 17 * 13, 3 + 3),
        ("tiff-rgb.tif", 1, 17 * 13, 3 + 3),
        ("tiff-cmyk16.tif", 1, 17 * 13, 8 + 3),
        ("tiff-rgb-planar.tif", 1, 17 * 13, 3 + 3),
        ("tiff-p4.tif", 1, 17 * 13, 3 + 3),
        ("jpeg-444.jpg", 2, 33 * 47, 3 + 3),
    ] {
        let bytes = golden_file(file);
        let needed = file_copies * bytes.len() as u64 + pixels * bytes_per_pixel;
        let limited =
            |bytes_of_memory| decode(&bytes, &Limits::default().with_max_bytes_of_memory(bytes_of_memory));
        assert!(limited(needed).is_ok(), "{file}: {:?}", limited(needed));
        let refused = limited(needed - 1);
        assert!(matches!(refused, Err(DecodeError::TooMuchMemory { .. })), "{file}: {refused:?}");
    }
}

#[test]
fn the_default_limits_have_room_for_the_largest_image_that_pillow_opens() {
    let Limits { max_pixels, max_bytes_of_memory, .. } = Limits::default();
    assert!(max_pixels * (3 + 3) < max_bytes_of_memory);
}

#[test]
fn a_file_larger_than_the_memory_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.png");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let preprocessing = Preprocessing::preset(Preset::Blog, 2, 2);
    let refused = load_file(&path, &preprocessing, &Limits::default(), &mut [0.0; 12]);
    assert!(matches!(refused, Err(DecodeError::FileTooLarge { bytes: 0x100_0000_0000, .. })), "{refused:?}");
    let refused = load_file(folder.path(), &preprocessing, &Limits::default(), &mut [0.0; 12]);
    assert!(matches!(refused, Err(DecodeError::NotAFile)), "{refused:?}");
    let refused =
        load_file(&folder.path().join("none.png"), &preprocessing, &Limits::default(), &mut [0.0; 12]);
    assert!(matches!(refused, Err(DecodeError::Read(_))), "{refused:?}");
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(std::error::Error::source(&error).is_none(), "its message states the cause");
}

#[test]
fn an_endless_line_is_refused() {
    for (width, height) in [(65_536, 1), (1, 65_536), (178_956_970, 1)] {
        let refused = failure(&png_claiming(width, height));
        assert!(
            matches!(refused, DecodeError::TooLong { limit: 65_535, .. }),
            "{width} x {height}: {refused}"
        );
    }
}

/// The decoder would set memory aside for them first.
#[test]
fn tags_that_claim_more_than_the_file_has_are_refused() {
    for (tag, kind) in [(258, 3), (273, 4), (279, 4)] {
        let mut tiff = golden_file("tiff-rgb.tif");
        let entry = [u16::to_le_bytes(tag), u16::to_le_bytes(kind)].concat();
        let at = tiff.windows(4).position(|found| found == entry).unwrap() + 4;
        tiff[at..at + 4].copy_from_slice(&(1u32 << 26).to_le_bytes());
        let refused = failure(&tiff);
        assert!(matches!(&refused, DecodeError::Truncated { format: "TIFF", .. }), "{refused}");
        let claim =
            format!("tag {tag} claims {} bytes, the file has {}", u64::from(kind - 2) << 27, tiff.len());
        assert!(refused.to_string().contains(&claim), "{refused}");
        assert_eq!(refused.limit(), None);
    }
}

#[test]
fn the_limit_that_refused_an_image_is_told() {
    let limit = |limits: Limits| decode(&golden_file("png-rgb.png"), &limits).unwrap_err().limit();
    let all = Limits::default();
    assert_eq!(limit(all.with_max_pixels(220)), Some(Limit::Pixels));
    assert_eq!(limit(all.with_max_side(16)), Some(Limit::Side));
    assert_eq!(limit(all.with_max_bytes_of_memory(1_000)), Some(Limit::Memory));
    assert_eq!(failure(b"").limit(), None);
}

#[test]
fn jpeg_within_tiff_is_named() {
    for compression in [6, 7] {
        let refused = failure(&tiff_with("tiff-rgb.tif", 259, compression));
        assert!(matches!(&refused, DecodeError::Unsupported { format: "TIFF", .. }), "{refused}");
        let message = format!("JPEG compression (Compression {compression})");
        assert!(refused.to_string().contains(&message), "{refused}");
    }
}

#[test]
fn codings_of_jpeg_that_are_not_read_are_named() {
    let jpeg = golden_file("jpeg-444.jpg");
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    for (at, value, name) in
        [(1, 0xC9, "arithmetic coding"), (1, 0xC3, "lossless coding"), (4, 12, "samples of 12 bits")]
    {
        let mut changed = jpeg.clone();
        changed[frame + at] = value;
        let refused = failure(&changed);
        assert!(matches!(&refused, DecodeError::Unsupported { format: "JPEG", .. }), "{refused}");
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn palettes_of_more_than_8_bits_are_refused() {
    let mut tiff = tiff_with("tiff-i16-big-endian.tif", 262, 3);
    let palette = failure(&tiff).to_string();
    assert!(palette.contains("palette indices of 16 bits"), "{palette}");
    // Nor is a fill order guessed that there is not.
    tiff = tiff_with("tiff-fill-order-1.tif", 266, 3);
    assert!(matches!(failure(&tiff), DecodeError::Corrupt { .. }));
}

#[test]
fn a_variant_that_is_not_read_is_named() {
    for (photometric, name) in [(6, "YCbCr"), (8, "Lab"), (9, "Lab"), (10, "Lab")] {
        let refused = failure(&tiff_with("tiff-rgb.tif", 262, photometric));
        assert!(matches!(&refused, DecodeError::Unsupported { format: "TIFF", .. }), "{refused}");
        assert!(refused.to_string().contains(name), "{refused}");
    }

    let mut bmp = golden_file("bmp-rgb565.bmp");
    bmp[54..58].copy_from_slice(&0x0F00u32.to_le_bytes());
    let refused = failure(&bmp).to_string();
    assert!(refused.contains("masks [0f00, 07e0, 001f]"), "{refused}");
}

#[test]
fn malformed_pnm_is_corrupt() {
    for pnm in [
        "P3 1 1 0 1 2 3",
        "P3 1 1 70000 1 2 3",
        "P3 1 1 7 1 2 8",
        "P2 1 1 7 x",
        "P1 2 1 0 2",
        "P5 99999999999 1 255 ",
    ] {
        assert!(matches!(failure(pnm.as_bytes()), DecodeError::Corrupt { .. }), "{pnm}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damaged bytes may decode to anything or fail, but neither panic past `decode` nor take more than allowed.
    #[test]
    fn damaged_images_never_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let golden = Golden::of("decode");
        let index = golden.index();
        let mut bytes = golden.bytes(text(which.get(cases(&index)), "file"));
        for (at, byte) in damage {
            // Half of the damage goes to the first bytes, where headers lie.
            let end = if byte % 2 == 0 { bytes.len() } else { bytes.len().min(100) };
            bytes[at.index(end)] = byte;
        }
        let decoded = decode_upright(&bytes, &small());
        prop_assert!(!matches!(decoded, Err(DecodeError::Panicked { .. })), "{:?}", decoded);
        if let Ok(image) = decoded {
            prop_assert!(u64::from(image.width()) * u64::from(image.height()) <= small().max_pixels);
        }
    }

    #[test]
    fn random_pnm_headers_never_panic(text in "P[1-6][ \n#]{1,2}[0-9]{1,4}[ #\n][0-9]{1,11} ?[0-9]{0,6}\n[ -~]{0,30}") {
        let decoded = decode(text.as_bytes(), &small());
        prop_assert!(!matches!(decoded, Err(DecodeError::Panicked { .. })), "{:?}", decoded);
    }
}
