"""Small images of every form that Pillow reads, and what Pillow makes of them.

Made with Python 3.11.7, Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file, images/* (the inputs), rgb/*.rgb (height x width x 3 bytes of
Image.open(f).convert("RGB")), rgb/*.upright.rgb (the same after ImageOps.exif_transpose, where it differs), and
cases.json, the index: name, file, size, the expected files, the mode that Pillow opened it in, whether the format
leaves decoders some freedom (lossy), and whether the file ends before its structure does (short).
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


def tiff(strips, bits, photometric, order="<", tile=None, **tags):
    """A TIFF file with these strips: one a plane, unless tags say otherwise. tags: further tags as
    tag_NUMBER=[16-bit values], or None to leave the tag out. tile: width and height of the strips, which are tiles.
    """
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
    offsets_tag = 273
    if tile:
        offsets_tag = 324
        entries.update({322: [tile[0]], 323: [tile[1]], 324: None, 325: entries[279]})
        for tag in (273, 278, 279):
            del entries[tag]
    entries.update({int(name.removeprefix("tag_")): values for name, values in tags.items()})
    data_at = 8
    offsets = []
    body = b""
    for strip in strips:
        offsets.append(data_at + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    entries[offsets_tag] = offsets
    entries = {tag: values for tag, values in entries.items() if values is not None}
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


def add(name, extension, content, lossy=False, short=False, rgb=None):
    """Stores a case: the file, and Pillow's reading of it, from which a lossy one may differ a little. rgb: what is right
    instead, where Pillow's reading is not.
    """
    file = f"images/{name}.{extension}"
    (HERE / file).write_bytes(content)
    image = Image.open(io.BytesIO(content))
    mode = image.mode
    right = rgb and Image.frombytes("RGB", (WIDTH, HEIGHT), rgb)
    rgb = right or image.convert("RGB")
    case = {"name": name, "file": file, "mode": mode, "lossy": lossy, "width": rgb.width, "height": rgb.height}
    case["rgb"] = f"rgb/{name}.rgb"
    (HERE / case["rgb"]).write_bytes(rgb.tobytes())
    if short:
        case["short"] = True
    upright = right or ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
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


def add_gif():
    colours = rng.integers(0, 256, 3 * 16, dtype=np.uint8).tobytes()
    other = rng.integers(0, 256, 3 * 8, dtype=np.uint8).tobytes()
    indices, small = GREY % 16, GREY[:5, :7] % 16

    def gif(frames, palette=colours, screen=(WIDTH, HEIGHT), version=b"89a", background=0, end=b";"):
        """frames: dictionaries with indices, and the place, a local palette, transparent index, and interlacing."""

        def table(palette):
            return 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0

        def blocks(data):
            return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"

        file = b"GIF" + version + struct.pack("<HHBBB", *screen, table(palette), background, 0) + palette
        for frame in frames:
            pixels, local = frame["indices"], frame.get("palette", b"")
            height, width = pixels.shape
            if "transparent" in frame:
                file += b"!\xf9" + blocks(struct.pack("<BHB", 1, 10, frame["transparent"]))
            flags = table(local)
            if frame.get("interlaced"):
                flags |= 0x40
                rows = [range(0, height, 8), range(4, height, 8), range(2, height, 4), range(1, height, 2)]
                pixels = pixels[[row for rows_of_pass in rows for row in rows_of_pass]]
            file += b"," + struct.pack("<HHHHB", *frame.get("at", (0, 0)), width, height, flags) + local
            file += b"\x04" + blocks(lzw(pixels.ravel()))
        return file + end

    def lzw(pixels):
        """Codes of 5 bits that are pixels of 4, with so many codes in between to clear the table that it never grows."""
        codes = [code for i, pixel in enumerate(pixels) for code in ([16, pixel] if i % 14 == 0 else [pixel])] + [17]
        bits = "".join(f"{code:05b}"[::-1] for code in codes)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))

    rgb = Image.fromarray(RGB)
    add("gif-p", "gif", save(rgb.quantize(200), "GIF"))
    add("gif-l", "gif", save(Image.fromarray(GREY), "GIF"))
    add("gif-1", "gif", save(Image.fromarray(GREY).convert("1"), "GIF"))
    add("gif-transparent", "gif", save(rgb.quantize(11), "GIF", transparency=3))
    add("gif-animated", "gif", save(rgb, "GIF", save_all=True, append_images=[Image.fromarray(RGB[::-1])]))
    add("gif-87a", "gif", gif([{"indices": indices}], version=b"87a"))
    add("gif-interlaced", "gif", gif([{"indices": indices, "interlaced": True}]))
    add("gif-local-palette", "gif", gif([{"indices": indices % 8, "palette": other}]))
    add("gif-without-palette", "gif", gif([{"indices": indices}], palette=b""))
    add("gif-grey-palette", "gif", gif([{"indices": indices}], palette=bytes(np.repeat(range(8), 3).tolist())))
    add("gif-index-beyond-palette", "gif", gif([{"indices": indices}], palette=other))
    add("gif-small-frame", "gif", gif([{"indices": small, "at": (3, 2)}, {"indices": indices}], background=5))
    add("gif-small-transparent", "gif", gif([{"indices": small, "at": (3, 2), "transparent": 9}], background=5))
    add("gif-frame-beyond-screen", "gif", gif([{"indices": indices}], screen=(9, 20)))
    add("gif-frame-out-of-screen", "gif", gif([{"indices": indices, "at": (5, 1)}], screen=(9, 9)))
    add("gif-no-end", "gif", gif([{"indices": indices}], end=b"\0\0"))


def add_broken_png():
    """What breaks the rules, and has every pixel all the same."""
    whole = png(RGB, 8, 2)
    header, pixels = whole[8:33], whole[33:-12]
    start, end = whole[:33], whole[-12:]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def frame(number, width=WIDTH):
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, HEIGHT, 0, 0, 1, 10, 0, 0))

    data = pixels[8:-4]
    palette = bytes(rng.integers(0, 256, 3 * 16, dtype=np.uint8))
    # Palettes that no encoder should write: Pillow leaves out a part of a colour, and transparency that is of no colour.
    # A colour that the palette does not have is black.
    indices = GREY % 16
    add("png-palette-uneven", "png", png(indices, 4, 3, [(b"PLTE", palette[:-2])]))
    add("png-palette-transparency-long", "png", png(indices, 4, 3, [(b"PLTE", palette), (b"tRNS", bytes(40))]))
    p4 = png(GREY % 16, 4, 3, [(b"PLTE", palette)], interlaced=True)
    more = struct.pack(">I", 2) + zlib.compress(bytes(HEIGHT * (3 * WIDTH + 1)))
    add("png-no-end", "png", whole[:-12], short=True)
    add("png-cut-in-end", "png", whole[:-7], short=True)
    add("png-cut-in-checksum", "png", whole[:-14], short=True)
    add("png-zeros-for-end", "png", whole[:-12] + bytes(40), short=True)
    add("png-p4-interlaced-no-end", "png", p4[:-12], short=True)
    add("png-rgba16-no-end", "png", png(np.dstack([RGB16, ALPHA16]), 16, 6)[:-12], short=True)
    add("png-pixels-checksum", "png", start + pixels[:-1] + bytes([pixels[-1] ^ 1]) + end)
    add("png-no-checksum-of-pixels", "png", start + chunk(b"IDAT", data[:-4]) + end)
    add("png-many-chunks", "png", start + b"".join(chunk(b"IDAT", data[i : i + 7]) for i in range(0, len(data), 7)) + end)
    add("png-unknown-critical", "png", start + chunk(b"ABCD", b"?") + pixels + end)
    add("png-two-headers", "png", start + header + pixels + end)
    add("png-text-first", "png", whole[:8] + chunk(b"tEXt", b"a\0b") + whole[8:])
    add("png-odd-proposed-palette", "png", start + chunk(b"PLTE", b"12345") + pixels + end)
    add("png-longer-header", "png", whole[:8] + chunk(b"IHDR", header[8:-4] + b"\0") + pixels + end)
    add("png-followed", "png", whole + b"what follows")
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    add("png-animated", "png", start + control + frame(0) + pixels + frame(1) + chunk(b"fdAT", more) + end)
    add("png-animated-cut", "png", (start + control + frame(0) + pixels + frame(1) + chunk(b"fdAT", more))[:-9], short=True)


def add_odd_bmp():
    bgr, bgra = RGB[:, :, ::-1], np.dstack([RGB[:, :, ::-1], ALPHA])
    palette = bytes(rng.integers(0, 256, 4 * 256, dtype=np.uint8))
    rows = [row.tobytes() for row in bgr]

    def odd(rows, bits, length=40, planes=1, compression=0, palette=b"", masks=(), stated=0, offset=None, top_down=False):
        """A BMP file with a header of this length. Colours of a palette have three bytes in OS/2 1.x."""
        if not isinstance(rows, bytes):
            rows = b"".join(row + bytes(-len(row) % 4) for row in (rows if top_down else rows[::-1]))
        height = -HEIGHT if top_down else HEIGHT
        if length == 12:
            info = struct.pack("<IHHHH", 12, WIDTH, height, planes, bits)
        else:
            fields = (length, WIDTH, height, planes, bits, compression, len(rows), 0, 0, stated, 0)
            info = struct.pack("<IiiHHIIiiII", *fields) + struct.pack(f"<{len(masks)}I", *masks)
            info = info.ljust(length, b"\0")
        start = 14 + len(info) + len(palette)
        file = struct.pack("<IHHI", start + len(rows), 0, 0, start if offset is None else offset)
        return b"BM" + file + info + palette + rows

    indices = [row.tobytes() for row in GREY]
    few = [row.tobytes() for row in GREY % 14]
    three_bytes = bytes(np.frombuffer(palette, np.uint8).reshape(-1, 4)[:, :3].tobytes())
    words = [row.tobytes() for row in rng.integers(0, 65536, (HEIGHT, WIDTH)).astype("<u2")]
    quads = [row.tobytes() for row in bgra]
    bgr_masks = (0xFF0000, 0xFF00, 0xFF)
    add("bmp-no-planes", "bmp", odd(rows, 24, planes=0))
    add("bmp-os2-rgb", "bmp", odd(rows, 24, length=12))
    add("bmp-os2-p", "bmp", odd(indices, 8, length=12, palette=three_bytes))
    add("bmp-os2-2-rgb", "bmp", odd(rows, 24, length=64))
    add("bmp-os2-2-p", "bmp", odd(indices, 8, length=64, palette=palette))
    add("bmp-os2-2-rgb555", "bmp", odd(words, 16, length=64))
    add("bmp-52-rgb565", "bmp", odd(words, 16, 52, compression=3, masks=(0xF800, 0x07E0, 0x001F)))
    add("bmp-56-rgba", "bmp", odd(quads, 32, 56, compression=3, masks=(*bgr_masks, 0xFF000000)))
    add("bmp-v4-rgba", "bmp", odd(quads, 32, 108, compression=3, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000)))
    add("bmp-v5-xbgr", "bmp", odd(quads, 32, 124, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0)))
    add("bmp-v5-abgr", "bmp", odd(quads, 32, 124, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF)))
    add("bmp-masks-of-zero", "bmp", odd(quads, 32, 108, compression=3, masks=(0, 0, 0, 0)))
    masks = struct.pack("<3I", 0xFF000000, 0xFF00, 0xFF)
    add("bmp-40-bgxr", "bmp", odd(quads, 32, compression=3, palette=masks))
    add("bmp-24-masks", "bmp", odd(rows, 24, 108, compression=3, masks=bgr_masks))
    add("bmp-few-colours", "bmp", odd(few, 8, palette=palette[: 4 * 11], stated=11))
    add("bmp-fewer-than-stated", "bmp", odd(few, 8, palette=palette[: 4 * 14]))
    add("bmp-no-offset", "bmp", odd(few, 8, palette=palette[: 4 * 14], stated=14, offset=0))
    add("bmp-offset-of-palette", "bmp", odd(few, 8, palette=palette[: 4 * 14], stated=14, offset=54))
    add("bmp-proposed-palette", "bmp", odd(rows, 24, palette=palette[:40], stated=10))
    greys = bytes(np.dstack([np.repeat(np.arange(200), 3).reshape(1, 200, 3), np.zeros((1, 200, 1))]).astype(np.uint8))
    add("bmp-grey-palette", "bmp", odd(indices, 8, palette=greys, stated=200))
    add("bmp-os2-2-top-down", "bmp", odd(rows, 24, length=64, top_down=True))
    add("bmp-no-last-padding", "bmp", odd(rows, 24)[:-1], short=True)
    # Rows of a run of 9 and 8 literals, an odd number of nibbles last; then a skip to the next but one row.
    run = b"\x09\x35" + b"\0\x08\x01\x23\x45\x67" + b"\0\0"
    add("bmp-rle4", "bmp", odd(run * HEIGHT + b"\0\1", 4, compression=2, palette=palette[:64]))
    odd_run = b"\x0c\x35" + b"\0\x05\x01\x23\x40\0" + b"\0\0"
    add("bmp-rle4-odd", "bmp", odd(odd_run * HEIGHT + b"\0\1", 4, compression=2, palette=palette[:64]))
    skips = b"\x05\x02\0\2\x03\x02" + b"\x09\x01\0\0"
    rle8 = skips + b"\x11\x07\0\0" * (HEIGHT - 3) + b"\0\1"
    add("bmp-rle8-skips", "bmp", odd(rle8, 8, compression=1, palette=palette))
    add("bmp-rle8-top-down", "bmp", odd(rle8, 8, compression=1, palette=palette, top_down=True))
    add("bmp-rle8-no-end", "bmp", odd(b"\xff\x03\0\0" * HEIGHT, 8, compression=1, palette=palette))


def add_odd_tiff():
    rgba = np.dstack([RGB, ALPHA])
    whole = RGB.tobytes()
    strips = [RGB[top : top + 5].tobytes() for top in range(0, HEIGHT, 5)]

    def tiles(pixels, size=(16, 16)):
        """The tiles of an image or plane, which are filled up beyond its edges."""
        across, down = size
        padding = ((0, -len(pixels) % down), (0, -pixels.shape[1] % across)) + ((0, 0),) * (pixels.ndim - 2)
        full = np.pad(pixels, padding, constant_values=77)
        corners = [(y, x) for y in range(0, HEIGHT, down) for x in range(0, WIDTH, across)]
        return [full[y : y + down, x : x + across].tobytes() for y, x in corners]

    def differences(pixels):
        """What predictor 2 leaves of rows of samples."""
        return np.concatenate([pixels[:, :1], np.diff(pixels, axis=1)], axis=1).astype(pixels.dtype)

    planes = [RGB[:, :, c] for c in range(3)]
    add("tiff-no-lengths", "tif", tiff([whole], [8] * 3, 2, tag_279=None))
    add("tiff-no-lengths-strips", "tif", tiff(strips, [8] * 3, 2, tag_278=[5], tag_279=None))
    add("tiff-no-lengths-deflate", "tif", tiff([zlib.compress(whole)], [8] * 3, 2, tag_279=None, tag_259=[8]))
    add("tiff-no-rows-per-strip", "tif", tiff([whole], [8] * 3, 2, tag_278=None))
    add("tiff-neither", "tif", tiff([whole], [8] * 3, 2, tag_278=None, tag_279=None))
    add("tiff-lengths-of-zero", "tif", tiff(strips, [8] * 3, 2, tag_278=[5], tag_279=[0] * 3))
    add("tiff-lengths-too-short", "tif", tiff(strips, [8] * 3, 2, tag_278=[5], tag_279=[9] * 3))
    add("tiff-strips", "tif", tiff(strips, [8] * 3, 2, tag_278=[5]))
    add("tiff-huge-rows-per-strip", "tif", tiff([whole], [8] * 3, 2, tag_278=[65535]))
    add("tiff-one-depth", "tif", tiff([whole], [8], 2, tag_277=[3]))
    add("tiff-no-photometric", "tif", tiff([GREY.tobytes()], [8], 1, tag_262=None))
    add("tiff-tiles", "tif", tiff(tiles(RGB), [8] * 3, 2, tile=(16, 16)))
    add("tiff-tiles-no-lengths", "tif", tiff(tiles(RGB), [8] * 3, 2, tile=(16, 16), tag_325=None))
    add("tiff-tiles-wide", "tif", tiff(tiles(RGB, (32, 16)), [8] * 3, 2, tile=(32, 16)))
    add("tiff-tiles-l", "tif", tiff(tiles(GREY), [8], 1, tile=(16, 16)))
    grey16 = GREY16.astype("<u2")
    add("tiff-tiles-i16", "tif", tiff(tiles(grey16), [16], 1, tile=(16, 16)))
    of_planes = [tile for plane in planes for tile in tiles(plane)]
    add("tiff-tiles-planar", "tif", tiff(of_planes, [8] * 3, 2, tile=(16, 16), tag_284=[2]))
    of_planes = [zlib.compress(tile) for plane in planes for tile in tiles(differences(plane))]
    add("tiff-tiles-planar-deflate", "tif", tiff(of_planes, [8] * 3, 2, tile=(16, 16), tag_284=[2], tag_259=[8], tag_317=[2]))
    of_planes = [plane[top : top + 5].tobytes() for plane in planes for top in range(0, HEIGHT, 5)]
    add("tiff-strips-planar", "tif", tiff(of_planes, [8] * 3, 2, tag_278=[5], tag_284=[2]))
    deflated = [zlib.compress(differences(rgba).tobytes())]
    add("tiff-rgbx-predictor", "tif", tiff(deflated, [8] * 4, 2, tag_259=[8], tag_317=[2], tag_338=[0]))
    five = np.dstack([rgba, GREY])
    add("tiff-rgb-and-2", "tif", tiff([five.tobytes()], [8] * 5, 2, tag_338=[0, 0]))
    deflated = [zlib.compress(differences(five).tobytes())]
    add("tiff-rgba-and-1-predictor", "tif", tiff(deflated, [8] * 5, 2, tag_259=[8], tag_317=[2], tag_338=[1, 0]))
    add("tiff-cmyk-and-1", "tif", tiff([five.tobytes()], [8] * 5, 5, tag_338=[0]))
    rgb16 = RGB16.astype("<u2")
    add("tiff-rgb16-predictor", "tif", tiff([zlib.compress(differences(rgb16).tobytes())], [16] * 3, 2, tag_259=[8], tag_317=[2]))
    floats = FLOATS.astype("<f4").view(np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, ::-1]
    sorted_bytes = floats.transpose(0, 2, 1).reshape(HEIGHT, -1)
    add("tiff-f32-predictor", "tif", tiff([zlib.compress(differences(sorted_bytes).tobytes())], [32], 1, tag_259=[8], tag_317=[3], tag_339=[3]))
    backwards = np.packbits(np.unpackbits(RGB, bitorder="little")).tobytes()
    add("tiff-fill-order-2", "tif", tiff([backwards], [8] * 3, 2, tag_266=[2]))
    bits = np.packbits(np.pad(GREY % 2, ((0, 0), (0, -WIDTH % 8))), axis=1)
    backwards = np.packbits(np.unpackbits(bits, bitorder="little")).tobytes()
    add("tiff-1-fill-order-2", "tif", tiff([backwards], [1], 1, tag_266=[2]))
    deflated = np.frombuffer(zlib.compress(whole), np.uint8)
    backwards = np.packbits(np.unpackbits(deflated, bitorder="little")).tobytes()
    add("tiff-deflate-fill-order-2", "tif", tiff([backwards], [8] * 3, 2, tag_259=[8], tag_266=[2]))
    colors = [int(v) for v in rng.integers(0, 65536, 3 * 256)]
    add("tiff-pa", "tif", tiff([np.dstack([GREY, ALPHA]).tobytes()], [8, 8], 3, tag_320=colors, tag_338=[2]))
    # Pillow cuts these off, which makes them black.
    unit = np.linspace(0, 1, HEIGHT * WIDTH, dtype="<f4").reshape(HEIGHT, WIDTH)
    right = np.repeat((unit * np.float32(255)).astype(np.uint8), 3).tobytes()
    add("tiff-f32-unit", "tif", tiff([unit.tobytes()], [32], 1, tag_339=[3]), rgb=right)


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
    add_gif()
    add_broken_png()
    add_odd_bmp()
    add_odd_tiff()
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(len(cases), "cases")


main()
