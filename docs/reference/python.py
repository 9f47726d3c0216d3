"""Generate the Python API pages; mkdocstrings fills them from docstrings."""

from typing import NamedTuple


class _Page(NamedTuple):
    """One page: file name, title, introduction, and documented objects."""

    name: str
    title: str
    begin: str
    objects: tuple[str, ...]


_PAGES = (
    _Page(
        "analyze",
        "Sound and estimates",
        "What `streamer analyze` does, from Python. Nothing here starts a broker.\n\n"
        "```python\n"
        "from streamer.batch.analysis import analyze\n"
        "from streamer.config import Tracking\n"
        "from streamer.demo import PIECE\n"
        "from streamer.engines import open_engine\n\n"
        "updates, seconds = analyze(PIECE, open_engine(), Tracking(rate=1))\n"
        "for update in updates:\n"
        "    here = update.smooth\n"
        '    print(f"{update.time:6.1f} s  {here.valence:+.2f} {here.arousal:+.2f}")\n'
        "```",
        (
            "streamer.batch.analysis.analyze",
            "streamer.batch.analysis.analyze_files",
            "streamer.batch.analysis.Analysis",
            "streamer.tracking.Update",
            "streamer.tracking.Affect",
            "streamer.audio.open_source",
            "streamer.audio.Source",
            "streamer.audio.Block",
            "streamer.engines.open_engine",
            "streamer.engines.Engine",
            "streamer.engines.Estimate",
        ),
    ),
    _Page(
        "publish",
        "Publishing and recordings",
        "The fields of every message: [MQTT messages](mqtt.md).",
        (
            "streamer.mqtt.open_broker",
            "streamer.mqtt.Publisher",
            "streamer.mqtt.Topics",
            "streamer.mqtt.json_schemas",
            "streamer.mqtt.VA",
            "streamer.mqtt.State",
            "streamer.mqtt.Health",
            "streamer.mqtt.Ack",
            "streamer.outputs.recording.read_recording",
            "streamer.outputs.recording.Recording",
            "streamer.outputs.lights.LiveShow",
            "streamer.outputs.lights.LightController",
            "streamer.outputs.lights.load_show",
        ),
    ),
    _Page(
        "views",
        "Views",
        "What the network hears. NumPy and Numba only.\n\n"
        "```python\n"
        "import numpy as np\n\n"
        "from damer.views import FrontEnd, FrontEndSpec\n\n"
        "frames = FrontEnd(FrontEndSpec()).push(np.zeros(22050, dtype=np.float32))\n"
        "print(frames.mel.shape, frames.cochleagram.shape)  # (86, 128) (86, 84)\n"
        "```",
        (
            "damer.views.FrontEnd",
            "damer.views.FrontEndSpec",
            "damer.views.Frames",
            "damer.views.LogMel",
            "damer.views.Cochleagram",
        ),
    ),
    _Page(
        "network",
        "Network",
        "The network in torch (extra `train`). It implements the DAMER design its abstract "
        "describes; every size is ours.",
        (
            "damer.nn.DAMER",
            "damer.nn.NetworkSize",
            "damer.nn.NetworkOutput",
            "damer.nn.FusedOutput",
            "damer.nn.DSAFLayer",
            "damer.nn.PatchTokens",
            "damer.nn.ConvolutionalTokens",
            "damer.nn.pcl",
            "damer.nn.saml",
        ),
    ),
    _Page(
        "training",
        "Training",
        "What stands behind `python -m training` and `python -m deploy`, in a checkout "
        "(extra `train`). The commands: [Training a model of your own](../training.md).",
        (
            "training.datasets.read_data_sets",
            "training.datasets.Piece",
            "training.fitting.recipe_files.load_recipe",
            "training.fitting.recipe.FitRecipe",
            "training.fitting.recipe.DistillRecipe",
            "training.fitting.distill.distill",
            "training.fitting.fit.fit",
            "training.fitting.soup.fit_soup",
            "training.evaluation.evaluate.evaluate",
            "training.evaluation.ablation.ablate",
            "deploy.export.export_onnx",
            "deploy.weight_precision.convert_to_half",
            "deploy.weight_precision.quantize_to_int8",
        ),
    ),
)


def generate_files() -> dict[str, str]:
    """Return the pages."""
    return {f"reference/{page.name}.md": _text(page) for page in _PAGES}


def _text(page: _Page) -> str:
    objects = "\n\n".join(f"::: {name}" for name in page.objects)
    return f"# {page.title}\n\n{page.begin}\n\n{objects}\n"
