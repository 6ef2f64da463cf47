"""The package itself: the command, types, threads."""

import ast
import importlib.metadata
import pathlib
import subprocess
import sys

import headstart
from conftest import COMMAND, command


def run(*arguments, **options):
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, **options)


def test_the_command_is_the_binary(tmp_path):
    assert command("--version") == f"headstart {headstart.__version__}\n"
    for start in ([COMMAND], [sys.executable, "-m", "headstart"]):
        refused = run(*start, "extract", "--shard", "5/3", "x")
        assert refused.returncode == 2 and "expected I/N" in refused.stderr
        missing = run(*start, "inspect", tmp_path / "absent.npy")
        assert missing.returncode == 1 and missing.stderr.startswith("headstart: ")
    assert "efficientnet_lite2" in command("extract", "--help")


def test_a_sweep_names_the_command_as_it_was_given(photos, backbone, tmp_path):
    headstart.extract_folder(photos, tmp_path / "x.npy", backbone=backbone)
    found = command("train", "--train", tmp_path / "x.npy", "--sweep", "--epochs", 2)
    assert "headstart train --train" in found and sys.executable not in found


def test_versions_agree():
    assert headstart.__version__ == importlib.metadata.version("headstart")
    assert headstart.shipped_networks() == ["efficientnet_lite2"]


def test_the_package_has_types_for_all_that_it_gives():
    folder = pathlib.Path(headstart.__file__).parent
    assert (folder / "py.typed").exists()
    stub = ast.parse((folder / "_native.pyi").read_text())
    stated = {item.name: item for item in stub.body if isinstance(item, (ast.FunctionDef, ast.ClassDef))}
    from headstart import _native

    given = {name for name in dir(_native) if not name.startswith("_")}
    assert set(stated) == given
    for name, item in stated.items():
        if isinstance(item, ast.ClassDef):
            methods = {inner.name for inner in item.body if isinstance(inner, ast.FunctionDef)} - {"__new__"}
            found = {inner for inner in vars(getattr(_native, name)) if not inner.startswith("_")}
            assert methods == found, name
    for name in headstart.__all__:
        assert getattr(headstart, name).__doc__, name


def test_scikit_learn_is_not_loaded_for_nothing():
    script = "import headstart, sys; headstart.Backbone().get_params(); assert 'sklearn' not in sys.modules"
    assert run(sys.executable, "-c", script).returncode == 0


def test_the_number_of_threads_is_set_before_the_first_job():
    script = """if True:
        import headstart, numpy
        headstart.set_threads(1)
        headstart.extract(numpy.zeros((2, 8, 8, 3), numpy.uint8), size=(32, 32))
        try:
            headstart.set_threads(2)
        except headstart.UsageError as error:
            assert "once, before the first job" in str(error)
        else:
            raise SystemExit("two numbers")
    """
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
