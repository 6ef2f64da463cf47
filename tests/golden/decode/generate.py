"""Small images of every form that Pillow reads, and what Pillow makes of them.

Made with Python 3.11.7, Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file, images/* (the inputs), rgb/*.rgb (height x width x 3 bytes of
Image.open(f).convert("RGB")), rgb/*.upright.rgb (the same after ImageOps.exif_transpose, where it differs), and
cases.json, the index: name, file, size, the expected files, the mode that Pillow opened it in, and whether the
format leaves decoders some freedom (lossy).
"""

import io
import json
import pathlib
import shutil
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 13, 17
rng = np.random.default_rng(20260)
cases = []


# --- Pixels ---------------------------------------------------------------------------------------------------

RGB = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALPHA = rng.choice([0, 1, 77, 128, 254, 255], (HEIGHT, WIDTH)).astype(np.uint8)
GREY = rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
GREY16 = rng.choice([0, 1, 127, 128, 254, 255, 256, 257, 511, 512, 32767, 32768, 65534, 65535], (HEIGHT, WIDTH))
RGB16 = rng.integers(0, 65536, (HEIGHT, WIDTH, 3))
ALPHA16 = rng.choice([0, 1, 255, 256, 32768, 65280, 65535], (HEIGHT, WIDTH))
FLOATS = rng.choice([-5.0, 0.0, 0.4, 0.6, 1.5, 100.5, 254.4, 254.9, 255.0, 256.0, 1e9], (HEIGHT, WIDTH))


def photo(height, width):
    """Smooth colours with an edge and a little noise, as JPEG is made for."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / 5 + c) * np.cos(y / (6 + c)) for c in range(3)]
    image = np.stack(planes, axis=-1)
    image[height // 3 : height // 2, width // 4 : width // 2] += 60
    image += rng.normal(0, 4, image.shape)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


# --- Writers for what Pillow does not write ---------------------------------------------------------------------


def png(samples, depth, color_type, chunks=(), interlaced=False):
    """A PNG file. samples: height x width x channels, numbers below 2 ** depth."""
    samples = np.asarray(samples).reshape(HEIGHT, WIDTH, -1)

    def scanlines(part):
        lines = b""
        for row in part:
            if depth == 16:
                line = row.astype(">u2").tobytes()
            else:
                bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
                line = np.packbits(bits).tobytes()
            lines += b"\0" + line
        return lines

    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
        raw = b"".join(scanlines(part) for part in parts if part.size)
    else:
        raw = scanlines(samples)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, color_type, 0, 0, int(interlaced))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(strips, bits, photometric, order="<", **tags):
    """An uncompressed TIFF file with one strip a plane. tags: further tags as tag_NUMBER=[16-bit values]."""
    entries = {
        256: [WIDTH],
        257: [HEIGHT],
        258: bits,
        259: [1],
        262: [photometric],
        273: None,
        277: [len(bits)],
        278: [HEIGHT],
        279: [len(strip) for strip in strips],
    }
    entries.update({int(name.removeprefix("tag_")): values for name, values in tags.items()})
    data_at = 8
    offsets = []
    body = b""
    for strip in strips:
        offsets.append(data_at + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    entries[273] = offsets
    directory = b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            offset = data_at + len(body)
            body += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(f"{order}I", offset)
        directory += struct.pack(f"{order}HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    start = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, data_at + len(body))
    return start + body + struct.pack(f"{order}H", len(entries)) + directory + b"\0\0\0\0"


def bmp(rows, bits, compression=0, palette=b"", masks=b"", top_down=False):
    """A BMP file with a 40-byte header. rows: the bytes of each row, top row first, or the whole data."""
    if isinstance(rows, bytes):
        data = rows
    else:
        padded = [row + b"\0" * (-len(row) % 4) for row in rows]
        data = b"".join(padded if top_down else padded[::-1])
    height = -HEIGHT if top_down else HEIGHT
    colors = len(palette) // 4
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 0, 0, colors, 0)
    offset = 14 + 40 + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + palette + data


# --- Cases ------------------------------------------------------------------------------------------------------


def save(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def add(name, extension, content, lossy=False):
    """Stores a case: the file, and Pillow's reading of it, from which a lossy one may differ a little."""
    file = f"images/{name}.{extension}"
    (HERE / file).write_bytes(content)
    image = Image.open(io.BytesIO(content))
    mode = image.mode
    rgb = image.convert("RGB")
    case = {"name": name, "file": file, "mode": mode, "lossy": lossy, "width": rgb.width, "height": rgb.height}
    case["rgb"] = f"rgb/{name}.rgb"
    (HERE / case["rgb"]).write_bytes(rgb.tobytes())
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    if upright.size != rgb.size or upright.tobytes() != rgb.tobytes():
        case["upright"] = {"rgb": f"rgb/{name}.upright.rgb", "width": upright.width, "height": upright.height}
        (HERE / case["upright"]["rgb"]).write_bytes(upright.tobytes())
    cases.append(case)


def oriented(value):
    exif = Image.Exif()
    exif[274] = value
    return exif


def add_png():
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    palette_image = Image.fromarray(RGB).quantize(11)
    palette = bytes(rng.integers(0, 256, 3 * 16, dtype=np.uint8))
    add("png-rgb", "png", save(Image.fromarray(RGB), "PNG"))
    add("png-rgba", "png", save(rgba, "PNG"))
    add("png-la", "png", png(np.dstack([GREY, ALPHA]), 8, 4))
    add("png-l", "png", save(Image.fromarray(GREY), "PNG"))
    add("png-1", "png", save(Image.fromarray(GREY).convert("1"), "PNG"))
    add("png-l2", "png", png(GREY % 4, 2, 0))
    add("png-l4", "png", png(GREY % 16, 4, 0))
    add("png-l-transparent", "png", png(GREY % 16, 8, 0, [(b"tRNS", struct.pack(">H", 7))]))
    add("png-rgb-transparent", "png", png(RGB, 8, 2, [(b"tRNS", struct.pack(">HHH", *map(int, RGB[2, 3])))]))
    add("png-p", "png", save(palette_image, "PNG"))
    add("png-p1", "png", png(GREY % 2, 1, 3, [(b"PLTE", palette[:6])]))
    add("png-p4", "png", png(GREY % 16, 4, 3, [(b"PLTE", palette)]))
    add("png-p-transparent", "png", save(palette_image, "PNG", transparency=bytes(range(0, 220, 20))))
    add("png-i16", "png", png(GREY16, 16, 0))
    add("png-i16-transparent", "png", png(GREY16, 16, 0, [(b"tRNS", struct.pack(">H", 511))]))
    add("png-la16", "png", png(np.dstack([GREY16, ALPHA16]), 16, 4))
    add("png-rgb16", "png", png(RGB16, 16, 2))
    add("png-rgba16", "png", png(np.dstack([RGB16, ALPHA16]), 16, 6))
    add("png-rgb-interlaced", "png", png(RGB, 8, 2, interlaced=True))
    add("png-p4-interlaced", "png", png(GREY % 16, 4, 3, [(b"PLTE", palette)], interlaced=True))
    add("png-gamma", "png", png(RGB, 8, 2, [(b"gAMA", struct.pack(">I", 100000))]))
    add("png-exif-6", "png", save(Image.fromarray(RGB), "PNG", exif=oriented(6)))


def add_bmp():
    bgr = RGB[:, :, ::-1]
    bgra = np.dstack([bgr, ALPHA])
    words = rng.integers(0, 65536, (HEIGHT, WIDTH)).astype("<u2")
    palette = bytes(rng.integers(0, 256, 4 * 16, dtype=np.uint8))
    nibbles = np.pad(GREY % 16, ((0, 0), (0, WIDTH % 2)))
    add("bmp-rgb", "bmp", save(Image.fromarray(RGB), "BMP"))
    add("bmp-l", "bmp", save(Image.fromarray(GREY), "BMP"))
    add("bmp-1", "bmp", save(Image.fromarray(GREY).convert("1"), "BMP"))
    add("bmp-p", "bmp", save(Image.fromarray(RGB).quantize(11), "BMP"))
    add("bmp-p1", "bmp", bmp([np.packbits(row % 2).tobytes() for row in GREY], 1, palette=palette[:8]))
    add("bmp-p4", "bmp", bmp([(row[::2] << 4 | row[1::2]).tobytes() for row in nibbles], 4, palette=palette))
    add("bmp-rgbx", "bmp", bmp([row.tobytes() for row in bgra], 32))
    add("bmp-rgba", "bmp", save(Image.fromarray(np.dstack([RGB, ALPHA])), "BMP"))
    add("bmp-rgb555", "bmp", bmp([row.tobytes() for row in words], 16))
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    add("bmp-rgb565", "bmp", bmp([row.tobytes() for row in words], 16, 3, masks=masks))
    add("bmp-top-down", "bmp", bmp([row.tobytes() for row in bgr], 24, top_down=True))
    runs = b"".join(b"\x05\x03\x00\x0c" + (row[:12] % 16).tobytes() + b"\0\0" for row in GREY[::-1]) + b"\0\1"
    add("bmp-rle8", "bmp", bmp(runs, 8, 1, palette=palette))


def add_pnm():
    def header(kind, maximum=None):
        return b"%s\n# a comment\n%d %d\n" % (kind, WIDTH, HEIGHT) + (b"%d\n" % maximum if maximum else b"")

    def plain(samples):
        return b"\n".join(b" ".join(b"%d" % sample for sample in row.ravel()) for row in samples) + b"\n"

    add("ppm", "ppm", save(Image.fromarray(RGB), "PPM"))
    add("pgm", "pgm", save(Image.fromarray(GREY), "PPM"))
    add("pbm", "pbm", save(Image.fromarray(GREY).convert("1"), "PPM"))
    add("ppm-65535", "ppm", header(b"P6", 65535) + RGB16.astype(">u2").tobytes())
    add("ppm-1000", "ppm", header(b"P6", 1000) + (RGB16 % 1100).astype(">u2").tobytes())
    add("ppm-100", "ppm", header(b"P6", 100) + (RGB % 120).tobytes())
    add("pgm-65535", "pgm", header(b"P5", 65535) + GREY16.astype(">u2").tobytes())
    add("pgm-300", "pgm", header(b"P5", 300) + (GREY16 % 320).astype(">u2").tobytes())
    add("pgm-7", "pgm", header(b"P5", 7) + (GREY % 9).tobytes())
    add("ppm-plain", "ppm", header(b"P3", 255) + plain(RGB))
    add("ppm-plain-1000", "ppm", header(b"P3", 1000) + plain(RGB16 % 1001))
    add("pgm-plain-6", "pgm", header(b"P2", 6) + plain(GREY % 7))
    add("pgm-plain-1000", "pgm", header(b"P2", 1000) + plain(GREY16 % 1001))
    bits = b"# more\n".join(bytes(48 + row % 2) + b"\n" for row in GREY)
    add("pbm-plain", "pbm", header(b"P1") + bits)


def add_tiff():
    rgb, grey = Image.fromarray(RGB), Image.fromarray(GREY)
    rgba8 = np.dstack([RGB, ALPHA]).tobytes()
    cmyk = Image.frombytes("CMYK", (WIDTH, HEIGHT), rng.integers(0, 256, WIDTH * HEIGHT * 4, dtype=np.uint8).tobytes())
    add("tiff-rgb", "tif", save(rgb, "TIFF"))
    add("tiff-rgb-lzw", "tif", save(rgb, "TIFF", compression="tiff_lzw"))
    add("tiff-rgb-deflate", "tif", save(rgb, "TIFF", compression="tiff_adobe_deflate"))
    add("tiff-rgb-packbits", "tif", save(rgb, "TIFF", compression="packbits"))
    add("tiff-rgb-predictor", "tif", save(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}))
    add("tiff-l", "tif", save(grey, "TIFF"))
    add("tiff-1", "tif", save(grey.convert("1"), "TIFF"))
    add("tiff-1-g4", "tif", save(grey.convert("1"), "TIFF", compression="group4"))
    add("tiff-la", "tif", save(Image.fromarray(np.dstack([GREY, ALPHA])), "TIFF"))
    add("tiff-rgba", "tif", save(Image.fromarray(np.dstack([RGB, ALPHA])), "TIFF"))
    add("tiff-i16", "tif", save(Image.fromarray(GREY16.astype(np.uint16)), "TIFF"))
    add("tiff-i32", "tif", save(Image.fromarray(GREY16.astype(np.int32) - 300), "TIFF"))
    add("tiff-f32", "tif", save(Image.fromarray(FLOATS.astype(np.float32)), "TIFF"))
    add("tiff-f32-lzw", "tif", save(Image.fromarray(FLOATS.astype(np.float32)), "TIFF", compression="tiff_lzw"))
    add("tiff-cmyk", "tif", save(cmyk, "TIFF"))
    add("tiff-cmyk-lzw", "tif", save(cmyk, "TIFF", compression="tiff_lzw"))
    add("tiff-p", "tif", save(rgb.quantize(11), "TIFF"))
    add("tiff-p-lzw", "tif", save(rgb.quantize(200), "TIFF", compression="tiff_lzw"))
    add("tiff-exif-6", "tif", save(rgb, "TIFF", tiffinfo={274: 6}))
    add("tiff-exif-3-lzw", "tif", save(rgb, "TIFF", compression="tiff_lzw", tiffinfo={274: 3}))

    colors = [int(v) for v in rng.integers(0, 65536, 3 * 16)]
    nibbles = np.pad(GREY % 16, ((0, 0), (0, WIDTH % 2)))
    nibbles = (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).tobytes()
    add("tiff-p4", "tif", tiff([nibbles], [4], 3, tag_320=colors))
    add("tiff-p4-big-endian", "tif", tiff([nibbles], [4], 3, order=">", tag_320=colors))
    add("tiff-l4", "tif", tiff([nibbles], [4], 1))
    quarters = np.pad(GREY % 4, ((0, 0), (0, -WIDTH % 4))).reshape(HEIGHT, -1, 4)
    quarters = (quarters << np.array([6, 4, 2, 0], dtype=np.uint8)).sum(axis=2).astype(np.uint8).tobytes()
    add("tiff-l2-white-is-zero", "tif", tiff([quarters], [2], 0))
    add("tiff-l-white-is-zero", "tif", tiff([GREY.tobytes()], [8], 0))
    add("tiff-i16-white-is-zero", "tif", tiff([GREY16.astype("<u2").tobytes()], [16], 0))
    add("tiff-i16-big-endian", "tif", tiff([GREY16.astype(">u2").tobytes()], [16], 1, order=">"))
    signed = (GREY16 - 300).astype(np.int16).astype("<i2").tobytes()
    add("tiff-i16-signed", "tif", tiff([signed], [16], 1, tag_339=[2]))
    add("tiff-l-signed", "tif", tiff([GREY.tobytes()], [8], 1, tag_339=[2]))
    wide = (GREY16.astype(np.uint32) + (GREY16 % 2).astype(np.uint32) * 0x8000_0000).astype("<u4").tobytes()
    add("tiff-u32", "tif", tiff([wide], [32], 1))
    floats = FLOATS.astype("<f4").tobytes()
    add("tiff-f32-white-is-zero", "tif", tiff([floats], [32], 0, tag_339=[3]))
    add("tiff-rgb16", "tif", tiff([RGB16.astype("<u2").tobytes()], [16] * 3, 2))
    add("tiff-rgb16-big-endian", "tif", tiff([RGB16.astype(">u2").tobytes()], [16] * 3, 2, order=">"))
    rgba16 = np.dstack([RGB16, ALPHA16]).astype("<u2").tobytes()
    add("tiff-rgba16", "tif", tiff([rgba16], [16] * 4, 2, tag_338=[2]))
    add("tiff-rgba16-associated", "tif", tiff([rgba16], [16] * 4, 2, tag_338=[1]))
    add("tiff-rgba-associated", "tif", tiff([rgba8], [8] * 4, 2, tag_338=[1]))
    add("tiff-rgbx", "tif", tiff([rgba8], [8] * 4, 2, tag_338=[0]))
    cmyk16 = rng.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype("<u2").tobytes()
    add("tiff-cmyk16", "tif", tiff([cmyk16], [16] * 4, 5))
    add("tiff-fill-order-1", "tif", tiff([GREY.tobytes()], [8], 1, tag_266=[1]))
    planes = [RGB[:, :, c].tobytes() for c in range(3)]
    add("tiff-rgb-planar", "tif", tiff(planes, [8] * 3, 2, tag_284=[2]))
    planes = [plane.tobytes() for plane in np.moveaxis(np.frombuffer(cmyk.tobytes(), np.uint8).reshape(-1, 4), 1, 0)]
    add("tiff-cmyk-planar", "tif", tiff(planes, [8] * 4, 5, tag_284=[2]))


def add_webp():
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    add("webp-rgb", "webp", save(Image.fromarray(RGB), "WEBP", lossless=True))
    add("webp-rgba", "webp", save(rgba, "WEBP", lossless=True, exact=True))
    add("webp-exif-8", "webp", save(Image.fromarray(RGB), "WEBP", lossless=True, exif=oriented(8)))
    add("webp-lossy", "webp", save(photo(33, 47), "WEBP", quality=80))


def add_jpeg():
    image = photo(33, 47)
    add("jpeg-444", "jpg", save(image, "JPEG", quality=90, subsampling="4:4:4"), lossy=True)
    add("jpeg-422", "jpg", save(image, "JPEG", quality=90, subsampling="4:2:2"), lossy=True)
    add("jpeg-420", "jpg", save(image, "JPEG", quality=90, subsampling="4:2:0"), lossy=True)
    add("jpeg-420-progressive", "jpg", save(image, "JPEG", quality=75, progressive=True), lossy=True)
    add("jpeg-restart", "jpg", save(image, "JPEG", quality=90, restart_marker_blocks=2), lossy=True)
    add("jpeg-l", "jpg", save(image.convert("L"), "JPEG", quality=90), lossy=True)
    add("jpeg-rgb", "jpg", save(image, "JPEG", quality=90, keep_rgb=True), lossy=True)
    cmyk = save(image.convert("CMYK"), "JPEG", quality=90)
    add("jpeg-cmyk", "jpg", cmyk, lossy=True)
    # The last byte of the Adobe segment says how the components are transformed: 0 is CMYK, 2 is YCCK.
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\2" + cmyk[adobe + 12 :]
    add("jpeg-ycck", "jpg", ycck, lossy=True)
    small = photo(11, 19)
    for value in range(1, 9):
        add(f"jpeg-exif-{value}", "jpg", save(small, "JPEG", quality=90, exif=oriented(value)), lossy=True)


def main():
    for folder in ("images", "rgb"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    add_png()
    add_bmp()
    add_pnm()
    add_tiff()
    add_webp()
    add_jpeg()
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(len(cases), "cases")


main()
