"""Test exported models: equality with the network, provenance, refusal of other front ends."""

import json
import warnings
from dataclasses import asdict, replace

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from damer.nn import DAMER, NetworkSize
from damer.views import FrontEndSpec
from damer.weights import SHIPPED_MODEL
from deploy.__main__ import app
from deploy.export import export_onnx
from streamer.engines import KalmanSettings, OnnxEngine, open_engine
from streamer.errors import EngineError

pytestmark = pytest.mark.long

SPEC = FrontEndSpec(window_frames=43)
SMOOTHING = KalmanSettings(drift=(0.01, 0.02), correlation=0.25, deviation_scale=(1.1, 0.9))
TRAINING = {"recipe": {"name": "tiny"}, "seed": 7}
METRICS = {"vgmidi": {"arousal": {"ccc": 0.5}}}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = DAMER(NetworkSize(width=8, heads=2, token_frames=8)).eval()
    network.mel_tokens.band_mean -= 8.0
    network.mel_tokens.band_std *= 3.0
    with torch.no_grad():
        network.deviation_head.log_std.weight[:, 0] += 0.3
    return network


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter uses deprecated torch functions
        export_onnx(
            network,
            SPEC,
            path,
            name="tiny",
            smoothing=SMOOTHING,
            training=TRAINING,
            metrics=METRICS,
        )
    return path


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.fixture
def with_metadata(exported, tmp_path):
    """Write the weights with other metadata; None leaves an entry out."""

    def alter(**changes):
        model = onnx.load(exported)
        entries = {**metadata(exported), **changes}
        del model.metadata_props[:]
        onnx.helper.set_model_props(
            model, {key: value for key, value in entries.items() if value is not None}
        )
        onnx.save(model, tmp_path / "with_metadata.onnx")
        return tmp_path / "with_metadata.onnx"

    return alter


def metadata_of_front_end(**changes):
    """Return the metadata of a front end that differs from ours."""
    spec = replace(SPEC, **changes)
    return {"front_end": json.dumps(asdict(spec)), "front_end_digest": spec.digest}


def refusal_message(path):
    """Return the one-line error of a refused file."""
    with pytest.raises(EngineError) as error:
        OnnxEngine(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def windows(batch, spec=SPEC):
    random = np.random.default_rng(batch)
    return (
        random.normal(-8.0, 4.0, (batch, spec.mel_bands, spec.window_frames)).astype(np.float32),
        random.uniform(0, 1, (batch, spec.gammatone_channels, spec.window_frames)).astype("f4"),
    )


@pytest.mark.parametrize("batch", [1, 5, 16])
def test_the_exported_model_equals_the_network(exported, network, batch):
    mel, cochleagram = windows(batch)
    estimate = OnnxEngine(exported).infer(mel, cochleagram)
    with torch.inference_mode():
        expected = network(torch.from_numpy(mel), torch.from_numpy(cochleagram)).fused
    ours = np.stack([estimate.valence, estimate.arousal], axis=1)
    deviations = np.stack([estimate.valence_std, estimate.arousal_std], axis=1)
    np.testing.assert_allclose(ours, expected.mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(deviations, expected.std.numpy(), atol=1e-5)
    assert ours.dtype == deviations.dtype == np.float32


def test_convolutional_tokens_are_exported_alike(tmp_path):
    spec = FrontEndSpec(window_frames=112)
    network = DAMER(NetworkSize(width=8, heads=2, layers=1, tokens="convolutional")).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter uses deprecated torch functions
        export_onnx(
            network, spec, tmp_path / "tiny.onnx",
            name="tiny", smoothing=SMOOTHING, training={}, metrics={},
        )  # fmt: skip
    mel, cochleagram = windows(3, spec)
    estimate = OnnxEngine(tmp_path / "tiny.onnx").infer(mel, cochleagram)
    with torch.inference_mode():
        expected = network(torch.from_numpy(mel), torch.from_numpy(cochleagram)).fused.mean
    np.testing.assert_allclose(estimate.valence, expected[:, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(estimate.arousal, expected[:, 1].numpy(), atol=1e-5)


def test_an_estimate_does_not_depend_on_the_batch_size(exported):
    engine, (mel, cochleagram) = OnnxEngine(exported), windows(16)
    batched = engine.infer(mel, cochleagram)
    for row in (0, 7, 15):
        single = engine.infer(mel[row : row + 1], cochleagram[row : row + 1])
        assert single.valence[0] == pytest.approx(batched.valence[row], abs=1e-5)
        assert single.arousal_std[0] == pytest.approx(batched.arousal_std[row], abs=1e-5)


def test_the_metadata_contain_the_provenance(exported):
    entries = metadata(exported)
    assert json.loads(entries["front_end"]) == asdict(SPEC)
    assert entries["front_end_digest"] == SPEC.digest
    assert json.loads(entries["smoothing"]) == json.loads(json.dumps(asdict(SMOOTHING)))
    assert json.loads(entries["training"]) == TRAINING
    assert json.loads(entries["metrics"]) == METRICS


def test_the_engine_reads_the_metadata(exported):
    engine = OnnxEngine(exported)
    assert engine.model == "tiny"
    assert engine.front_end == SPEC
    assert engine.smoothing == SMOOTHING


def test_the_window_is_fixed_and_the_batch_dynamic(exported):
    inputs = {one.name: one.type.tensor_type.shape.dim for one in onnx.load(exported).graph.input}
    assert set(inputs) == {"mel", "cochleagram"}
    for name, bands in (("mel", 128), ("cochleagram", 84)):
        batch, *rest = inputs[name]
        assert batch.dim_param
        assert [dim.dim_value for dim in rest] == [bands, SPEC.window_frames]


def test_the_file_contains_no_local_paths(exported):
    content = exported.read_bytes()
    assert b"/work" not in content
    assert b"site-packages" not in content


def test_exporting_does_not_change_the_network(exported, network):
    assert not network.training
    assert next(network.parameters()).requires_grad


def test_a_wrong_front_end_digest_is_refused(with_metadata):
    assert "digest" in refusal_message(with_metadata(front_end_digest="0123456789abcdef"))


@pytest.mark.parametrize(
    "change", [{"hop": 512}, {"mel_floor": 1e-10}, {"compression": 0.5}, {"gammatone_low": 30.0}]
)
def test_another_front_end_is_refused_with_the_difference(with_metadata, change):
    assert next(iter(change)) in refusal_message(with_metadata(**metadata_of_front_end(**change)))


def test_an_external_front_end_is_refused(with_metadata):
    message = refusal_message(with_metadata(**metadata_of_front_end(origin="external")))
    assert "origin" in message
    assert "external" in message


@pytest.mark.parametrize("key", ["front_end", "front_end_digest", "smoothing"])
def test_missing_metadata_are_refused(with_metadata, key):
    assert "export" in refusal_message(with_metadata(**{key: None}))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"unknown": 1}'])
@pytest.mark.parametrize("key", ["front_end", "smoothing"])
def test_malformed_metadata_are_refused(with_metadata, key, text):
    assert "export" in refusal_message(with_metadata(**{key: text}))


def test_a_file_without_metadata_is_refused(with_metadata, exported):
    assert "front end" in refusal_message(with_metadata(**dict.fromkeys(metadata(exported))))


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x00" * 1000])
def test_a_file_that_is_not_onnx_is_refused(tmp_path, content):
    (tmp_path / "other.onnx").write_bytes(content)
    assert "ONNX" in refusal_message(tmp_path / "other.onnx")


def test_a_truncated_file_is_refused(exported, tmp_path):
    (tmp_path / "half.onnx").write_bytes(exported.read_bytes()[:-2000])
    refusal_message(tmp_path / "half.onnx")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "no weights" in refusal_message(tmp_path / "nowhere.onnx")
    assert "no weights" in refusal_message(tmp_path)


def test_the_shipped_weights_pass_the_onnx_checker():
    onnx.checker.check_model(onnx.load(SHIPPED_MODEL), full_check=True)


def test_the_shipped_weights_run():
    engine = open_engine()
    spec = engine.front_end
    assert replace(spec, window_frames=258) == FrontEndSpec()
    for batch in (1, 16):
        estimate = engine.infer(*windows(batch, spec))
        for axis in (estimate.valence, estimate.arousal):
            assert axis.shape == (batch,)
            assert np.abs(axis).max() <= 1.0
        for deviation in (estimate.valence_std, estimate.arousal_std):
            assert (deviation > 0).all()


@pytest.fixture
def fitted(network, tmp_path):
    """Write a checkpoint; return the evaluation of the same recipe."""
    size = network.size.to_stored()
    recipe = {"name": "tiny", "window_frames": 43, "origin": "internal", "network": size}
    content = {"weights": network.state_dict(), "recipe": recipe, "seed": 7}
    torch.save(content, tmp_path / "model.pt")
    scores = {"vgmidi": {"damer": METRICS["vgmidi"]}}
    return {"recipe": recipe, "smoothing": asdict(SMOOTHING), "scores": scores}


def export(folder, evaluation):
    (folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    paths = (folder / "model.pt", folder / "evaluation.json", "--output", folder / "tiny.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter uses deprecated torch functions
        return CliRunner().invoke(app, ["export", *map(str, paths)])


def test_the_command_exports_with_the_smoother_of_the_evaluation(network, fitted, tmp_path):
    result = export(tmp_path, fitted)
    assert result.exit_code == 0, result.output
    engine = OnnxEngine(tmp_path / "tiny.onnx")
    assert engine.smoothing == SMOOTHING
    assert json.loads(metadata(tmp_path / "tiny.onnx")["metrics"]) == METRICS
    mel, cochleagram = windows(5)
    estimate = engine.infer(mel, cochleagram)
    with torch.inference_mode():
        head = network(torch.from_numpy(mel), torch.from_numpy(cochleagram)).fused
    np.testing.assert_allclose(estimate.valence, head.mean[:, 0], atol=1e-5)
    np.testing.assert_allclose(estimate.valence_std, head.std[:, 0], atol=1e-5)
    np.testing.assert_allclose(estimate.arousal_std, head.std[:, 1], atol=1e-5)


def test_an_evaluation_of_another_recipe_is_refused(fitted, tmp_path):
    other = {**fitted, "recipe": {**fitted["recipe"], "name": "other"}}
    result = export(tmp_path, other)
    assert result.exit_code == 2
    assert "recipe" in result.output
    assert not (tmp_path / "tiny.onnx").exists()


def test_a_damaged_checkpoint_is_refused(fitted, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"not weights")
    result = export(tmp_path, fitted)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    unboxed = "".join(line.strip("│ ") for line in result.output.splitlines())
    assert "model.pt" in unboxed
