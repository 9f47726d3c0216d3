"""Import torchaudio beside a CPU-only torch. Needs torch and torchaudio only."""

import sys
import types
from typing import Any

import torch


def torchaudio_transforms() -> Any:
    """Return the module `torchaudio.transforms`.

    torchaudio's wheel is linked to CUDA and does not import beside a CPU-only torch; its Python
    transforms need nothing of that, so the extension module is replaced by an inert one.
    """
    if not torch.cuda.is_available() and "torchaudio" not in sys.modules:
        inert = types.ModuleType("torchaudio._extension")
        inert.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            _check_cuda_version=lambda: None,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = inert
    from torchaudio import transforms

    return transforms
