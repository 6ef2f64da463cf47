"""What the tests share: the shipped images, folders of small ones, and the command."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# The library that is installed for Keras.
os.environ.setdefault("KERAS_BACKEND", "jax")

ROOT = pathlib.Path(__file__).resolve().parents[3]
"""The repository."""

COMMAND = pathlib.Path(sys.executable).with_name("headstart")
"""The command that the wheel installs."""

SHIPPED = ROOT / "data" / "validation"
"""The shipped images: animals and food."""


def command(*arguments: object) -> str:
    """Runs the command, and returns what it prints."""
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    return done.stdout


def picture(level: int, shade: int, size=(20, 16)) -> np.ndarray:
    """A small image, height x width x 3."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    planes = np.full((height, width), level), np.full((height, width), shade * 16 % 256), (x * 9 + y * 5) % 256
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of two classes with twelve images each."""
    folder = tmp_path / "photos"
    for name, level in [("cats", 30), ("dogs", 220)]:
        (folder / name).mkdir(parents=True)
        for index in range(12):
            Image.fromarray(picture(level, index, (20 + index, 16))).save(folder / name / f"{index:02}.png")
    return folder


@pytest.fixture
def paths(photos: pathlib.Path) -> list:
    """Its images, in the order of an extraction."""
    return sorted(map(str, photos.glob("*/*.png")))


@pytest.fixture
def labels(paths: list) -> np.ndarray:
    """Their classes."""
    return np.array([pathlib.Path(path).parent.name for path in paths])


@pytest.fixture(scope="session")
def backbone():
    """The shipped network on small inputs, so that the tests are quick."""
    import headstart

    return headstart.Backbone(size=(64, 64))
