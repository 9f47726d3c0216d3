"""Engines for absent GPUs: built by the real TensorRT for RTX, cached, found, refused."""

import json

import pytest
from typer.testing import CliRunner

from damer.weights import SHIPPED_MODEL
from streamer.cli.app import app
from streamer.engines.fixed_batches import BATCH_SIZES
from streamer.engines.tensorrt.builder import build_engine, load_library, supported_capabilities
from streamer.engines.tensorrt.engine_cache import cached_engines, find_engine, mismatch_reason
from streamer.errors import EngineError

pytestmark = pytest.mark.long

pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed on this machine")
RTX = ["8.0", "8.6", "8.9", "12.0"]


def run(*arguments):
    return CliRunner().invoke(app, ["engines", *map(str, arguments)])


@pytest.fixture(scope="module")
def library():
    return load_library()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an engine for two GPUs."""
    path = tmp_path_factory.mktemp("engines") / "deep"
    result = run("build", "--gpu", "8.6", "--gpu", "8.9", "--folder", path)
    assert result.exit_code == 0, result.output
    return path


@pytest.mark.parametrize("capability", RTX)
def test_an_engine_is_built_for_each_gpu(library, capability):
    phases = []
    engine = build_engine(SHIPPED_MODEL, library, [capability], (1,), phases.append)
    assert len(engine) > SHIPPED_MODEL.stat().st_size
    assert len(phases) > 3


def test_the_library_lists_its_target_gpus(library):
    assert set(RTX) <= set(supported_capabilities(library))


def test_an_unknown_gpu_is_refused(library):
    with pytest.raises(EngineError, match=r"builds for .*8\.9.*, not for 9\.0"):
        build_engine(SHIPPED_MODEL, library, ["9.0"])


def test_an_unsupported_gpu_is_refused_with_the_reason(library):
    with pytest.raises(EngineError, match="Turing") as error:
        build_engine(SHIPPED_MODEL, library, ["7.5"], (1,))
    assert "\n" not in str(error.value)


def test_eight_bit_weights_are_refused_with_the_reason(library):
    int8 = SHIPPED_MODEL.with_name("damer-int8.onnx")
    with pytest.raises(EngineError, match="MatMulInteger"):
        build_engine(int8, library, ["8.9"], (1,))


def test_a_file_that_is_not_onnx_is_refused(library, tmp_path):
    (tmp_path / "diary.onnx").write_text("Dear diary", encoding="utf-8")
    with pytest.raises(EngineError, match=r"cannot read .*diary\.onnx"):
        build_engine(tmp_path / "diary.onnx", library, ["8.9"], (1,))
    with pytest.raises(EngineError, match=r"cannot read .*none\.onnx: No such file"):
        build_engine(tmp_path / "none.onnx", library, ["8.9"], (1,))


@pytest.mark.parametrize("capability", ["8.6", "8.9"])
def test_a_built_engine_is_found(library, folder, capability):
    path, label = find_engine(SHIPPED_MODEL, library, capability, folder)
    assert path.parent == folder
    assert label.batches == BATCH_SIZES
    assert not list(folder.glob("*.partial"))


def copy(folder, tmp_path, **changes):
    """Copy the engine with another label."""
    [one] = cached_engines(folder)
    (tmp_path / one.path.name).write_bytes(one.path.read_bytes())
    label = json.loads(one.path.with_suffix(".json").read_text(encoding="utf-8")) | changes
    (tmp_path / one.path.with_suffix(".json").name).write_text(json.dumps(label), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_digest": "0" * 64, "model": "older.onnx"}, r"other weights \(older\.onnx\)"),
        ({"version": "1.6.0"}, "built by tensorrt_rtx 1.6.0"),
        ({"package": "tensorrt"}, "built by tensorrt 1"),
        ({"capabilities": ["12.0"]}, "compute capability 12.0"),
        ({"engine_digest": "0" * 64}, "the file is damaged"),
        ({"batches": "many"}, "label is missing or damaged"),
    ],
    ids=["weights", "version", "edition", "card", "file", "label"],
)
def test_a_stale_engine_is_refused_with_the_reason(library, folder, tmp_path, changes, reason):
    with pytest.raises(EngineError, match=rf"{reason}.*; build one with `streamer engines build`"):
        find_engine(SHIPPED_MODEL, library, "8.9", copy(folder, tmp_path, **changes))


def test_a_fitting_engine_is_found_among_others(library, folder, tmp_path):
    copy(folder, tmp_path, version="1.6.0")
    [stale] = tmp_path.glob("*.engine")
    stale.rename(tmp_path / "0-stale.engine")
    stale.with_suffix(".json").rename(tmp_path / "0-stale.json")
    copy(folder, tmp_path)
    path, _ = find_engine(SHIPPED_MODEL, library, "8.9", tmp_path)
    assert path == stale
    reasons = [mismatch_reason(one, "x", library, "8.9") for one in cached_engines(tmp_path)]
    assert all("other weights" in reason for reason in reasons)


def test_an_empty_cache_names_the_build_command(library, tmp_path):
    with pytest.raises(EngineError, match=r"no engine for damer\.onnx.*streamer engines build"):
        find_engine(SHIPPED_MODEL, library, "8.9", tmp_path)


def test_the_list_shows_what_each_engine_fits(folder, tmp_path):
    listed = run("list", "--folder", folder).output
    assert "of damer.onnx, for compute capability 8.6, 8.9, batches of 1, 8, 32" in listed
    assert "fit" in listed
    assert "no engines in" in run("list", "--folder", tmp_path).output


def test_missing_weights_are_not_built(tmp_path):
    result = run("build", "--gpu", "8.9", "--model", tmp_path / "none.onnx")
    assert isinstance(result.exception, EngineError)
    assert "no weights at" in str(result.exception)


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    result = run("build", "--gpu", "8.9", "--batch", "1", "--folder", tmp_path / "file" / "deep")
    assert isinstance(result.exception, EngineError)
    assert "cannot write" in str(result.exception)
