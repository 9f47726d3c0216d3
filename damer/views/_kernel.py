"""Compiling the inner loops."""

import logging
from collections.abc import Callable
from typing import TypeVar

import numba

_log = logging.getLogger(__name__)
_Function = TypeVar("_Function", bound=Callable[..., None])


def kernel(signature: str) -> Callable[[_Function], _Function]:
    """Compile a function when its module is imported, so that nothing compiles later.

    The machine code is cached beside the module or in the user's cache directory; where neither can
    be written it is compiled anew in every process and one line says so. The kernel releases the
    interpreter lock. Neither fast maths nor threads: both would let rounding depend on block size.
    """

    def compiled(function: _Function) -> _Function:
        try:
            return numba.njit(signature, cache=True, nogil=True)(function)
        except (RuntimeError, OSError) as error:
            _log.info(
                "No place to cache compiled code (%s); compiling %s", error, function.__name__
            )
            return numba.njit(signature, nogil=True)(function)

    return compiled
