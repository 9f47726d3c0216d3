"""`python -m deploy`: export weights, convert their precision, serve the engine.

Each command imports its own libraries, so that the inference server loads no torch.
"""

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any

import typer

from damer.views import FrontEndSpec
from damer.weights import SHIPPED_MODEL
from deploy.serving.command import serve
from streamer.engines import KalmanSettings, OnnxEngine

app = typer.Typer(
    help="Export weights, convert their precision, serve the engine.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    pass


@app.command()
def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="Checkpoint written by `python -m training fit`.")
    ],
    evaluation: Annotated[
        Path | None,
        typer.Argument(
            help="JSON written by `python -m training evaluate` for the same recipe.  [default: no "
            "scores, and the smoother of the shipped weights]"
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="ONNX file to write.")] = SHIPPED_MODEL,
) -> None:
    """Export a checkpoint to the ONNX file that `streamer` opens.

    The smoother's parameters come from the evaluation.
    """
    import torch

    from damer.nn import DAMER, NetworkSize
    from deploy.export import export_onnx

    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        recipe = content["recipe"]
    except (OSError, ValueError, RuntimeError, EOFError, KeyError, UnpicklingError) as error:
        raise typer.BadParameter(f"{checkpoint}: {error}") from None
    smoothing, metrics = _read_evaluation(evaluation, recipe)
    network = DAMER(NetworkSize.from_stored(recipe["network"]))
    network.load_state_dict(content["weights"])
    export_onnx(
        network,
        FrontEndSpec(window_frames=recipe["window_frames"], origin=recipe["origin"]),
        output,
        name=f"damer {recipe['name']}",
        smoothing=smoothing,
        training={"recipe": recipe, "seed": content["seed"]},
        metrics=metrics,
    )
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def _read_evaluation(
    evaluation: Path | None, recipe: dict[str, Any]
) -> tuple[KalmanSettings, dict[str, Any]]:
    """Return the smoother and the scores of an evaluation; raise unless it has this recipe."""
    if evaluation is None:
        return OnnxEngine(SHIPPED_MODEL).smoothing, {}
    try:
        content = json.loads(evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{evaluation}: {error}") from None
    if content["recipe"] != recipe:
        raise typer.BadParameter(f"{evaluation} has another recipe than the checkpoint")
    scores = {name: table["damer"] for name, table in content["scores"].items()}
    return KalmanSettings(**content["smoothing"]), scores


Weights = Annotated[
    Path, typer.Argument(help="ONNX file written by `export`.", exists=True, dir_okay=False)
]


@app.command()
def half(
    weights: Weights = SHIPPED_MODEL,
    output: Annotated[
        Path | None, typer.Option(help="ONNX file to write.", show_default="WEIGHTS-fp16.onnx")
    ] = None,
) -> None:
    """Convert weights to half precision, for a GPU: half the size.

    Then build an engine: `streamer engines build --model WEIGHTS-fp16.onnx`.
    """
    from deploy.weight_precision import convert_to_half

    output = output or weights.with_name(f"{weights.stem}-fp16.onnx")
    convert_to_half(weights, output)
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


@app.command()
def quantize(
    weights: Weights = SHIPPED_MODEL,
    output: Annotated[
        Path | None, typer.Option(help="ONNX file to write.", show_default="WEIGHTS-int8.onnx")
    ] = None,
) -> None:
    """Convert weights to eight bits: a third of the size, and faster on a CPU.

    Measure the loss of agreement: `python -m benchmarks precision`.
    """
    from deploy.weight_precision import quantize_to_int8

    output = output or weights.with_name(f"{weights.stem}-int8.onnx")
    quantize_to_int8(weights, output)
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


app.command("serve")(serve)

if __name__ == "__main__":
    app()
