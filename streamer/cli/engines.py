"""`streamer engines`: build engines for GPUs before the show, and see which are there."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streamer.errors import EngineError

engines = typer.Typer(
    help="Engines for NVIDIA GPUs: built before the show, kept in your cache folder.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where engines are kept.  [default: your cache folder]"),
]


@engines.command()
def build(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ONNX weights.  [default: the shipped ones]")
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            metavar="8.9",
            help="Compute capability of the GPU it is for, which need not be here; may be given "
            "again.  [default: the GPU here]",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            max=4096,
            help="Windows at a time, as many as zones that share a tick; may be given again.  "
            "[default: 1, 8, 32]",
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Build a TensorRT engine of the weights, in a second or two.

    `streamer run` takes it where weights, TensorRT and GPU are those that it was built for.
    Precision is that of the weights.
    """
    from damer.weights import SHIPPED_MODEL
    from streamer.engines.cuda import find_gpu
    from streamer.engines.fixed_batches import BATCH_SIZES
    from streamer.engines.onnx_engine import read_model_metadata
    from streamer.engines.tensorrt.builder import build_engine, load_library
    from streamer.engines.tensorrt.engine_cache import default_cache_folder, save_engine

    library = load_library()
    path = model or SHIPPED_MODEL
    read_model_metadata(path)  # what streamer could not run need not be built
    capabilities = tuple(dict.fromkeys(gpu or ()))
    if not capabilities:
        try:
            capabilities = (find_gpu().capability,)
        except EngineError as error:
            raise EngineError(f"{error}; name the one to build for, such as --gpu 8.9") from None
    batches = tuple(sorted(set(batch or BATCH_SIZES)))
    console = Console(stderr=True)
    with console.status("Building") as status:
        content = build_engine(
            path, library, capabilities, batches, lambda phase: status.update(phase)
        )
    saved = save_engine(
        content, path, library, capabilities, batches, folder or default_cache_folder()
    )
    typer.echo(f"wrote {saved} ({len(content) / 1e6:.1f} MB)")


@engines.command("list")
def list_engines(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ONNX weights.  [default: the shipped ones]")
    ] = None,
    folder: Folder = None,
) -> None:
    """List the engines that were built, and whether `streamer run` would take them here."""
    from damer.weights import SHIPPED_MODEL
    from streamer.engines.cuda import find_gpu
    from streamer.engines.tensorrt.builder import load_library
    from streamer.engines.tensorrt.engine_cache import (
        cached_engines,
        default_cache_folder,
        mismatch_reason,
    )
    from streamer.engines.weights_digest import file_sha256

    digest = file_sha256(model or SHIPPED_MODEL)
    found = list(cached_engines(folder or default_cache_folder()))
    if not found:
        typer.echo(f"no engines in {folder or default_cache_folder()}")
        return
    try:
        library, here = load_library(), find_gpu().capability
        obstacle = ""
    except EngineError as error:
        obstacle = str(error)
    for one in found:
        reason = obstacle or mismatch_reason(one, digest, library, here)
        typer.echo(one.path.name)
        if one.label is not None:
            label = one.label
            gpus, batches = ", ".join(label.capabilities), ", ".join(map(str, label.batches))
            typer.echo(f"  of {label.model}, for compute capability {gpus}, batches of {batches}")
            typer.echo(f"  by {label.package} {label.version}, {label.built:%Y-%m-%d %H:%M} UTC")
        typer.echo(f"  does not fit here: {reason}" if reason else "  fits here")
