"""JPEG files of every layout, sound and damaged, and what Pillow makes of them.

Made with Python 3.11.7, Pillow 13.0.0 with the libjpeg-turbo that its wheel carries, numpy 2.4.6:

    python generate.py

writes, beside this file, files.bin (the JPEG files, one after another), rgb.bin (Pillow's pictures, height x width x 3
bytes of Image.open(f).convert("RGB")), and cases.json, the index: the name of a case, the start and length of its file,
and either the start and length of its picture with its width and height, or "refused" with the kind of the error and
words of its reason. "pillow" says what Pillow does with a file that is refused here.

The layouts are crossed: sequential or progressive, the sampling, how components are shared among scans, restart markers,
and colours. All files of one sampling and one kind of colours have the same coefficients, so Pillow must make one picture
of them, and does.
"""

import io
import itertools
import json
import pathlib

import numpy as np
from encoder import JFIF, Picture, Scan, adobe, encode, head, interval_segment, quantization, segment
from PIL import Image

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 35, 19
cases = []
files = bytearray()
pictures = bytearray()
known = {}


# --- Pictures ---------------------------------------------------------------------------------------------------


def rgb_planes():
    """Smooth colours with an edge: a shift by one sample shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [128 + 70 * np.sin(x / (6 + c) + 2 * c) * np.cos(y / (7 - c)) for c in range(3)]
    for c, plane in enumerate(planes):
        plane[5:12, 9:23] += (40, -30, 20)[c]
    return [plane.clip(0, 255) for plane in planes]


def ycbcr(red, green, blue):
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return [luminance, 128 + (blue - luminance) / 1.772, 128 + (red - luminance) / 1.402]


RED, GREEN, BLUE = rgb_planes()
BLACK = np.mgrid[0:HEIGHT, 0:WIDTH][1] * 3 + 140.0
COLOURS = {
    "grey": ([GREEN], JFIF),
    "ycbcr": (ycbcr(RED, GREEN, BLUE), JFIF),
    "rgb": ([RED, GREEN, BLUE], adobe(0)),
    "cmyk": ([RED, GREEN, BLUE, BLACK], adobe(0)),
    "ycck": ([*ycbcr(RED, GREEN, BLUE), BLACK], adobe(2)),
}
SAMPLINGS = {
    "444": [(1, 1), (1, 1)],
    "422": [(2, 1), (1, 1)],
    "420": [(2, 2), (1, 1)],
    "440": [(1, 2), (1, 1)],
    "411": [(4, 1), (1, 1)],
    "410": [(4, 2), (1, 1)],
    "luma-subsampled": [(1, 1), (2, 2)],
    "luma-subsampled-h": [(1, 1), (2, 1)],
    "luma-subsampled-v": [(1, 1), (1, 2)],
    "three-wide": [(3, 1), (1, 1)],
    "three-high": [(1, 3), (1, 1)],
    "444-as-2x1": [(2, 1), (2, 1)],
}


def factors(sampling, count):
    """The first and the fourth component have one resolution, the others another."""
    first, others = SAMPLINGS[sampling]
    return [first, others, others, first][:count]


# --- Cases ------------------------------------------------------------------------------------------------------


def pillow(data):
    """Pillow's picture, or its error."""
    try:
        image = Image.open(io.BytesIO(data))
        return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        return f"{type(error).__name__}: {error}"


def store(name, data, **more):
    cases.append({"name": name, "start": len(files), "length": len(data), **more})
    files.extend(data)


def add(name, data):
    """A file of which Pillow's picture is expected."""
    found = pillow(data)
    assert not isinstance(found, str), (name, found)
    pixels = found.tobytes()
    if pixels not in known:
        known[pixels] = len(pictures)
        pictures.extend(pixels)
    store(name, data, rgb=known[pixels], width=found.shape[1], height=found.shape[0])
    return found


def refuse(name, data, kind, words):
    """A file that is refused. Pillow reads some of these: it fills with grey what is missing."""
    found = pillow(data)
    how = found if isinstance(found, str) else "reads it"
    if not isinstance(found, str) and (found == 128).all(axis=2).mean() > 0.05:
        how = "reads it, partly grey"
    store(name, data, refused=kind, words=words, pillow=how)


def add_layouts():
    for colours, (planes, markers) in COLOURS.items():
        for sampling in SAMPLINGS:
            count = len(planes)
            if count == 1 and sampling not in ("444", "422", "420", "440", "411"):
                continue
            picture = Picture(planes, factors(sampling, count))
            blocks = sum(h * v for h, v in picture.factors)
            groupings = {"single": [[c] for c in range(count)]}
            if count > 1:
                groupings["partly"] = [[0], [1, 2]] if count == 3 else [[0, 3], [1, 2]]
            if count > 1 and blocks <= 10:
                groupings["together"] = [list(range(count))]
            found = []
            for progressive, (grouping, groups), interval in itertools.product((False, True), groupings.items(), (0, 2)):
                # Four components take the most room: the rarer samplings have no progressive ones.
                if progressive and count == 4 and sampling not in list(SAMPLINGS)[:5] + ["luma-subsampled"]:
                    continue
                if max(sum(np.prod(picture.factors[c]) for c in group) for group in groups if len(group) > 1 or [0]) > 10:
                    continue
                coding = "progressive" if progressive else "sequential"
                name = f"{coding} {sampling} {grouping} {'restart' if interval else 'plain'} {colours}"
                found.append(add(name, encode(picture, groups, progressive, interval, markers)))
            assert all((other == found[0]).all() for other in found), sampling


def photo(sampling="444", step=6):
    return Picture(COLOURS["ycbcr"][0], factors(sampling, 3), step)


TOGETHER = [[0, 1, 2]]


def add_colours():
    picture, rgb = photo(), Picture([RED, GREEN, BLUE], factors("444", 3))
    names = list(b"RGB")
    add("jfif with adobe transform 0", encode(picture, TOGETHER, markers=JFIF + adobe(0)))
    add("adobe transform 0 with jfif", encode(picture, TOGETHER, markers=adobe(0) + JFIF))
    add("jfif with components R, G, B", encode(picture, TOGETHER, markers=JFIF, ids=names))
    add("components R, G, B", encode(rgb, TOGETHER, ids=names))
    add("components r, g, b", encode(picture, TOGETHER, ids=list(b"rgb")))
    add("components R, G, B with adobe transform 1", encode(picture, TOGETHER, markers=adobe(1), ids=names))
    add("components 0, 1, 2", encode(picture, TOGETHER, ids=[0, 1, 2]))
    add("adobe transform 1", encode(picture, TOGETHER, markers=adobe(1)))
    add("adobe transform 2 of three components", encode(picture, TOGETHER, markers=adobe(2)))
    add("adobe transform 7", encode(picture, TOGETHER, markers=adobe(7)))
    add("adobe segment of 7 bytes", encode(picture, TOGETHER, markers=segment(0xEE, b"Adobe\0\x64")))
    add("adobe segment of 11 bytes", encode(picture, TOGETHER, markers=segment(0xEE, b"Adobe\0\x64\0\0\0\0")))
    add("empty adobe segment", encode(picture, TOGETHER, markers=segment(0xEE, b"")))
    add("long adobe segment", encode(rgb, TOGETHER, markers=segment(0xEE, b"Adobe\0\x64\0\0\0\0\0more")))
    add("short jfif segment", encode(rgb, TOGETHER, markers=segment(0xE0, b"JFIF\0\1\1") + adobe(0)))
    for colours, transform in (("cmyk", 0), ("ycck", 1), ("ycck", 2)):
        inks = Picture(COLOURS[colours][0], factors("444", 4))
        add(f"four components with adobe transform {transform}", encode(inks, [[0, 1, 2, 3]], markers=adobe(transform)))
    inks = Picture(COLOURS["cmyk"][0], factors("444", 4))
    add("four components without a marker", encode(inks, [[0, 1, 2, 3]]))
    add("four components with jfif", encode(inks, [[0, 1, 2, 3]], markers=JFIF))


def standard_tables():
    """The tables of annex K.3, from a file of Pillow's."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data, at, tables = buffer.getvalue(), 2, {}
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        content = data[at + 4 : at + 2 + length] if data[at + 1] == 0xC4 else b""
        while content:
            count = sum(content[1:17])
            tables[content[0]] = (list(content[1:17]), list(content[17 : 17 + count]))
            content = content[17 + count :]
        at += 2 + length
    return tables


def add_odd():
    picture = photo()
    plain = encode(picture, TOGETHER, markers=JFIF)
    start = head(picture, markers=JFIF)
    end = b"\xff\xd9"

    def scans(groups, **more):
        return [Scan(picture, group, **more) for group in groups]

    (scan,) = scans(TOGETHER)
    add("equal component names", encode(picture, TOGETHER, markers=JFIF, ids=[1, 1, 1]))
    add("two equal component names", encode(picture, TOGETHER, markers=JFIF, ids=[1, 2, 2]))
    add("equal component names, partly", encode(picture, [[0, 1], [2]], markers=JFIF, ids=[1, 2, 3]))
    no_tables = Scan(picture, [0, 1, 2], standard=standard_tables())
    add("no Huffman tables", start + no_tables.bytes() + end)
    singles = scans([[0], [1], [2]])
    add("chroma first", start + b"".join(singles[c].bytes() for c in (1, 2, 0)) + end)
    comment, other = segment(0xFE, b"a comment"), segment(0xE5, b"other")
    add("segments between scans", start + (comment + other).join(s.bytes() for s in singles) + comment + end)
    intervals = [Scan(picture, [c], interval=c + 2) for c in range(3)]
    parts = (interval_segment(c + 2) + scan.bytes() for c, scan in enumerate(intervals))
    add("another restart interval in each scan", start + b"".join(parts) + end)
    add("an interval of its own for one scan", start + singles[0].bytes() + interval_segment(3)
        + Scan(picture, [1], interval=3).bytes() + segment(0xDD, b"\0\0") + singles[2].bytes() + end)
    add("fill bytes before markers", start + b"\xff" * 3 + b"".join(scan.tables) + b"\xff\xff" + scan.header + scan.data() + b"\xff" * 4 + end)
    add("extended sequential", head(picture, 0xC1, markers=JFIF) + scan.bytes() + end)
    add("bytes between segments", start + b"\0\1\2\3\4\5" + scan.bytes() + end)
    add("bytes after the data", start + scan.bytes() + b"\x55" * 9 + end)
    add("bytes after the end", plain + b"what a camera appends" + plain)
    add("end marker overwritten by zeros", plain[:-2] + bytes(40))
    add("scans apart, end marker twice", start + b"".join(s.bytes() for s in singles) + end + end)
    add("sequential scan with parts in its header", start + b"".join(scan.tables) + scan.header[:-3] + b"\0\0\0" + scan.data() + end)
    add("segments of length 0 and 1", start + b"\xff\xfe\0\0\xff\xe7\0\1" + scan.bytes() + end)
    add("an impossible table that is not used", start + segment(0xC4, bytes([3, 3, *[0] * 15, 1, 2, 3])) + scan.bytes() + end)
    restarts = Scan(picture, [0, 1, 2], interval=2)
    add("restart marker after the last interval", start + interval_segment(2) + restarts.bytes() + b"\xff" + bytes([0xD0 + (len(restarts.pieces) - 1) % 8]) + end)
    add("restart interval longer than the picture", start + interval_segment(9999) + scan.bytes() + end)
    add("sixteen bits of quantization", head(picture, markers=JFIF).replace(quantization(picture), quantization16(picture)) + scan.bytes() + end)
    for width, height in itertools.product((1, 2, 3, 4, 5, 8, 9, 16, 17), repeat=2):
        if (width * 7 + height * 3) % 4 == 0:
            small = [plane[:height, :width] for plane in COLOURS["ycbcr"][0]]
            for sampling in ("420", "440", "422", "luma-subsampled"):
                add(f"{width} x {height} {sampling}", encode(Picture(small, factors(sampling, 3)), TOGETHER, markers=JFIF))


def quantization16(picture):
    values = quantization(picture)[5:]
    return segment(0xDB, b"\x10" + b"".join(bytes([0, value]) for value in values))


def add_refused():
    picture = photo()
    start = head(picture, markers=JFIF)
    end = b"\xff\xd9"
    plain = encode(picture, TOGETHER, markers=JFIF)
    progressive = encode(picture, TOGETHER, True, markers=JFIF)
    scan = Scan(picture, [0, 1, 2])
    singles = [Scan(picture, [c]) for c in range(3)]
    data = scan.data()
    half = len(data) // 2
    begin = start + b"".join(scan.tables) + scan.header

    refuse("cut before the end marker", plain[:-2], "truncated", "end-of-image marker is missing")
    refuse("cut in half", plain[: len(plain) - half], "truncated", "end-of-image marker is missing")
    refuse("progressive, cut before the end marker", progressive[:-2], "truncated", "end-of-image marker is missing")
    refuse("progressive, end marker overwritten by zeros", progressive[:-2] + bytes(40), "truncated", "end-of-image marker is missing")
    refuse("the second half overwritten by zeros", begin + data[:half] + bytes(half + 2), "truncated", "the file ends in row")
    refuse("the second half and more overwritten by zeros", begin + data[:half] + bytes(9 * half), "truncated", "end-of-image marker is missing")
    refuse("end marker in the middle", begin + data[:half] + end, "corrupt", "the data end in row")
    simple = [Scan(picture, [0, 1, 2], (0, 0, 0, 0)), *(Scan(picture, [c], (1, 63, 0, 0)) for c in range(3))]
    simple = head(picture, 0xC2, markers=JFIF) + b"".join(scan.bytes() for scan in simple)
    refuse("end marker in the middle of a progressive picture", simple[:-20] + end, "corrupt", "the data end in row")
    refuse("stray segment in the data", begin + data[:half] + segment(0xE5, b"other") + data[half:] + end, "corrupt", "by the marker FF E5")
    refuse("stray marker in the data", begin + data[:half] + b"\xff\xe5\xf0\xf0" + data[half:] + end, "corrupt", "by the marker FF E5")
    refuse("stray unknown marker in the data", begin + data[:half] + b"\xff\x05" + data[half:] + end, "corrupt", "by the marker FF 05")
    refuse("stray start of scan in the data", begin + data[:half] + b"\xff\xda" + data[half:] + end, "corrupt", "by the marker FF DA")
    refuse("stray restart marker in the data", begin + data[:half] + b"\xff\xd3" + data[half:] + end, "corrupt", "FF D3 (byte")

    interval = 2
    restarts = Scan(picture, [0, 1, 2], interval=interval)
    begin_restarts = start + interval_segment(interval) + b"".join(restarts.tables) + restarts.header
    pieces = [piece + bytes([0xFF, 0xD0 + n % 8]) for n, piece in enumerate(restarts.pieces)]
    pieces[-1] = pieces[-1][:-2]

    def changed(pieces):
        return begin_restarts + b"".join(pieces) + end

    assert isinstance(pillow(changed(pieces)), np.ndarray)
    lost = [*pieces[:2], pieces[2][:-2], *pieces[3:]]
    refuse("restart marker lost", changed(lost), "corrupt", "restart marker 2 was expected, 3 was found")
    refuse("first restart marker lost", changed([pieces[0][:-2], *pieces[1:]]), "corrupt", "restart marker 0 was expected, 1 was found")
    refuse("last restart marker lost", changed([*pieces[:-2], pieces[-2][:-2], pieces[-1]]), "corrupt", "restart markers were expected")
    refuse("restart marker doubled", changed([*pieces[:2], pieces[2] + pieces[2][-2:], *pieces[3:]]), "corrupt", "restart marker 3 was expected, 2 was found")
    refuse("interval doubled", changed([*pieces[:3], pieces[2], *pieces[3:]]), "corrupt", "restart marker 3 was expected, 2 was found")
    refuse("interval lost", changed([*pieces[:2], *pieces[3:]]), "corrupt", "restart marker 2 was expected, 3 was found")
    swapped = [*pieces[:2], pieces[3], pieces[2], *pieces[4:]]
    refuse("intervals swapped", changed(swapped), "corrupt", "restart marker 2 was expected, 3 was found")
    longer = [pieces[0][:-2] + b"\xff\xd4", *pieces[1:]]
    refuse("restart marker of another number", changed(longer), "corrupt", "restart marker 0 was expected, 4 was found")
    doubled = start + interval_segment(2 * interval) + b"".join(restarts.tables) + restarts.header + b"".join(pieces) + end
    refuse("restart interval stated twice as long", doubled, "corrupt", "restart markers were expected")
    none = start + b"".join(restarts.tables) + restarts.header + b"".join(pieces) + end
    refuse("restart interval not stated", none, "corrupt", "a scan that has no restart intervals")
    refuse("restart interval without markers", start + interval_segment(2) + scan.bytes() + end, "corrupt", "restart markers were expected in a scan, 0 were found")

    refuse("one component without a scan", start + singles[0].bytes() + singles[1].bytes() + end, "corrupt", "no scan holds component 3 of 3")
    refuse("a second scan of all components", start + scan.bytes() * 2 + end, "corrupt", "two scans hold component 1")
    refuse("scans of equal component names", start.replace(b"\x02\x11\0\x03\x11\0", b"\x01\x11\0\x01\x11\0") + singles[0].bytes() * 3 + end, "corrupt", "two scans hold component 1")
    first = Scan(picture, [0, 1, 2], (0, 0, 0, 0))
    refuse("progressive without its last scans", head(picture, 0xC2, markers=JFIF) + first.bytes() + end, "unsupported", "stops before its last scans")
    refuse("no scan", start + end, "corrupt", "it has no scan")
    refuse("no frame header", b"\xff\xd8" + JFIF + end, "corrupt", "no frame header")
    refuse("no quantization table", start.replace(quantization(picture), b"") + scan.bytes() + end, "corrupt", "quantization table 0 is missing")
    refuse("two frame headers", start + start[2:] + scan.bytes() + end, "corrupt", "two frame headers")
    refuse("two starts", b"\xff\xd8" + start + scan.bytes() + end, "corrupt", "second start-of-image")
    refuse("an impossible code", begin + b"\xff\0" * 40 + data + end, "corrupt", "a code or value that can't be")
    bad_table = segment(0xC4, bytes([0, 3, *[0] * 15, 1, 2, 3]))
    steep = b"\xff\xfe\0\4ab" + segment(0xDB, b"\x10" + b"\x30\0" * 64)
    refuse("coefficients beyond any picture", start.replace(quantization(picture), steep) + b"".join(s.bytes() for s in singles) + end, "corrupt", "a code or value that can't be")
    refuse("progressive without Huffman tables", progressive.replace(b"\xff\xc4", b"\xff\xfe"), "corrupt", "needs Huffman table 0, which is missing")
    refuse("a table with too many codes", start + b"".join(scan.tables) + bad_table + scan.header + data + end, "corrupt", "too many codes of 1 bit")

    fraction = Picture(COLOURS["ycbcr"][0], [(3, 1), (2, 1), (2, 1)])
    refuse("three to two", encode(fraction, TOGETHER, markers=JFIF), "unsupported", "stored at 2/3 x 1/1 of the size")
    big = Picture(COLOURS["ycbcr"][0], [(2, 2)] * 3)
    refuse("twelve blocks in a unit", encode(big, TOGETHER, markers=JFIF), "corrupt", "12 blocks")
    two = Picture(COLOURS["ycbcr"][0][:2], [(1, 1)] * 2)
    refuse("two components", encode(two, [[0, 1]], markers=JFIF), "unsupported", "2 components")
    frame_at = plain.index(b"\xff\xc0")

    def with_frame(at, *values):
        return plain[: frame_at + at] + bytes(values) + plain[frame_at + at + len(values) :]

    refuse("lossless", with_frame(1, 0xC3), "unsupported", "lossless coding")
    refuse("hierarchical", with_frame(1, 0xC5), "unsupported", "hierarchical coding")
    refuse("arithmetic", with_frame(1, 0xC9), "unsupported", "arithmetic coding")
    refuse("progressive arithmetic", with_frame(1, 0xCA), "unsupported", "arithmetic coding")
    refuse("JPEG-LS", with_frame(1, 0xF7), "unsupported", "JPEG-LS coding")
    refuse("twelve bits", with_frame(4, 12), "unsupported", "samples of 12 bits")
    refuse("height after the picture", with_frame(5, 0, 0), "unsupported", "a height that only follows")
    refuse("width 0", with_frame(7, 0, 0), "corrupt", "its width is 0")
    refuse("sampling factor 0", with_frame(11, 0x01), "corrupt", "sampling factors are 0 x 1")
    refuse("sampling factor 5", with_frame(11, 0x51), "corrupt", "sampling factors are 5 x 1")


def main():
    add_layouts()
    layouts = len(cases)
    add_colours()
    add_odd()
    add_refused()
    (HERE / "files.bin").write_bytes(files)
    (HERE / "rgb.bin").write_bytes(pictures)
    lines = ",\n".join(" " + json.dumps(case) for case in cases)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n")
    print(layouts, "layouts,", len(cases), "cases,", len(files), "and", len(pictures), "bytes")
    for case in cases:
        if "refused" in case:
            print(f"{case['name']:50} {case['refused']:12} Pillow: {case['pillow']}")


main()
