//! Files that are not read: each is named for what it is, and the reason is in words that a person understands.

use headstart_dataset::{DecodeError, Depth, Limits, decode, examine, foreign};

use crate::golden::{Golden, cases, text};
use crate::hostile::golden_file;

fn failure(bytes: &[u8]) -> DecodeError {
    let limits = Limits::default();
    let decoded = decode(bytes, &limits).unwrap_err();
    // The doctor says the same, without decoding.
    assert_eq!(examine(bytes, &limits, Depth::Structure).unwrap_err().to_string(), decoded.to_string());
    decoded
}

/// A little-endian TIFF of 4 x 4 grey pixels. Entries are of type LONG and replace the usual ones of the same tag; an
/// empty one leaves the tag out.
fn tiff(changed: &[(u16, &[u32])]) -> Vec<u8> {
    let mut entries: Vec<(u16, Vec<u32>)> =
        [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 16)]
            .map(|(tag, value)| (tag, vec![value]))
            .to_vec();
    for (tag, values) in changed {
        entries.retain(|(other, _)| other != tag);
        if !values.is_empty() {
            entries.push((*tag, values.to_vec()));
        }
    }
    entries.sort();
    let mut file = b"II*\0\0\0\0\0".to_vec();
    file.extend([0x55; 64]);
    let mut directory = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, values) in entries {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        directory.extend(tag.to_le_bytes());
        directory.extend(4u16.to_le_bytes());
        directory.extend((values.len() as u32).to_le_bytes());
        if bytes.len() > 4 {
            directory.extend((file.len() as u32).to_le_bytes());
            file.extend(bytes);
        } else {
            directory.extend(bytes);
        }
    }
    directory.extend([0; 4]);
    let start = file.len() as u32;
    file[4..8].copy_from_slice(&start.to_le_bytes());
    file.extend(directory);
    file
}

#[test]
fn the_preview_of_a_camera_raw_is_not_taken_for_the_picture() {
    assert!(decode(&tiff(&[]), &Limits::default()).is_ok());
    for (changed, name) in [
        (&[(50_706, &[0x0401][..])][..], "camera raw (DNG), which is not read: convert it to JPEG"),
        (&[(254, &[1]), (330, &[8])], "a TIFF file whose first page is a preview"),
        (&[(262, &[32_803])], "camera raw (sensor data)"),
        (&[(262, &[34_892])], "camera raw (sensor data)"),
    ] {
        let failure = failure(&tiff(changed));
        assert!(
            matches!(&failure, DecodeError::UnknownFormat { found } if found.starts_with(name)),
            "{failure}"
        );
    }
    let mut cr2 = tiff(&[]);
    cr2[8..10].copy_from_slice(b"CR");
    assert!(failure(&cr2).to_string().contains("camera raw (CR2)"));
    // A page that is no preview may have others below it, as in a pyramid.
    assert!(decode(&tiff(&[(254, &[0]), (330, &[8])]), &Limits::default()).is_ok());
    // The only page is the picture, whatever it says about itself.
    assert!(decode(&tiff(&[(254, &[1])]), &Limits::default()).is_ok());
}

#[test]
fn a_tiff_that_breaks_rules_is_corrupt_and_a_kind_that_is_not_read_is_named() {
    for (changed, reason) in [
        (&[(322, &[0][..]), (323, &[16]), (324, &[8]), (273, &[]), (279, &[])][..], "its tile width is 0"),
        (&[(322, &[16]), (323, &[0]), (324, &[8]), (273, &[]), (279, &[])], "its tile height is 0"),
        (&[(322, &[16]), (324, &[8]), (273, &[]), (279, &[])], "it states no tile height"),
        (&[(273, &[])], "it has neither strips nor tiles"),
        (&[(278, &[0])], "its number of rows in a strip is 0"),
        (&[(278, &[1])], "expected 4 strips or tiles, found 1"),
        (&[(256, &[])], "it states no width"),
        (&[(257, &[0])], "its size is 4 x 0"),
        (&[(284, &[3])], "expected planar configuration 1 or 2, found 3"),
        (&[(262, &[2])], "RGB takes 3 samples a pixel, it has 1"),
        (&[(262, &[3]), (320, &[1, 2, 3])], "expected a colour map of 768 entries, found 3"),
        (&[(339, &[9])], "expected sample format 1 to 6, found 9"),
        (&[(259, &[5]), (317, &[7])], "expected predictor 1 to 3, found 7"),
        (&[(259, &[4])], "CCITT group 4 is for one sample of 1 bit"),
    ] {
        let failure = failure(&tiff(changed));
        assert!(matches!(failure, DecodeError::Corrupt { .. }), "{failure}");
        assert!(failure.to_string().contains(reason), "{failure}");
    }
    for (changed, found) in [
        (&[(262, &[2][..]), (277, &[3]), (258, &[5, 6, 5])][..], "samples of 5, 6, 5 bits"),
        (&[(258, &[12])], "grey of 12 bits"),
        (&[(258, &[64]), (339, &[3])], "grey of 64 bits, as float numbers"),
        (&[(277, &[0])], "0 samples a pixel"),
        (&[(277, &[70_000])], "70000 samples a pixel"),
        (&[(262, &[6]), (277, &[3]), (530, &[2, 2])], "YCbCr"),
        (&[(259, &[50_000])], "Zstandard compression"),
        (&[(259, &[34_712])], "JPEG 2000 compression"),
        (&[(259, &[12_345])], "a compression that is not known (Compression 12345)"),
        (&[(262, &[77])], "photometric interpretation 77"),
        (&[(258, &[4]), (259, &[5]), (317, &[2])], "a predictor for 4 bits"),
    ] {
        let failure = failure(&tiff(changed));
        assert!(matches!(failure, DecodeError::Unsupported { .. }), "{failure}");
        assert!(failure.to_string().contains(found), "{failure}");
    }
}

#[test]
fn a_tile_may_be_larger_than_the_image_but_not_than_the_memory() {
    let tiles = |side: u32| tiff(&[(322, &[side]), (323, &[side]), (324, &[8]), (273, &[]), (279, &[])]);
    let limits = Limits::default().with_max_bytes_of_memory(1 << 16);
    assert!(decode(&tiles(16), &limits).is_ok());
    assert!(matches!(decode(&tiles(1 << 20), &limits), Err(DecodeError::TooMuchMemory { .. })));
    assert!(matches!(decode(&tiles(u32::MAX), &limits), Err(DecodeError::TooMuchMemory { .. })));
}

/// One look at all offsets for each of them would take hours.
#[test]
fn many_strips_of_unknown_lengths_take_no_time() {
    let count = 1 << 16;
    // Each is a run of bytes of PackBits that are all the same.
    let offsets: Vec<u32> = (0..count).map(|strip| 8 + strip % 8 * 8).collect();
    let height = [count];
    let packed =
        tiff(&[(256, &[1]), (257, &height), (259, &[32_773]), (273, &offsets), (278, &[1]), (279, &[])]);
    let limits = Limits::default().with_max_side(count.into());
    let image = decode(&packed, &limits).unwrap();
    assert_eq!(image.as_raw()[..3], [0x55; 3]);
}

#[test]
fn a_text_that_starts_as_bmp_does_is_a_text() {
    assert!(failure(b"BMW, a car").to_string().contains("found text, not an image"));
    assert!(matches!(failure(b"BM"), DecodeError::UnknownFormat { .. } | DecodeError::Truncated { .. }));
}

#[test]
fn odd_headers_of_bmp_are_named() {
    let bmp = |offset: usize, value: u32| {
        let mut bmp = golden_file("bmp-rgb.bmp");
        bmp[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        failure(&bmp).to_string()
    };
    for (offset, value, reason) in [
        (14, 13, "expected a header of 12 to 124 bytes, found one of 13"),
        (14, 4_000_000, "expected a header of 12 to 124 bytes"),
        (18, 0x8000_0000, "its width is -2147483648"),
        (22, 0, "its size is 17 x 0"),
        (30, 4, "found JPEG within it, which is not supported"),
        (30, 5, "found PNG within it, which is not supported"),
        (30, 1, "compression 1 does not go with 24 bits"),
        (30, 99, "expected compression 0 to 6, found 99"),
        (26, 2 << 16, "found 2 bits a pixel, which is not supported"),
        (26, 7 << 16, "expected 1, 4, 8, 16, 24 or 32 bits a pixel, found 7"),
    ] {
        let found = bmp(offset, value);
        assert!(found.contains(reason), "{found}");
    }
    let mut huffman = golden_file("bmp-os2-2-rgb.bmp");
    huffman[28..34].copy_from_slice(&[1, 0, 3, 0, 0, 0]);
    assert!(failure(&huffman).to_string().contains("Huffman coding of OS/2"));
    // A header of OS/2 2.x may end after the bits.
    let mut short = golden_file("bmp-rgb.bmp");
    short[14] = 16;
    assert!(
        decode(&short, &Limits::default()).unwrap()
            == decode(&golden_file("bmp-rgb.bmp"), &Limits::default()).unwrap()
    );
}

#[test]
fn damage_of_a_png_is_told_apart_from_a_cut() {
    let whole = golden_file("png-rgb.png");
    let pixels = whole.windows(4).position(|name| name == b"IDAT").unwrap() + 4;
    let told = |bytes: &[u8]| decode(bytes, &Limits::default()).unwrap_err().to_string();
    let mut damaged = whole.clone();
    damaged[pixels + 50] ^= 1;
    assert!(told(&damaged).starts_with("PNG: the image is corrupt: "), "{}", told(&damaged));
    // Damage is found behind a cut, too, and by the checksum of the pixels where that of the chunk says nothing.
    let mut sum = whole.clone();
    sum[whole.len() - 13 - 4] ^= 1;
    assert_eq!(told(&sum), "PNG: the image is corrupt: the compressed pixels are damaged");
    let cut = told(&whole[..whole.len() / 2]);
    assert!(
        cut.starts_with("PNG: the image is truncated: its pixels take 676 bytes, the file ends after"),
        "{cut}"
    );
    for kept in [whole.len() - 17, whole.len() - 20] {
        assert_eq!(
            told(&whole[..kept]),
            "PNG: the image is truncated: the file ends within the checksum of its pixels"
        );
    }
    let mut header = whole.clone();
    header[29] ^= 1;
    assert_eq!(told(&header), "PNG: the image is corrupt: the checksum of its IHDR chunk is wrong");
    // An animation whose first frame is smaller would be taken for the image.
    let mut animated = golden_file("png-animated.png");
    let frame = animated.windows(4).position(|name| name == b"fcTL").unwrap() + 4;
    animated[frame + 7] -= 1;
    assert!(told(&animated).contains("its first frame has another size than the image"));
}

/// Words of the libraries that decode, and of Rust.
const FOREIGN_WORDS: [&str; 24] = [
    "::",
    "()",
    "{",
    "Some(",
    "None",
    "Err",
    "error",
    "Error",
    "Decod",
    "decoding",
    "Format",
    "Invalid",
    "Corrupt ",
    "Deflate",
    "deflate",
    "IDAT or",
    "panicked",
    "unwrap",
    "index out",
    "overflow",
    "assertion",
    "stream",
    "Unsupported",
    "buffer",
];

#[test]
fn reasons_are_in_our_words() {
    let golden = Golden::of("decode");
    let mut seen = std::collections::BTreeSet::new();
    for case in cases(&golden.index()) {
        let whole = golden.bytes(text(case, "file"));
        let len = whole.len();
        let mut damaged: Vec<Vec<u8>> =
            [len / 8, len / 4, len / 2, len * 3 / 4, len - 3].map(|kept| whole[..kept].to_vec()).to_vec();
        for at in (0..60).chain([len / 3, len / 2, len * 2 / 3, len - 20, len - 9]) {
            for mask in [0x01, 0x20, 0xFF] {
                let mut changed = whole.clone();
                changed[at.min(len - 1)] ^= mask;
                damaged.push(changed);
            }
        }
        let limits = Limits::default().with_max_pixels(10_000).with_max_bytes_of_memory(1 << 20);
        let told = damaged.iter().filter_map(|bytes| decode(bytes, &limits).err());
        seen.extend(told.map(|error| error.to_string()));
    }
    assert!(seen.len() > 100, "{}", seen.len());
    for reason in seen {
        let found = FOREIGN_WORDS.iter().find(|words| reason.contains(**words));
        assert!(found.is_none(), "{found:?} in {reason:?}");
        assert!(reason.is_ascii() && !reason.chars().any(char::is_control), "{reason:?}");
    }
}

#[test]
fn photographs_of_other_formats_are_known_by_name_and_by_content() {
    for (name, start) in [
        ("a.heic", &b"\0\0\0\x18ftypheic"[..]),
        ("a.avif", b"\0\0\0\x18ftypavif"),
        ("a.jxl", b"\xff\x0a\0\0"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("a.psd", b"8BPS\0\x01"),
        ("a.raf", b"FUJIFILMCCD-RAW 0201"),
        ("a.cr3", b"\0\0\0\x18ftypcrx "),
    ] {
        let format = foreign::of_name(name).unwrap();
        let told = failure(start).to_string();
        assert!(told.contains(&format!("found {format}, which is not read: convert it to")), "{told}");
    }
}
