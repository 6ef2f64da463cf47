"""Writes the .npy files that the readers of crates/features are held against, and what they hold.

Made with Python 3.11.7, numpy 2.4.6:

    python generate.py

Each file of `cases.json` holds the same 3 x 2 x 2 x 1 array, unless its entry says otherwise; values are exact in
single precision but for those of `f8.npy`, which show the rounding, and those of `f2.npy`. `f4_python_2.npy` is put together by hand, as numpy
wrote it under Python 2, whose long integers end in L; numpy still reads it. `headers.json` holds the text of numpy's
version 1.0 header for many shapes.
"""

import io
import json
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

HERE = Path(__file__).resolve().parent

ROWS = np.array([0.0, -0.0, 1.5, -2.25, 0.1, 3e38, 1e-40, 7.0, 8.0, 9.0, 10.0, 11.0], dtype="<f4").reshape(3, 2, 2, 1)
DOUBLES = np.array([0.1, 1 / 3, 1e300, -1e-60, 2.5, 16777217.0], dtype="<f8").reshape(2, 3)

# A half has 11 bits: the largest, a subnormal, signed zeros, and values that are no sums of few powers of two.
HALVES = np.array([0.0, -0.0, 1.5, -2.25, 0.1, 65504, 6e-8, 7.0, 1e-5, -1 / 3, 10.0, 11.0], dtype="<f2").reshape(3, 2, 2, 1)

# Readable: name -> (array, version or None for numpy's choice).
GOOD = {
    "f4.npy": (ROWS, None),
    "f4_big_endian.npy": (ROWS.astype(">f4"), None),
    "f4_fortran.npy": (np.asfortranarray(ROWS), None),
    "f4_version_2.npy": (ROWS, (2, 0)),
    "f4_version_3.npy": (ROWS, (3, 0)),
    "f4_rank_2.npy": (ROWS.reshape(3, 4), None),
    "f2.npy": (HALVES, None),
    "f2_big_endian.npy": (HALVES.astype(">f2"), None),
    "f2_fortran.npy": (np.asfortranarray(HALVES), None),
    "f2_big_endian_fortran_version_2.npy": (np.asfortranarray(HALVES.astype(">f2")), (2, 0)),
    "f2_version_3.npy": (HALVES, (3, 0)),
    "f8.npy": (DOUBLES, None),
    "f8_big_endian.npy": (DOUBLES.astype(">f8"), None),
    "f8_big_endian_fortran.npy": (np.asfortranarray(DOUBLES.astype(">f8")), None),
}

# Refused: name -> (array, the words that the error must hold).
BAD = {
    "int64.npy": (np.arange(6).reshape(3, 2), "<i8"),
    "bool.npy": (np.ones((3, 2), dtype=bool), "|b1"),
    "complex.npy": (np.ones((3, 2), dtype="<c8"), "<c8"),
    "object.npy": (np.array([[None, {}], [1, "a"]], dtype=object), "|O"),
    "structured.npy": (np.zeros((2, 2), dtype=[("a", "<f4"), ("b", "<f4", (2,))]), "'a'"),
    "scalar.npy": (np.float32(1.0), "shape []"),
    "vector.npy": (ROWS.reshape(-1), "shape [12]"),
    "no_rows.npy": (np.zeros((0, 2, 2, 1), dtype="<f4"), "shape [0, 2, 2, 1]"),
    "empty_rows.npy": (np.zeros((3, 0), dtype="<f4"), "shape [3, 0]"),
}

SHAPES = [
    (1, 1, 1, 1),
    (2, 512, 4, 4),
    (1000, 512, 4, 4),
    (123456789, 512, 7, 7),
    (9, 2048, 100000, 1),
    (9, 2048, 100000, 12),
    (9, 2048, 100000, 12345),
    (18446744073709551615, 1, 1, 1),
    # Every length of the text up to two blocks and more: where it ends on a block's edge, numpy adds a whole block.
    *[(1, 10**n, 10**n, 10 ** (n + more)) for n in range(0, 18) for more in (0, 1, 2)],
    # Pooled features.
    (1000, 1280),
    (123456789, 512),
    *[(1, 10**n) for n in range(0, 18)],
]


def save(name, array, version):
    with open(HERE / name, "wb") as out:
        npy_format.write_array(out, np.asanyarray(array), version=version)


def save_python_2(name, array):
    """Version 1.0 of old: the dict with L after the dimensions, padded to a multiple of 16."""
    shape = ", ".join(f"{axis}L" for axis in array.shape)
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}"
    text += " " * (16 - (10 + len(text) + 1) % 16) + "\n"
    (HERE / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + array.tobytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy advises to save such a file again
        assert np.array_equal(np.load(HERE / name), array)


def bits(array):
    with np.errstate(over="ignore"):
        return [struct.unpack("<I", struct.pack("<f", v))[0] for v in array.astype("<f4").ravel(order="C")]


def header_text(shape):
    out = io.BytesIO()
    npy_format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue()[10:].decode("ascii")


def main():
    cases = {"good": [], "bad": []}
    for name, (array, version) in GOOD.items():
        save(name, array, version)
        cases["good"].append({"file": name, "shape": list(array.shape), "bits": bits(array)})
    save_python_2("f4_python_2.npy", ROWS)
    cases["good"].append({"file": "f4_python_2.npy", "shape": list(ROWS.shape), "bits": bits(ROWS)})
    for name, (array, words) in BAD.items():
        save(name, array, None)
        cases["bad"].append({"file": name, "error": words})
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    headers = [{"shape": list(shape), "text": header_text(shape)} for shape in SHAPES]
    (HERE / "headers.json").write_text(json.dumps(headers, indent=1) + "\n")


if __name__ == "__main__":
    main()
