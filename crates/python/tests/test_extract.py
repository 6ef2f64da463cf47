"""Features in memory."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from PIL import Image

import headstart
from conftest import SHIPPED, command, picture

SIZE = ("--size", "64x64", "--backbone", "efficientnet_lite2")


def test_features_of_paths_are_those_of_the_command(photos, paths, backbone, tmp_path):
    command("extract", photos, "-o", tmp_path / "x.npy", *SIZE)
    expected = np.load(tmp_path / "x.npy")
    found = headstart.extract(paths, backbone)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(headstart.extract(photos, backbone), expected)
    np.testing.assert_array_equal(headstart.extract(np.array(paths), backbone), expected)
    np.testing.assert_array_equal(headstart.extract([pathlib.Path(path) for path in paths], backbone), expected)
    np.testing.assert_array_equal(backbone.fit_transform(paths), expected)


def test_the_shipped_images_at_the_network_s_own_size_are_those_of_the_command(tmp_path):
    paths = sorted(SHIPPED.glob("animals/*"))[:3] + sorted(SHIPPED.glob("food/*"))[:3]
    for path in paths:
        (tmp_path / "some" / path.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "some" / path.parent.name / path.name).write_bytes(path.read_bytes())
    command("extract", tmp_path / "some", "-o", tmp_path / "x.npy", "--backbone", "efficientnet_lite2")
    found = headstart.extract(paths)
    assert found.shape == (6, 1280)
    np.testing.assert_array_equal(found, np.load(tmp_path / "x.npy"))


def test_pixels_of_pillow_have_the_features_of_the_files(paths, backbone):
    expected = backbone.transform(paths)
    images = [Image.open(path).convert("RGB") for path in paths]
    arrays = [np.asarray(image) for image in images]
    np.testing.assert_array_equal(backbone.transform(images), expected)
    np.testing.assert_array_equal(backbone.transform(arrays), expected)
    np.testing.assert_array_equal(backbone.transform(arrays[0]), expected[:1])


def test_a_batch_is_read_in_any_layout(backbone):
    batch = np.stack([picture(level, 3) for level in range(0, 200, 25)])
    expected = backbone.transform(list(batch))
    np.testing.assert_array_equal(backbone.transform(batch), expected)
    np.testing.assert_array_equal(backbone.transform(batch[::-1])[::-1], expected)
    np.testing.assert_array_equal(backbone.transform(np.asfortranarray(batch)), expected)
    assert backbone.transform(batch[:0]).shape == (0, 1280)


def test_maps_and_mirror_images(paths, backbone):
    maps = headstart.extract(paths, size=(64, 64), pool="none")
    assert maps.shape == (24, 1280, 2, 2)
    np.testing.assert_allclose(maps.mean(axis=(2, 3)), backbone.transform(paths), rtol=1e-5, atol=1e-6)
    # Images of the input's size are not resized, so that their mirror images are exact.
    settings = {"size": (64, 64), "resize": "stretch"}
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    both = [headstart.extract(batch, **settings) for batch in (images, images[:, :, ::-1])]
    mirrored = headstart.extract(images, mirror=True, **settings)
    np.testing.assert_allclose(mirrored, (both[0] + both[1]) / 2, rtol=1e-6)


def test_what_is_no_image_is_refused(backbone):
    for images, text in [
        (np.zeros((2, 8, 8, 3), np.float32), "found float32 of shape (2, 8, 8, 3)"),
        (np.zeros((2, 8, 8, 4), np.uint8), "found uint8 of shape (2, 8, 8, 4)"),
        ([np.zeros((8, 8), np.uint8)], "found uint8 of shape (8, 8)"),
        (3, "found int"),
    ]:
        with pytest.raises(headstart.UsageError, match="expected paths, an array of uint8") as error:
            backbone.transform(images)
        assert text in str(error.value)


def test_an_image_that_can_t_be_read(paths, backbone):
    pathlib.Path(paths[3]).write_bytes(b"torn")
    with pytest.raises(headstart.BadDataError, match="03.png"):
        backbone.transform(paths)
    with pytest.raises(ValueError):
        backbone.transform(paths[3])
    found = headstart.extract(paths, size=(64, 64), unreadable="nan")
    assert np.isnan(found).all(axis=1).tolist() == [index == 3 for index in range(24)]


@pytest.mark.parametrize(
    "settings, kind, text",
    [
        ({"network": "vgg99"}, ValueError, "network: .*vgg99: expected one of vgg11.*; and there is no file vgg99"),
        ({"weights": "absent.safetensors"}, FileNotFoundError, "absent.safetensors"),
        ({"network": "vgg16"}, ValueError, "expected a file of the weights of vgg16"),
        ({"preset": "nosuch"}, ValueError, "preset: .*nosuch"),
        ({"size": (1, 1 << 30)}, ValueError, "1073741824"),
        ({"resize": "squeeze"}, ValueError, "resize: expected stretch, crop or pad, found squeeze"),
        ({"resize": "pad", "crop_pct": 0.9}, ValueError, "crop_pct: goes with resize"),
        ({"pool": "sum"}, ValueError, "pool: .*sum"),
        ({"device": "tpu"}, ValueError, "device: expected auto, cpu or cuda:N, found tpu"),
        ({"device": "cuda:0"}, OSError, "cannot open the device cuda:0"),
        ({"unreadable": "skip"}, ValueError, "unreadable: expected raise or nan, found skip"),
        ({"pool": "none", "mirror": True}, ValueError, "mirror image; found none"),
        ({"batch_size": 0}, ValueError, "batch"),
    ],
)
def test_settings_that_can_t_be_used(settings, kind, text, monkeypatch, tmp_path):
    monkeypatch.delenv("HEADSTART_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(kind, match=text) as error:
        headstart.Backbone(**settings).transform(picture(1, 1))
    assert isinstance(error.value, headstart.HeadstartError)


def test_a_backbone_says_what_it_does(backbone):
    assert repr(headstart.Backbone()) == "Backbone()"
    assert repr(backbone) == "Backbone(size=(64, 64))"
    assert backbone.row_shape == (1280,)
    assert backbone.preprocessing["height"] == 64
    assert backbone.get_feature_names_out()[1279] == "efficientnet_lite2_1279"
    with pytest.raises(headstart.UsageError, match="size: the Backbone has its own settings"):
        headstart.extract([], backbone, size=(32, 32))


def test_progress_is_told_and_an_exception_ends_the_job(paths, backbone, capsys):
    told = []
    watched = headstart.Backbone(size=(64, 64), batch_size=4, progress=lambda *step: told.append(step))
    watched.transform(paths)
    assert {(stage, total, unit) for stage, _, total, unit in told} == {("extract", 24, "images")}
    assert [done for _, done, _, _ in told] == sorted(done for _, done, _, _ in told) and told[-1][1] == 24

    def fails(stage, done, total, unit):
        told.append(done)
        raise KeyError("enough")

    told.clear()
    with pytest.raises(KeyError, match="enough"):
        headstart.Backbone(size=(64, 64), batch_size=4, progress=fails).transform(paths)
    assert len(told) == 1 and told[0] < 24
    headstart.Backbone(size=(64, 64), progress=True).transform(paths)
    assert "24/24" in capsys.readouterr().err


def test_other_threads_go_on_meanwhile(backbone):
    batch = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)
    backbone.transform(batch[:1])
    done, counted = threading.Event(), 0

    def work():
        backbone.transform(np.concatenate([batch] * 8))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        counted += 1
        time.sleep(0.001)
    thread.join()
    assert counted > 20


def test_a_backbone_says_what_it_is_while_another_thread_uses_it():
    backbone = headstart.Backbone(size=(64, 64), batch_size=4)
    images = np.zeros((400, 64, 64, 3), np.uint8)
    thread = threading.Thread(target=backbone.transform, args=(images,), daemon=True)
    thread.start()
    while thread.is_alive():
        assert backbone.row_shape == (1280,)
        backbone.get_feature_names_out()
        assert backbone.fingerprint == headstart.Backbone(size=(64, 64)).fingerprint


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
def test_a_process_forked_from_one_that_has_computed_says_that_it_can_t():
    script = """
        import os, numpy, headstart
        images = numpy.zeros((2, 8, 8, 3), numpy.uint8)
        headstart.extract(images, size=(32, 32))
        if os.fork() == 0:
            try:
                headstart.extract(images, size=(32, 32))
            except headstart.UsageError as error:
                os._exit(77 if "forked" in str(error) and "spawn" in str(error) else 1)
            os._exit(2)
        os._exit(os.WEXITSTATUS(os.wait()[1]))
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=120).returncode == 77


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_ends_a_job_at_once():
    script = """
        import sys, numpy, headstart
        images = numpy.zeros((100000, 32, 32, 3), numpy.uint8)
        def told(stage, done, total, unit):
            print(done, flush=True)
        try:
            headstart.extract(images, progress=told)
        except KeyboardInterrupt:
            sys.exit(77)
    """
    job = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert job.stdout.readline()
    started = time.monotonic()
    job.send_signal(signal.SIGINT)
    assert job.wait(timeout=60) == 77
    assert time.monotonic() - started < 30
