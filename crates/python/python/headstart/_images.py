"""Images as a caller gives them: paths, or arrays of pixels."""

import os
from typing import Any, List, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from headstart._types import Path
from headstart.errors import UsageError

Images = Union[Path, Sequence[Path], npt.NDArray[Any], Sequence[npt.NDArray[np.uint8]]]
"""Paths of images, or their pixels.

- A path, or a sequence of paths. A folder stands for the images in it, in the order of `extract_folder`.
- An array of uint8, N x height x width x 3, or one image, height x width x 3: red, green, blue from 0 to 255. It is read
  where it is if it is contiguous.
- A sequence of such arrays of one image each, of any sizes. Images of Pillow in mode RGB are such arrays, too.
"""

EXPECTED = "expected paths, an array of uint8 of shape N x height x width x 3, or a sequence of such images"


def are_images(X: Any) -> bool:
    """Whether these are images, and not rows of features."""
    if isinstance(X, (str, os.PathLike)):
        return True
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return X.dtype.kind in "US" or (X.dtype == np.uint8 and X.ndim in (3, 4))
    first = _first(X)
    if isinstance(first, (str, os.PathLike)):
        return True
    shape = getattr(first, "shape", ())
    return hasattr(first, "getbands") or (len(shape) == 3 and getattr(first, "dtype", None) == np.uint8)


def _first(X: Any) -> Any:
    try:
        return next(iter(X), None)
    except TypeError:
        return None


def sorted_out(images: Any) -> Tuple[str, Any]:
    """"files" with a list of paths, "batch" with one array, or "arrays" with a list of arrays."""
    if isinstance(images, (str, os.PathLike)):
        return "files", [os.fspath(images)]
    if isinstance(images, np.ndarray) and images.dtype.kind not in "USO":
        return "batch", _pixels(images[np.newaxis] if images.ndim == 3 else images, 4)
    try:
        listed: List[Any] = list(images)
    except TypeError:
        raise UsageError(f"images: {EXPECTED}, found {type(images).__name__}") from None
    if all(isinstance(image, (str, os.PathLike)) for image in listed):
        return "files", [os.fspath(image) for image in listed]
    return "arrays", [_pixels(np.asarray(image), 3) for image in listed]


def _pixels(array: npt.NDArray[Any], axes: int) -> npt.NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim != axes or array.shape[-1] != 3:
        raise UsageError(f"images: {EXPECTED}, found {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array)
