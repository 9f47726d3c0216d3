"""`python -m deploy`: from a checkout to a show.

What a command alone takes, torch say, is imported in it: a server of engines needs none of it.
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

app = typer.Typer(help="From a checkout to a show.", no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    pass


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `python -m training fit` wrote.")],
    evaluation: Annotated[
        Path | None,
        typer.Argument(
            help="The JSON that `python -m training evaluate` wrote of the recipe.  [default: "
            "weights that nobody judged, with the smoother of the shipped ones]"
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="ONNX file to write.")] = SHIPPED_MODEL,
) -> None:
    """Write fitted weights as the ONNX file that `streamer` opens.

    The smoother is that of the evaluation.
    """
    import torch

    from damer.nn import DAMER, NetworkSize
    from deploy.export import export_onnx

    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        recipe = content["recipe"]
    except (OSError, ValueError, RuntimeError, EOFError, KeyError, UnpicklingError) as error:
        raise typer.BadParameter(f"{checkpoint}: {error}") from None
    smoothing, metrics = _judged(evaluation, recipe)
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


def _judged(
    evaluation: Path | None, recipe: dict[str, Any]
) -> tuple[KalmanSettings, dict[str, Any]]:
    """Return the smoother and the scores of an evaluation, which has to be of this recipe."""
    if evaluation is None:
        return OnnxEngine(SHIPPED_MODEL).smoothing, {}
    try:
        judged = json.loads(evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{evaluation}: {error}") from None
    if judged["recipe"] != recipe:
        raise typer.BadParameter(f"{evaluation} is not of the recipe that was fitted")
    scores = {name: table["damer"] for name, table in judged["scores"].items()}
    return KalmanSettings(**judged["smoothing"]), scores


Weights = Annotated[Path, typer.Argument(help="What `export` wrote.", exists=True, dir_okay=False)]


@app.command("half")
def halve_weights(
    weights: Weights = SHIPPED_MODEL,
    output: Annotated[
        Path | None, typer.Option(help="ONNX file to write.", show_default="WEIGHTS-fp16.onnx")
    ] = None,
) -> None:
    """Write weights in half precision, for engines on a GPU: half the size.

    Build an engine of them: `streamer engines build --model WEIGHTS-fp16.onnx`.
    """
    from deploy.half import halve

    output = output or weights.with_name(f"{weights.stem}-fp16.onnx")
    halve(weights, output)
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


@app.command("quantize")
def quantize_weights(
    weights: Weights = SHIPPED_MODEL,
    output: Annotated[
        Path | None, typer.Option(help="ONNX file to write.", show_default="WEIGHTS-int8.onnx")
    ] = None,
) -> None:
    """Write eight-bit weights: a third of the size, and quicker on a processor.

    What they lose in agreement: `python -m benchmarks precision`.
    """
    from deploy.quantize import quantize

    output = output or weights.with_name(f"{weights.stem}-int8.onnx")
    quantize(weights, output)
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


app.command("serve")(serve)

if __name__ == "__main__":
    app()
