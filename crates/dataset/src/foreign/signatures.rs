//! What the formats that are not read start with, and how their files are called.
//!
//! The signatures are those of the formats' specifications. Where a format has none that is public, they are those of
//! the `file` program's database (`magic/Magdir`).

use super::Advice::{self, Nothing, SaveFrames, ToJpeg, ToPng, Unpack};

/// Extensions of photographs and other pictures that are not read, in lower case, and the format of each.
pub(super) const EXTENSIONS: [(&str, &str); 54] = [
    ("heic", "HEIC"),
    ("heics", "HEIC"),
    ("heif", "HEIF"),
    ("heifs", "HEIF"),
    ("hif", "HEIF"),
    ("avif", "AVIF"),
    ("avifs", "AVIF"),
    ("jxl", "JPEG XL"),
    ("jxr", "JPEG XR"),
    ("wdp", "JPEG XR"),
    ("hdp", "JPEG XR"),
    ("jp2", "JPEG 2000"),
    ("j2k", "JPEG 2000"),
    ("j2c", "JPEG 2000"),
    ("jpc", "JPEG 2000"),
    ("jpf", "JPEG 2000"),
    ("jpx", "JPEG 2000"),
    ("jpm", "JPEG 2000"),
    ("dng", "camera raw (DNG)"),
    ("cr2", "camera raw (CR2)"),
    ("cr3", "camera raw (CR3)"),
    ("crw", "camera raw (CRW)"),
    ("nef", "camera raw (NEF)"),
    ("nrw", "camera raw (NRW)"),
    ("arw", "camera raw (ARW)"),
    ("sr2", "camera raw (SR2)"),
    ("srf", "camera raw (SRF)"),
    ("orf", "camera raw (ORF)"),
    ("rw2", "camera raw (RW2)"),
    ("rwl", "camera raw (RWL)"),
    ("raf", "camera raw (RAF)"),
    ("pef", "camera raw (PEF)"),
    ("srw", "camera raw (SRW)"),
    ("3fr", "camera raw (3FR)"),
    ("fff", "camera raw (FFF)"),
    ("iiq", "camera raw (IIQ)"),
    ("erf", "camera raw (ERF)"),
    ("mef", "camera raw (MEF)"),
    ("mos", "camera raw (MOS)"),
    ("mrw", "camera raw (MRW)"),
    ("dcr", "camera raw (DCR)"),
    ("kdc", "camera raw (KDC)"),
    ("x3f", "camera raw (X3F)"),
    ("gpr", "camera raw (GPR)"),
    ("psd", "Photoshop (PSD)"),
    ("psb", "Photoshop (PSB)"),
    ("xcf", "GIMP (XCF)"),
    ("exr", "OpenEXR"),
    ("tga", "TGA"),
    ("pcx", "PCX"),
    ("dds", "DDS"),
    ("qoi", "QOI"),
    ("dcm", "DICOM"),
    ("dicom", "DICOM"),
];

/// The first brand of an ISO base media file (ISO/IEC 14496-12), by how it starts. HEIF's are in ISO/IEC 23008-12, annex
/// B, AVIF's in its specification (aomediacodec.github.io/av1-avif), the others registered at mp4ra.org.
pub(super) const FTYP_BRANDS: [(&[u8], &str, Advice); 9] = [
    (b"avi", "AVIF", ToJpeg),
    (b"hei", "HEIC", ToJpeg),
    (b"hev", "HEIC", ToJpeg),
    (b"mif", "HEIF", ToJpeg),
    (b"msf", "HEIF", ToJpeg),
    (b"mi", "HEIF", ToJpeg),
    (b"crx ", "camera raw (CR3)", ToJpeg),
    (b"jxl ", "JPEG XL", ToJpeg),
    (b"qt  ", "QuickTime", SaveFrames),
];

const AS_TEXT: &str = "a PNG file that was changed when it was copied as text: copy it again as binary";

/// An offset, the bytes there, and what a file with them is.
pub(super) const SIGNATURES: [(usize, &[u8], &str, Advice); 63] = [
    // ISO/IEC 18181-2: the codestream alone, or in boxes.
    (0, b"\xff\x0a", "JPEG XL", ToJpeg),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", ToJpeg),
    // ISO/IEC 15444-1: in boxes, or the codestream alone (SOC and SIZ markers).
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", ToJpeg),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000", ToJpeg),
    // ISO/IEC 29199-2.
    (0, b"II\xbc", "JPEG XR", ToJpeg),
    // Cameras. Those that start as TIFF does are recognised by their first directory.
    (0, b"II\x1a\0\0\0HEAPCCDR", "camera raw (CRW)", ToJpeg),
    (0, b"IIRO", "camera raw (ORF)", ToJpeg),
    (0, b"IIRS", "camera raw (ORF)", ToJpeg),
    (0, b"MMOR", "camera raw (ORF)", ToJpeg),
    (0, b"IIU\0", "camera raw (RW2)", ToJpeg),
    (0, b"FUJIFILMCCD-RAW", "camera raw (RAF)", ToJpeg),
    (0, b"\0MRM", "camera raw (MRW)", ToJpeg),
    (0, b"FOVb", "camera raw (X3F)", ToJpeg),
    // Adobe Photoshop File Formats Specification.
    (0, b"8BPS\0\x02", "Photoshop (PSB)", ToPng),
    (0, b"8BPS", "Photoshop (PSD)", ToPng),
    // GIMP, devel-docs/xcf.txt.
    (0, b"gimp xcf ", "GIMP (XCF)", ToPng),
    // openexr.com, OpenEXR File Layout.
    (0, b"\x76\x2f\x31\x01", "OpenEXR", ToJpeg),
    // Radiance, File Formats.
    (0, b"#?RADIANCE", "Radiance HDR", ToJpeg),
    (0, b"#?RGBE", "Radiance HDR", ToJpeg),
    // ZSoft PCX: the manufacturer, version 5 or 3, run-length coding.
    (0, b"\x0a\x05\x01", "PCX", ToPng),
    (0, b"\x0a\x03\x01", "PCX", ToPng),
    // Truevision TGA, which has no signature at its start: no name, no palette, type 2 (colour), 3 (grey), 10 and 11
    // (the same with run lengths), and an empty palette.
    (0, b"\0\0\x02\0\0\0\0\0", "TGA", ToPng),
    (0, b"\0\0\x03\0\0\0\0\0", "TGA", ToPng),
    (0, b"\0\0\x0a\0\0\0\0\0", "TGA", ToPng),
    (0, b"\0\0\x0b\0\0\0\0\0", "TGA", ToPng),
    // Microsoft: icons and cursors, DirectDraw surfaces.
    (0, b"\0\0\x01\0", "an icon (ICO)", ToPng),
    (0, b"\0\0\x02\0", "a cursor (CUR)", ToPng),
    (0, b"DDS ", "DDS", ToPng),
    // Apple's icons.
    (0, b"icns", "an icon (ICNS)", ToPng),
    // qoiformat.org, farbfeld(5), bellard.org/bpg, flif.info.
    (0, b"qoif", "QOI", ToPng),
    (0, b"farbfeld", "farbfeld", ToPng),
    (0, b"BPG\xfb", "BPG", ToJpeg),
    (0, b"FLIF", "FLIF", ToPng),
    // Netpbm: PAM, and the float maps PFM.
    (0, b"P7\n", "PAM", ToPng),
    (0, b"PF\n", "PFM", ToPng),
    (0, b"Pf\n", "PFM", ToPng),
    // FITS 4.0, DICOM PS3.10.
    (0, b"SIMPLE  =", "FITS", ToPng),
    (128, b"DICM", "DICOM", ToPng),
    // Documents and drawings.
    (0, b"%PDF", "PDF", ToPng),
    (0, b"%!PS", "PostScript", ToPng),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS)", ToPng),
    (0, b"\xd7\xcd\xc6\x9a", "a drawing (WMF)", ToPng),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document or a cache of thumbnails", Nothing),
    // Videos and sound.
    (8, b"AVI ", "AVI", SaveFrames),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", SaveFrames),
    (4, b"moov", "QuickTime", SaveFrames),
    (4, b"mdat", "QuickTime", SaveFrames),
    (0, b"\0\0\x01\xba", "MPEG", SaveFrames),
    (0, b"\0\0\x01\xb3", "MPEG", SaveFrames),
    (8, b"WAVE", "a sound (WAV)", Nothing),
    // Archives.
    (0, b"PK\x03\x04", "a ZIP archive", Unpack),
    (0, b"PK\x05\x06", "a ZIP archive", Unpack),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", Unpack),
    (0, b"Rar!\x1a\x07", "a RAR archive", Unpack),
    (0, b"\x1f\x8b", "a gzip archive", Unpack),
    (0, b"BZh", "a bzip2 archive", Unpack),
    (0, b"\xfd7zXZ\0", "an xz archive", Unpack),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", Unpack),
    (257, b"ustar", "a tar archive", Unpack),
    // Data.
    (0, b"\x89HDF\r\n\x1a\n", "a file of weights or of a head (HDF5), not an image", Nothing),
    (0, b"\x93NUMPY", "features (.npy), not an image", Nothing),
    // RFC 1740: what macOS leaves beside a file on other systems.
    (0, b"\0\x05\x16\x07", "what macOS keeps beside a file (AppleDouble), not the file", Nothing),
    // PNG's signature was made to show this: a line break, or the high bit, has changed.
    (0, b"\x89PNG", AS_TEXT, Nothing),
];
