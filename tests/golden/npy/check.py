"""Loads with numpy what crates/features wrote, and compares it with the array that the Rust test wrote.

Run with Python 3.11.7, numpy 2.4.6; the file is kept to the byte by the test
`the_writer_still_writes_the_file_that_numpy_loaded`:

    python check.py
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def main():
    features = np.load(HERE / "written.npy", allow_pickle=False)
    expected = (np.arange(3 * 2 * 2 * 1, dtype="<f4") / 4 - 1).reshape(3, 2, 2, 1)
    assert features.dtype == np.dtype("<f4") and features.flags.c_contiguous
    assert features.shape == expected.shape and np.array_equal(features, expected)
    mapped = np.load(HERE / "written.npy", mmap_mode="r")
    assert mapped.offset % 64 == 0 and np.array_equal(mapped, expected)

    lines = [json.loads(line) for line in (HERE / "written.jsonl").read_text().splitlines()]
    assert lines[0]["row_shape"] == list(features.shape[1:])
    rows = [line for line in lines if "row" in line]
    assert [line["row"] for line in rows] == list(range(len(features)))
    assert lines[-1]["end"]["rows"] == len(features)
    print("numpy loads written.npy: shape", features.shape, "and its manifest lists", len(rows), "rows")


if __name__ == "__main__":
    main()
