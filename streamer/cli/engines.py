"""`streamer engines`: build TensorRT engines, and list those in the cache."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streamer.errors import EngineError

engines = typer.Typer(
    help="Build and list TensorRT engines for NVIDIA GPUs.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of the engines.  [default: your cache folder]"),
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
            help="Compute capability of the target GPU, which need not be in this machine; may be "
            "repeated.  [default: this machine's GPU]",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            max=4096,
            help="Batch size: the number of zones that share the engine; may be repeated.  "
            "[default: 1, 8, 32]",
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Build a TensorRT engine from the weights; takes a second or two.

    `streamer run` uses it if weights, TensorRT version and GPU match those it was built for. The
    precision is that of the weights.
    """
    from damer.weights import SHIPPED_MODEL
    from streamer.engines.cuda import find_gpu
    from streamer.engines.fixed_batches import BATCH_SIZES
    from streamer.engines.onnx_engine import read_model_metadata
    from streamer.engines.tensorrt.builder import build_engine, load_library
    from streamer.engines.tensorrt.engine_cache import default_cache_folder, save_engine

    library = load_library()
    path = model or SHIPPED_MODEL
    read_model_metadata(path)  # raises for weights that streamer cannot run
    capabilities = tuple(dict.fromkeys(gpu or ()))
    if not capabilities:
        try:
            capabilities = (find_gpu().capability,)
        except EngineError as error:
            raise EngineError(f"{error}; name the target GPU, such as --gpu 8.9") from None
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
    """List the cached engines, and whether `streamer run` would use them on this machine."""
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
