"""A small JPEG encoder for layouts that usual encoders do not write (ITU T.81).

It takes components of any sampling, in any scans, sequential or progressive, with restart markers or without. Its
files are lists of segments, so that a caller can leave out, repeat or change any of them.
"""

import heapq
from collections import Counter

import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
BASIS = np.array([[np.sqrt((1 if u == 0 else 2) / 8) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)] for u in range(8)])


def segment(code, content):
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


class Picture:
    """Quantized coefficients of components. planes: full-size arrays of 0 to 255; factors: (h, v) for each."""

    def __init__(self, planes, factors, step=6):
        self.height, self.width = planes[0].shape
        self.factors = factors
        self.h_max = max(h for h, _ in factors)
        self.v_max = max(v for _, v in factors)
        # Coarser for high frequencies.
        self.table = np.array([[min(255, step + 2 * (x + y)) for x in range(8)] for y in range(8)])
        self.components = [self._coefficients(plane, h, v) for plane, (h, v) in zip(planes, factors)]

    def _coefficients(self, plane, h, v):
        across, down = self.h_max / h, self.v_max / v
        width, height = -(-self.width * h // self.h_max), -(-self.height * v // self.v_max)
        units_wide, units_high = self.units()
        padded = np.zeros((8 * units_high * v, 8 * units_wide * h))
        rows = [slice(int(y * down), max(int(y * down) + 1, int((y + 1) * down))) for y in range(height)]
        columns = [slice(int(x * across), max(int(x * across) + 1, int((x + 1) * across))) for x in range(width)]
        small = np.array([[plane[row, column].mean() for column in columns] for row in rows])
        padded[:] = np.pad(small, ((0, padded.shape[0] - height), (0, padded.shape[1] - width)), "edge")
        blocks = padded.reshape(padded.shape[0] // 8, 8, -1, 8).swapaxes(1, 2) - 128
        coefficients = np.rint(BASIS @ blocks @ BASIS.T / self.table).astype(int)
        return coefficients.reshape(*coefficients.shape[:2], 64)[:, :, ZIGZAG]

    def units(self):
        return -(-self.width // (8 * self.h_max)), -(-self.height // (8 * self.v_max))

    def blocks_of(self, scan):
        """Units of a scan, each a list of (slot, coefficients)."""
        if len(scan) == 1:
            h, v = self.factors[scan[0]]
            width, height = -(-self.width * h // self.h_max), -(-self.height * v // self.v_max)
            blocks = self.components[scan[0]]
            for y in range(-(-height // 8)):
                for x in range(-(-width // 8)):
                    yield [(0, blocks[y, x])]
            return
        units_wide, units_high = self.units()
        for unit_y in range(units_high):
            for unit_x in range(units_wide):
                unit = []
                for slot, index in enumerate(scan):
                    h, v = self.factors[index]
                    for y in range(unit_y * v, unit_y * v + v):
                        unit += [(slot, self.components[index][y, x]) for x in range(unit_x * h, unit_x * h + h)]
                yield unit


def magnitude(value):
    size = int(abs(value)).bit_length()
    return size, (value if value >= 0 else value + (1 << size) - 1)


class Tokens:
    """What a scan codes: ("dc" or "ac", symbol), (bits, how many), or None for a restart marker."""

    def __init__(self, picture, scan, first, last, high, low, interval):
        self.tokens = []
        self.first, self.last, self.high, self.low = first, last, high, low
        self.run = 0
        self.levels = [0] * len(scan)
        for number, unit in enumerate(picture.blocks_of(scan)):
            if interval and number and number % interval == 0:
                self.end_run()
                self.tokens.append(None)
                self.levels = [0] * len(scan)
            for slot, block in unit:
                self.block(slot, block)
        self.end_run()

    def end_run(self):
        if self.run:
            size = self.run.bit_length() - 1
            self.tokens += [("ac", size << 4), (self.run - (1 << size), size)]
            self.run = 0

    def difference(self, slot, value):
        size, bits = magnitude(value - self.levels[slot])
        self.levels[slot] = value
        self.tokens += [("dc", size), (bits, size)]

    def block(self, slot, block):
        block = [int(value) for value in block]
        if self.first == 0:
            if self.high:
                self.tokens.append((block[0] >> self.low & 1, 1))
                return
            self.difference(slot, block[0] >> self.low)
            if self.last == 0:
                return
        values = [int(np.sign(value)) * (abs(value) >> self.low) for value in block]
        (self.refine if self.high else self.coefficients)(values)

    def coefficients(self, values):
        progressive = (self.first, self.last) != (0, 63)
        numbers = [k for k in range(max(self.first, 1), self.last + 1) if values[k]]
        at = max(self.first, 1)
        if numbers:
            self.end_run()
        for number in numbers:
            zeros = number - at
            while zeros > 15:
                self.tokens.append(("ac", 0xF0))
                zeros -= 16
            size, bits = magnitude(values[number])
            self.tokens += [("ac", zeros << 4 | size), (bits, size)]
            at = number + 1
        if at <= self.last:
            if progressive:
                self.run += 1
            else:
                self.tokens.append(("ac", 0))

    def refine(self, values):
        numbers = range(self.first, self.last + 1)
        new = [k for k in numbers if abs(values[k]) == 1]
        last_new = new[-1] if new else -1
        zeros, corrections = 0, []
        for k in numbers:
            if k > last_new:
                break
            if values[k] == 0:
                zeros += 1
                if zeros == 16:
                    self.tokens += [("ac", 0xF0), *corrections]
                    zeros, corrections = 0, []
            elif abs(values[k]) > 1:
                corrections.append((abs(values[k]) & 1, 1))
            else:
                self.tokens += [("ac", zeros << 4 | 1), (int(values[k] > 0), 1), *corrections]
                zeros, corrections = 0, []
        if last_new < self.last:
            rest = [k for k in numbers if k > last_new]
            self.tokens.append(("ac", 0))
            self.tokens += [(abs(values[k]) & 1, 1) for k in rest if abs(values[k]) > 1]


def huffman(symbols):
    """An optimal table: (counts of lengths 1 to 16, symbols, {symbol: (code, length)})."""
    # A symbol that is never used takes the code of ones alone, which is not allowed.
    heap = [(count, symbol, [symbol]) for symbol, count in sorted(Counter(symbols).items())] + [(0, 999, [999])]
    heapq.heapify(heap)
    lengths = Counter()
    if len(heap) == 1:
        lengths[999] = 1
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in a[2] + b[2]:
            lengths[symbol] += 1
        heapq.heappush(heap, (a[0] + b[0], min(a[1], b[1]), a[2] + b[2]))
    order = sorted(lengths, key=lambda symbol: (lengths[symbol], symbol))
    code, length, codes = 0, 0, {}
    for symbol in order:
        code <<= lengths[symbol] - length
        length = lengths[symbol]
        codes[symbol] = (code, length)
        code += 1
    assert order[-1] == 999 and length <= 16
    kept = order[:-1]
    return [sum(lengths[s] == n for s in kept) for n in range(1, 17)], kept, codes


def of_standard(counts, symbols):
    code, codes, at = 0, {}, 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at : at + count]:
            codes[symbol] = (code, length)
            code += 1
        at += count
        code <<= 1
    return counts, symbols, codes


def intervals(tokens, dc, ac):
    """Entropy-coded data, one piece for each restart interval."""
    pieces, bits = [], ""

    def close():
        nonlocal bits
        bits += "1" * (-len(bits) % 8)
        data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        pieces.append(data.replace(b"\xff", b"\xff\x00"))
        bits = ""

    for token in tokens:
        if token is None:
            close()
        elif isinstance(token[0], str):
            code, length = (dc if token[0] == "dc" else ac)[2][token[1]]
            bits += f"{code:0{length}b}"
        elif token[1]:
            bits += f"{token[0]:0{token[1]}b}"
    close()
    return pieces


class Scan:
    """A scan with its tables: `tables` are the segments before it, `header` is its own, `pieces` are its data."""

    def __init__(self, picture, components, part=(0, 63, 0, 0), interval=0, ids=None, standard=None):
        ids = ids or list(range(1, 1 + len(picture.factors)))
        tokens = Tokens(picture, components, *part, interval).tokens
        names = [token for token in tokens if token and isinstance(token[0], str)]
        if standard:
            dc, ac = (of_standard(*standard[kind]) for kind in (0x00, 0x10))
            self.tables = []
        else:
            dc, ac = (huffman([s for kind, s in names if kind == wanted]) for wanted in ("dc", "ac"))
            kinds = [(0x00, dc)] * (part[0] == 0) + [(0x10, ac)] * (part[1] > 0)
            self.tables = [segment(0xC4, bytes([kind, *table[0], *table[1]])) for kind, table in kinds]
        content = bytes([len(components), *(b for c in components for b in (ids[c], 0)), part[0], part[1], part[2] << 4 | part[3]])
        self.header = segment(0xDA, content)
        self.pieces = intervals(tokens, dc, ac)

    def data(self):
        return b"".join(piece + bytes([0xFF, 0xD0 + n % 8]) for n, piece in enumerate(self.pieces[:-1])) + self.pieces[-1]

    def bytes(self):
        return b"".join(self.tables) + self.header + self.data()


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def frame(picture, code=0xC0, ids=None):
    ids = ids or list(range(1, 1 + len(picture.factors)))
    content = bytes([8]) + picture.height.to_bytes(2, "big") + picture.width.to_bytes(2, "big") + bytes([len(ids)])
    return segment(code, content + b"".join(bytes([i, h << 4 | v, 0]) for i, (h, v) in zip(ids, picture.factors)))


def quantization(picture):
    return segment(0xDB, b"\0" + bytes(int(picture.table[k // 8, k % 8]) for k in ZIGZAG))


def head(picture, code=0xC0, ids=None, markers=b""):
    return b"\xff\xd8" + markers + quantization(picture) + frame(picture, code, ids)


def interval_segment(interval):
    return segment(0xDD, interval.to_bytes(2, "big")) if interval else b""


def encode(picture, groups, progressive=False, interval=0, markers=b"", ids=None):
    """A file. groups: the components of each scan; a progressive picture has its first coefficients in these scans, and
    then two scans with the others for each component, with one bit refined."""
    if progressive:
        parts = [(group, (0, 0, 0, 1)) for group in groups]
        parts += [([c], (1, 5, 0, 0)) for c in range(len(picture.factors))]
        parts += [([c], (6, 63, 0, 1)) for c in range(len(picture.factors))]
        parts += [(group, (0, 0, 1, 0)) for group in groups]
        parts += [([c], (6, 63, 1, 0)) for c in range(len(picture.factors))]
    else:
        parts = [(group, (0, 63, 0, 0)) for group in groups]
    scans = b"".join(Scan(picture, group, part, interval, ids).bytes() for group, part in parts)
    start = head(picture, 0xC2 if progressive else 0xC0, ids, markers)
    return start + interval_segment(interval) + scans + b"\xff\xd9"
