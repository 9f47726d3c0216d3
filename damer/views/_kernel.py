"""Compiling the inner loops."""

import logging
from collections.abc import Callable
from functools import cache

import numba

_log = logging.getLogger(__name__)
Kernel = Callable[..., None]


def kernel(signature: str) -> Callable[[Kernel], Kernel]:
    """Compile a function when its module is imported, so that nothing compiles later.

    The machine code is cached beside the module or in the user's cache directory; where neither can
    be written it is compiled anew in every process and one line says so. The kernel releases the
    interpreter lock. Neither fast maths nor threads: both would let rounding depend on block size.
    """

    def compiled(function: Kernel) -> Kernel:
        try:
            fast: Kernel = numba.njit(signature, cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            _say_uncached()
            fast = numba.njit(signature, nogil=True)(function)
        return fast

    return compiled


@cache
def _say_uncached() -> None:
    """Say once in a process that compiled code cannot be kept."""
    _log.info("No place to cache compiled code: it is compiled anew at every start")
