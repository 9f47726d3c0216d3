"""Compile inner loops with Numba at import."""

import logging
from collections.abc import Callable
from functools import cache

import numba

_log = logging.getLogger(__name__)
Kernel = Callable[..., None]


def kernel(signature: str) -> Callable[[Kernel], Kernel]:
    """Compile a function of this signature at import, so that nothing compiles during a stream.

    The machine code is cached beside the module or in the user's cache directory. If neither can be
    written, every process compiles again and logs one line. The kernel releases the GIL. No
    `fastmath`, no `parallel`: with either, rounding would depend on the block size.
    """

    def compile_function(function: Kernel) -> Kernel:
        try:
            compiled: Kernel = numba.njit(signature, cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            _log_uncached()
            compiled = numba.njit(signature, nogil=True)(function)
        return compiled

    return compile_function


@cache
def _log_uncached() -> None:
    """Log once per process that compiled code is not cached."""
    _log.info("cannot cache compiled code: no writable folder; every start compiles it again")
