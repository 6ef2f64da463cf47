"""Jobs on folders write the files of the command."""

import numpy as np
import pytest
from PIL import Image

import headstart
from conftest import command, picture

FLAGS = ("--size", "64x64", "--backbone", "efficientnet_lite2")


def test_shards_are_merged_to_the_files_of_one_run(photos, backbone, tmp_path):
    command("extract", photos, "-o", tmp_path / "whole.npy", *FLAGS)
    parts = []
    for index in range(3):
        part = tmp_path / f"part{index}.npy"
        written = headstart.extract_folder(photos, part, backbone=backbone, shard=(index, 3))
        assert written["npy"] == str(part) and written["computed"] == written["rows"]
        manifest = headstart.read_manifest(part)
        assert manifest.shard == (index, 3, 24)
        parts.append(part)

    def ends(*told):
        assert told == ("merge", 24, 24, "rows")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        headstart.merge(parts, tmp_path / "merged.npy", progress=ends)
    assert not (tmp_path / "merged.npy").exists()
    merged = headstart.merge(parts, tmp_path / "merged.npy", progress=lambda *told: None)
    assert merged["rows"] == 24 and merged["skipped"] == 0
    for suffix in ("npy", "jsonl"):
        whole, merged = (tmp_path / f"{name}.{suffix}" for name in ("whole", "merged"))
        assert whole.read_bytes() == merged.read_bytes(), suffix
    with pytest.raises(headstart.BadDataError):
        headstart.merge(parts[:2], tmp_path / "other.npy")
    with pytest.raises(headstart.UsageError, match="shard"):
        headstart.extract_folder(photos, tmp_path / "x.npy", backbone=backbone, shard=(3, 3))


def test_a_manifest_says_which_image_each_row_is(photos, paths, labels, backbone, tmp_path):
    (photos / "dogs" / "torn.png").write_bytes(b"torn")
    written = headstart.extract_folder(photos, tmp_path / "x.npy", backbone=backbone)
    assert written["rows"] == 24 and [path for path, _ in written["skipped_images"]] == ["dogs/torn.png"]
    for name in ("x.npy", "x.jsonl"):
        manifest = headstart.read_manifest(tmp_path / name)
        assert manifest.classes == ["cats", "dogs"] and manifest.row_shape == (1280,)
        assert [str(photos / path) for path in manifest.paths] == paths
        assert np.array(manifest.classes)[manifest.labels].tolist() == labels.tolist()
        assert [image.path for image in manifest.skipped] == ["dogs/torn.png"]
        assert manifest.fingerprint == backbone.fingerprint and manifest.network == "efficientnet_lite2"
        assert manifest.preprocessing == backbone.preprocessing and manifest.shard is None
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), backbone.transform(paths))
    with pytest.raises(FileNotFoundError):
        headstart.read_manifest(tmp_path / "absent.npy")
    with pytest.raises(headstart.BadDataError, match="torn.png"):
        headstart.extract_folder(photos, tmp_path / "y.npy", backbone=backbone, strict=True)


def test_an_extraction_that_was_ended_goes_on(photos, tmp_path):
    def ends(stage, done, total, unit):
        if done >= 8:
            raise KeyboardInterrupt

    small = headstart.Backbone(size=(64, 64), batch_size=4)
    with pytest.raises(KeyboardInterrupt):
        headstart.extract_folder(photos, tmp_path / "x.npy", backbone=small, progress=ends)
    written = headstart.extract_folder(photos, tmp_path / "x.npy", backbone=small)
    assert written["kept"] >= 8 and written["kept"] + written["computed"] == 24


def test_fit_writes_the_model_of_the_command(photos, backbone, tmp_path):
    for index in range(12):
        for name, level in [("cats", 60), ("dogs", 190)]:
            (tmp_path / "test" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(level, index, (16, 24 + index))).save(tmp_path / "test" / name / f"{index}.png")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    theirs, ours = tmp_path / "theirs" / "model.safetensors", tmp_path / "ours" / "model.safetensors"
    flags = ("--test", tmp_path / "test", "--near-duplicates", "0.01", "--no-report")
    command("fit", photos, "-o", theirs, *FLAGS, *flags)
    fitted = headstart.fit(photos, ours, backbone=backbone, test=tmp_path / "test", near_duplicates=0.01)
    assert ours.read_bytes() == theirs.read_bytes()
    assert fitted.report["recipe"] == "logistic" and fitted.report["label_errors"] == []
    assert fitted.cross_validation["rows"] == 24 and fitted.test["rows"] == 24
    assert fitted.classifier.predict(sorted(map(str, photos.glob("*/*.png"))))[0] == "cats"
    with pytest.raises(headstart.UsageError, match="recipe"):
        headstart.fit(photos, ours, recipe="forest")
