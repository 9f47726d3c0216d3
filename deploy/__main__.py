"""`python -m deploy`: from a checkout to a show."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from damer.nn import DAMER, NetworkSize
from damer.views import FrontEndSpec
from damer.weights import SHIPPED_MODEL
from deploy.export import export_onnx
from streamer.engines import KalmanSettings

app = typer.Typer(help="From a checkout to a show.", no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    pass


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `python -m training fit` wrote.")],
    output: Annotated[Path, typer.Option(help="ONNX file to write.")] = SHIPPED_MODEL,
) -> None:
    """Write fitted weights as the ONNX file that `streamer` opens."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    recipe = content["recipe"]
    network = DAMER(NetworkSize(**recipe["network"]))
    network.load_state_dict(content["weights"])
    export_onnx(
        network,
        FrontEndSpec(window_frames=recipe["window_frames"]),
        output,
        name=f"damer {recipe['name']}",
        smoothing=KalmanSettings(**content["smoothing"]),
        training={"recipe": recipe, "seed": content["seed"]},
        metrics=content["scores"],
    )
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    app()
