"""The manifest of a file of features: which image each row is, and what the rows were made with."""

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from headstart import _native
from headstart._types import Path


@dataclass(frozen=True)
class Skipped:
    """An image that has no row."""

    path: str
    label: int
    """The class whose folder it lies in: a position in `Manifest.classes`."""
    reason: str


@dataclass(frozen=True)
class Manifest:
    """What the `.jsonl` beside a `.npy` says. Line i of `paths`, `labels` and `hashes` is about row i."""

    classes: List[str]
    paths: List[str]
    """The images, as the scan named them."""
    labels: npt.NDArray[np.uint32]
    """A position in `classes` for each row: N, uint32."""
    hashes: List[str]
    """BLAKE3 of each image file, hexadecimal."""
    skipped: List[Skipped]
    network: str
    weights: str
    """The name of the file of weights."""
    weights_blake3: str
    preprocessing: Dict[str, Any]
    pool: str
    row_shape: Tuple[int, ...]
    """The shape of a row: (channels,), or (channels, height, width)."""
    fingerprint: str
    """The hash of all that the values depend on."""
    computed_by: str
    data_hash: Optional[str]
    """BLAKE3 of the values, hexadecimal."""
    shard: Optional[Tuple[int, int, int]]
    """Index and number of shards, and the images of the whole folder; none for a whole folder."""


def read_manifest(features: Path) -> Manifest:
    """Reads the manifest of a `.npy`. The values themselves are `numpy.load(features)`.

    Parameters
    ----------
    features : path
        The `.npy`, or the `.jsonl` beside it.

    Raises
    ------
    MissingError, BadDataError
        Files that are not there, or that disagree.
    """
    path = os.fspath(features)
    if path.endswith(".jsonl"):
        path = path[: -len("jsonl")] + "npy"
    header, (paths, labels, hashes, skipped) = _native.read_manifest(path)
    header["row_shape"] = tuple(header["row_shape"])
    header["shard"] = header["shard"] and tuple(header["shard"])
    return Manifest(
        paths=paths,
        labels=np.asarray(labels, dtype=np.uint32),
        hashes=hashes,
        skipped=[Skipped(*image) for image in skipped],
        **header,
    )
