"""Export a fitted network to ONNX, with its provenance in the metadata."""

import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from damer.nn import DAMER
from damer.views import FrontEndSpec
from streamer.engines import KalmanSettings
from streamer.engines.onnx_engine import OUTPUTS

_OPSET = 20


class FusedHead(nn.Module):
    """Exported part of the network: both views in, four vectors (B,) out."""

    def __init__(self, network: DAMER) -> None:
        super().__init__()
        self.network = network

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, ...]:
        """Return valence, arousal and their standard deviations, each (B,)."""
        fused = self.network(mel, cochleagram).fused
        return (*fused.mean.unbind(dim=1), *fused.std.unbind(dim=1))


def export_onnx(
    network: DAMER,
    spec: FrontEndSpec,
    path: Path,
    *,
    name: str,
    smoothing: KalmanSettings,
    training: dict[str, Any],
    metrics: dict[str, Any],
) -> None:
    """Write the network to an ONNX file with fixed T and dynamic batch size.

    Parameters
    ----------
    network
        Fitted network.
    spec
        Front end it was fitted to.
    path
        ONNX file to write.
    name
        Short name of the weights.
    smoothing
        Parameters of the smoother fitted with the weights.
    training, metrics
        Recipe with seed, and evaluation scores; stored as JSON.
    """
    module = FusedHead(network).eval().cpu()
    windows = (
        torch.zeros(2, spec.mel_bands, spec.window_frames),
        torch.zeros(2, spec.gammatone_channels, spec.window_frames),
    )
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter uses deprecated parts of torch
        logging.getLogger("torch.onnx").setLevel(
            logging.ERROR
        )  # it warns that torchvision is missing
        program = torch.onnx.export(
            module,
            windows,
            input_names=["mel", "cochleagram"],
            output_names=OUTPUTS,
            dynamic_shapes=({0: batch}, {0: batch}),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("cannot export the network: torch returned no program")
    model = program.model_proto
    onnx.helper.set_model_props(
        model,
        {
            "name": name,
            "front_end": json.dumps(asdict(spec)),
            "front_end_digest": spec.digest,
            "smoothing": json.dumps(asdict(smoothing)),
            "training": json.dumps(training),
            "metrics": json.dumps(metrics),
        },
    )
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.checker.check_model(model)
    for view in model.graph.input:
        if not view.type.tensor_type.shape.dim[0].dim_param:
            raise RuntimeError(f"the export fixed the batch size of {view.name}")
    path.write_bytes(model.SerializeToString())
