"""Libraries of the optional extra `record`, imported when they are asked for."""

import importlib
from typing import Any

from streamer.errors import UsageError


def need(module: str) -> Any:
    """Import and return a module of pyarrow or matplotlib.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        library = module.partition(".")[0]
        raise UsageError(
            f'{library} is not installed; `pip install "damer-streamer[record]"`, or '
            '`pip install ".[record]"` in a checkout, brings it'
        ) from None
