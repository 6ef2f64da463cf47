"""The example for Ray, on a cluster of two workers on this machine."""

import os
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import command

# On a busy machine Ray's processes take long to start.
os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
ray = pytest.importorskip("ray", reason="ray has no wheel for this Python")
pytest.importorskip("pyarrow", reason="pyarrow has no wheel for this Python")

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))
import ray_extract  # noqa: E402

SIZE = {"size": (64, 64)}


@pytest.fixture(scope="module")
def cluster():
    """Room for two workers of one CPU each, and for one task that reads."""
    examples = str(pathlib.Path(ray_extract.__file__).parent)
    ray.init(
        num_cpus=3,
        include_dashboard=False,
        object_store_memory=100 << 20,
        runtime_env={"env_vars": {"PYTHONPATH": examples}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture
def whole(photos, tmp_path):
    """What the command writes of the same images."""
    command("extract", photos, "-o", tmp_path / "whole.npy", "--size", "64x64", "--backbone", "efficientnet_lite2")
    return tmp_path / "whole.npy"


def test_shards_of_two_workers_become_the_bytes_of_one_run(cluster, photos, whole, tmp_path):
    merged = tmp_path / "merged.npy"
    made = ray_extract.extract_folder(photos, merged, shards=3, workers=2, cpus=1, **SIZE)
    assert made["rows"] == 24
    assert merged.read_bytes() == whole.read_bytes()
    assert merged.with_suffix(".jsonl").read_bytes() == whole.with_suffix(".jsonl").read_bytes()
    # Started again after a new image, it computes the one shard that has it.
    Image.new("RGB", (30, 20), (90, 10, 200)).save(photos / "cats" / "new.png")
    assert ray_extract.extract_folder(photos, merged, shards=3, workers=2, cpus=1, **SIZE)["rows"] == 25


def test_features_as_a_column_of_paths_and_of_pixels(cluster, photos, paths, whole):
    expected = np.load(whole)

    def rows(dataset):
        return sorted(dataset.take_all(), key=lambda row: row["path"])

    of_paths = rows(ray_extract.columns(paths, workers=2, cpus=1, **SIZE))
    assert [row["path"] for row in of_paths] == paths
    np.testing.assert_array_equal(np.stack([row["features"] for row in of_paths]), expected)
    of_pixels = rows(ray_extract.columns_of_arrays(photos, workers=2, cpus=1, **SIZE))
    assert [pathlib.Path(row["path"]).name for row in of_pixels] == [pathlib.Path(path).name for path in paths]
    assert set(of_pixels[0]) == {"path", "features"}
    np.testing.assert_array_equal(np.stack([row["features"] for row in of_pixels]), expected)
