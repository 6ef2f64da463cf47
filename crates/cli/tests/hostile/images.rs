//! Images: a hostile one is skipped with its reason, and its neighbours keep their rows and labels.

use std::collections::BTreeMap;

use crate::common::{Workplace, fails, weights};
use crate::{cut, golden, replaced, snapshot};

fn image(name: &str) -> Vec<u8> {
    golden(&format!("decode/images/{name}"))
}

/// A golden PNG with other bytes in its header, from the width on, and the checksum that goes with them.
fn png_claiming(name: &str, header: &[u8]) -> Vec<u8> {
    let mut png = image(name);
    png[16..16 + header.len()].copy_from_slice(header);
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    png_claiming("png-rgb.png", &[width.to_be_bytes(), height.to_be_bytes()].concat())
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

/// A little-endian golden TIFF whose tag of this type has another count and value.
fn tiff_with(name: &str, tag: u16, kind: u16, count: u32, value: u32) -> Vec<u8> {
    let mut tiff = image(name);
    let entry = [tag.to_le_bytes(), kind.to_le_bytes()].concat();
    let at = tiff.windows(4).position(|found| found == entry).unwrap() + 4;
    tiff[at..at + 8].copy_from_slice(&[count.to_le_bytes(), value.to_le_bytes()].concat());
    tiff
}

/// A golden JPEG with other bytes from its frame's marker on.
fn jpeg_with(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut jpeg = image("jpeg-444.jpg");
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap() + offset;
    jpeg[frame..frame + bytes.len()].copy_from_slice(bytes);
    jpeg
}

/// A golden TIFF whose directory is followed by so many without entries; none of them leads back to the first.
fn tiff_of_pages(empty: usize) -> Vec<u8> {
    let (mut tiff, next) = tiff_and_next("tiff-rgb.tif");
    let mut link = next;
    for _ in 0..empty {
        let page = tiff.len() as u32;
        tiff[link..link + 4].copy_from_slice(&page.to_le_bytes());
        tiff.extend([0; 6]);
        link = tiff.len() - 4;
    }
    tiff
}

/// A golden TIFF whose directory is followed by itself.
fn tiff_of_endless_pages() -> Vec<u8> {
    let (mut tiff, next) = tiff_and_next("tiff-rgb.tif");
    tiff.copy_within(4..8, next);
    tiff
}

/// A little-endian golden TIFF, and where its directory says which one follows.
fn tiff_and_next(name: &str) -> (Vec<u8>, usize) {
    let tiff = image(name);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(tiff[directory..directory + 2].try_into().unwrap()));
    let next = directory + 2 + 12 * entries;
    (tiff, next)
}

fn bmp_with(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut bmp = image("bmp-rgb.bmp");
    bmp[offset..offset + bytes.len()].copy_from_slice(bytes);
    bmp
}

/// With a byte in the middle of the file inverted.
fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    bytes
}

const NO_IMAGE: &str = "expected a PNG, JPEG, GIF, BMP, PNM, TIFF or WebP image, found";

/// Names, contents, and what the reason says.
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        // Nothing, or something else.
        ("empty.png", vec![], "the file is empty"),
        ("byte.png", vec![0x89], NO_IMAGE),
        ("zeros.png", vec![0; 512], NO_IMAGE),
        (
            "page.jpg",
            b"<!doctype html><html>404</html>".to_vec(),
            "found a web page (HTML), probably of a download",
        ),
        ("words.bmp", b"words".to_vec(), "found text, not an image"),
        (
            "phone.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            "found HEIC, which is not read: convert it to JPEG",
        ),
        (
            "pointer.jpg",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
            "found a Git LFS pointer, not the file itself: run \"git lfs pull\"",
        ),
        (
            "gif.png",
            b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec(),
            "GIF: the image is corrupt: it has no image",
        ),
        ("drawing.png", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), NO_IMAGE),
        ("archive.png", b"PK\x03\x04 an archive".to_vec(), NO_IMAGE),
        ("array.png", golden("npy/f4.npy"), NO_IMAGE),
        ("weights.png", golden("weights/legacy_f32.h5"), NO_IMAGE),
        ("magic.png", b"\x89PNG\r\n\x1a\n".to_vec(), "PNG: the image is truncated"),
        ("magic.jpg", vec![0xFF, 0xD8, 0xFF], "JPEG: the image is truncated"),
        ("magic.bmp", b"BM".to_vec(), "BMP: the image is truncated"),
        ("magic.tif", b"II*\0".to_vec(), "TIFF: the image is truncated"),
        ("magic.webp", b"RIFF\x04\0\0\0WEBP".to_vec(), "WebP: the image is truncated"),
        ("magic.ppm", b"P6 ".to_vec(), "PNM: the image is truncated"),
        // Cut in the middle.
        ("cut.png", cut(image("png-rgb.png")), "PNG: the image is truncated"),
        ("cut-interlaced.png", cut(image("png-rgb-interlaced.png")), "PNG: the image is truncated"),
        ("cut.jpg", cut(image("jpeg-444.jpg")), "the end-of-image marker is missing"),
        ("cut-progressive.jpg", cut(image("jpeg-420-progressive.jpg")), "JPEG: the image is truncated"),
        ("cut.bmp", cut(image("bmp-rgb.bmp")), "BMP: the image is truncated"),
        ("cut-rle.bmp", cut(image("bmp-rle8.bmp")), "BMP: the image is"),
        ("cut-565.bmp", cut(image("bmp-rgb565.bmp")), "BMP: the image is truncated"),
        ("cut.ppm", cut(image("ppm.ppm")), "PNM: the image is truncated"),
        ("cut.tif", cut(image("tiff-rgb.tif")), "TIFF: the image is truncated"),
        ("cut-lzw.tif", cut(image("tiff-rgb-lzw.tif")), "TIFF: the image is"),
        ("cut.webp", cut(image("webp-rgb.webp")), "WebP: the image is truncated"),
        ("cut-lossy.webp", cut(image("webp-lossy.webp")), "WebP: the image is truncated"),
        ("cut.gif", cut(image("gif-p.gif")), "GIF: the image is truncated"),
        // Damaged.
        ("damaged.png", flipped(image("png-rgb.png")), "PNG: the image is corrupt"),
        ("damaged-deflate.tif", flipped(image("tiff-rgb-deflate.tif")), "TIFF: the image is corrupt"),
        ("palette.png", replaced(image("png-p.png"), b"PLTE", b"pLTE"), "PNG: the image is corrupt"),
        (
            "depth.png",
            png_claiming("png-rgb.png", &[0, 0, 0, 17, 0, 0, 0, 13, 3]),
            "PNG: the image is corrupt",
        ),
        ("bits.bmp", bmp_with(28, &[7, 0]), "BMP: the image is corrupt"),
        ("maximum.ppm", b"P6 1 1 70000\n123456".to_vec(), "expected a maximum of 1 to 65535, found 70000"),
        ("sample.ppm", b"P3 1 1 7 1 2 8".to_vec(), "expected samples of 0 to 7, found 8"),
        ("size.ppm", b"P6 x 1 255\n123".to_vec(), "expected a number, found \"x\""),
        ("no-pixels.ppm", b"P6 0 5 255\n".to_vec(), "its size is 0 x 5"),
        ("no-pixels.png", png_of_size(0, 5), "PNG: the image is corrupt"),
        (
            "palette.tif",
            tiff_with("tiff-p.tif", 320, 3, 6, 8),
            "expected a colour map of 768 entries, found 6",
        ),
        ("directory.tif", b"II*\0\xff\xff\xff\x7f".to_vec(), "TIFF: the image is truncated"),
        ("endless-pages.tif", tiff_of_endless_pages(), "TIFF: the image is corrupt"),
        ("tag.tif", tiff_with("tiff-rgb.tif", 273, 4, 1 << 26, 8), "tag 273 claims 268435456 bytes"),
        // Kinds that are not read.
        ("arithmetic.jpg", jpeg_with(1, &[0xC9]), "arithmetic coding, which is not supported"),
        ("lossless.jpg", jpeg_with(1, &[0xC3]), "lossless coding, which is not supported"),
        ("ycbcr.tif", tiff_with("tiff-rgb.tif", 262, 3, 1, 6), "YCbCr"),
        ("jpeg.tif", tiff_with("tiff-rgb.tif", 259, 3, 1, 7), "JPEG compression (Compression 7)"),
        // Bombs: small files of huge images.
        (
            "bomb.png",
            png_of_size(60_000, 60_000),
            "60000 x 60000, more than the limit of 178956970 pixels; --max-pixels",
        ),
        (
            "bomb.jpg",
            jpeg_with(5, &[0xFF, 0xDC, 0xFF, 0xDC]),
            "65500 x 65500, more than the limit of 178956970 pixels",
        ),
        (
            "bomb.bmp",
            bmp_with(18, &[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0]),
            "60000 x 60000, more than the limit",
        ),
        (
            "bomb.ppm",
            b"P6 4000000000 4000000000 255\n".to_vec(),
            "4000000000 x 4000000000, more than the limit",
        ),
        ("bomb.tif", tiff_with("tiff-rgb.tif", 256, 4, 1, 1 << 30), "1073741824 x 13, more than the limit"),
        (
            "long.png",
            png_of_size(65_536, 1),
            "65536 x 1, with a side longer than the limit of 65535 pixels; --max-side",
        ),
        (
            "deep.png",
            png_claiming("png-rgba16.png", &[0, 0, 0x32, 0xC8, 0, 0, 0x32, 0xC8]),
            "more than the limit of 1610612736 bytes of memory; --max-image-memory raises it",
        ),
    ]
}

#[test]
fn hostile_images_are_skipped_with_their_reasons_and_shift_no_label() {
    let place = Workplace::new(1);
    let hostile = hostile();
    for (name, content, _) in &hostile {
        place.write(&format!("images/a/{name}"), content);
    }
    // Of many pages the first is read, so that this is an image like another.
    place.write("images/b/pages.tif", tiff_of_pages(1_000));

    let weights = weights();
    let weights = weights.to_str().unwrap();
    let arguments = ["extract", "images", "-o", "f.npy", "--weights", weights, "--size", "32x32"];
    let stderr = snapshot::adds(&place, &arguments, &["f.npy", "f.jsonl"], |assert| fails(assert, 3, &[]));
    let features = headstart_features::Features::open(&place.path("f.npy")).unwrap();
    let manifest = features.manifest().unwrap();
    let rows: Vec<_> = manifest.rows.iter().map(|row| (row.path.as_str(), row.label)).collect();
    assert_eq!(rows, [("a/0.png", 0), ("b/0.png", 1), ("b/pages.tif", 1)]);
    let skipped: BTreeMap<&str, &str> =
        manifest.skipped.iter().map(|image| (image.path.as_str(), image.reason.as_str())).collect();
    assert_eq!(skipped.len(), hostile.len());
    let mut other = Vec::new();
    for (name, _, expected) in hostile {
        let path = format!("a/{name}");
        let reason = skipped[path.as_str()];
        let note = format!("skipped {path}: {reason}");
        let Some(note) = stderr.lines().find(|line| line.starts_with(&note)) else {
            panic!("{name}: expected {note:?} in {stderr}");
        };
        // The manifest has the reason, and the note the flag besides.
        if !note.contains(expected) {
            other.push(format!("{name}: expected {expected:?}, found {note:?}"));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}

#[test]
fn the_flag_that_a_refusal_names_lets_the_image_through() {
    let place = Workplace::new(1);
    let weights = weights();
    let weights = weights.to_str().unwrap();
    for (flag, refused, enough, reason) in [
        ("--max-pixels", "319", "320", "the image is 20 x 16, more than the limit of 319 pixels"),
        ("--max-side", "19", "20", "the image is 20 x 16, with a side longer than the limit of 19 pixels"),
        ("--max-image-memory", "1K", "3K", "decoding needs more than the limit of 1024 bytes of memory"),
        ("--max-image-memory", "16", "3k", "bytes, more than the limit of 16"),
    ] {
        let run = |value| {
            [
                &["extract", "images", "-o", "f.npy", "--weights", weights],
                &["--size", "32x32", flag, value][..],
            ]
            .concat()
        };
        let told = format!("{reason}; {flag} raises it");
        snapshot::refused(&place, &run(refused), 4, &["f.npy: expected at least one row", &told]);
        let added = ["f.npy", "f.jsonl"];
        snapshot::adds(&place, &run(enough), &added, |assert| fails(assert, 0, &[]));
        for name in added {
            std::fs::remove_file(place.path(name)).unwrap();
        }
    }
    for (flag, value) in [("--max-pixels", "0"), ("--max-side", "-1"), ("--max-image-memory", "1.5G")] {
        let arguments =
            ["extract", "images", "-o", "f.npy", "--weights", weights, &format!("{flag}={value}")];
        snapshot::refused(&place, &arguments, 2, &[flag, value]);
    }
}
