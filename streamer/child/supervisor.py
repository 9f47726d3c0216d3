"""Start, watch, kill and reap a child process, and exchange messages with it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from streamer.child.framing import read_message, write_json
from streamer.errors import StreamerError

_PIPE_BUFFER_BYTES = 1 << 16
_TICK_S = 0.1
_EXIT_TIMEOUT_S = 2.0


class ChildStartError(StreamerError):
    """A child process cannot be started.

    Attributes
    ----------
    cause
        What the system says.
    """

    def __init__(self, name: str, error: Exception) -> None:
        self.cause = str(getattr(error, "strerror", None) or error)
        super().__init__(
            f"cannot start the {name} process: {self.cause}; "
            "end other programs, or raise the process and memory limits of this one"
        )


class ChildProcess:
    """A Python process that exchanges messages with this one.

    One thread starts, watches, kills and reaps the process, because Linux kills a restricted child
    when the thread that started it ends. Time-outs count the ticks of that thread, so that time
    during which the machine sleeps does not count.

    The thread keeps this object alive: call `close`, or let `weakref.finalize` call it.

    Parameters
    ----------
    *command
        A script, or `-m` and a module; then its arguments.
    name
        Name of the thread, and of the process in errors.
    stop
        Kill the process as soon as this is set; may be changed later.
    trusted
        Accept messages of any length from the process.

    Attributes
    ----------
    process
        The process; its `returncode` is None while it runs.
    timed_out
        Whether it was killed because `receive` timed out.

    Raises
    ------
    ChildStartError
        The system starts no thread or no process.
    """

    process: "subprocess.Popen[bytes]"

    def __init__(
        self,
        *command: str,
        name: str,
        stop: threading.Event | None = None,
        trusted: bool = False,
    ) -> None:
        self.stop = stop
        self.timed_out = False
        self._command = command
        self._trusted = trusted
        self._timeout: float | None = None  # of the `receive` that waits now
        self._receive_count = 0
        self._closing = threading.Event()
        self._started = threading.Event()
        self._start_error: Exception | None = None
        self._thread = threading.Thread(target=self._supervise, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise ChildStartError(name, error) from None
        self._started.wait()
        if self._start_error is not None:
            raise ChildStartError(name, self._start_error)

    @property
    def exit_reason(self) -> str:
        """How the process ended: `exit status 1`, or the name of a signal."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"exit status {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send a JSON message; wait while the pipe is full.

        Returns
        -------
        bool
            False where the process has ended.
        """
        assert self.process.stdin is not None  # noqa: S101 - a pipe
        try:
            write_json(self.process.stdin, message)
            self.process.stdin.flush()
        except (OSError, ValueError):  # ended, or closed by `close`
            return False
        return True

    def receive(self, timeout: float | None = None) -> dict[str, Any] | bytes | None:
        """Wait for the next message.

        Parameters
        ----------
        timeout
            Seconds after which the process counts as hung and is killed. Default: never.

        Returns
        -------
        dict[str, Any] | bytes | None
            As of `read_message`; None once the process has ended or timed out.

        Raises
        ------
        MessageError
            The message is invalid; close the process.
        """
        assert self.process.stdout is not None  # noqa: S101 - a pipe
        self._receive_count += 1
        self._timeout = timeout
        try:
            return read_message(self.process.stdout, trusted=self._trusted)
        except (OSError, ValueError):  # closed by `close`
            return None
        finally:
            self._timeout = None

    def close(self) -> None:
        """Kill and reap the process; calling it again does nothing.

        Waits at most 2 s: a process that hangs inside the kernel is reaped whenever it ends.
        """
        self._closing.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_EXIT_TIMEOUT_S)

    def _supervise(self) -> None:
        try:
            self.process = process = spawn_python(*self._command)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._start_error = error
            return
        finally:
            self._started.set()
        count, waited = 0, 0.0
        while not self._closing.wait(_TICK_S):
            timeout = self._timeout
            waited = waited + _TICK_S if timeout is not None and count == self._receive_count else 0
            count = self._receive_count
            self.timed_out = timeout is not None and waited > timeout
            if self.timed_out or (self.stop is not None and self.stop.is_set()):
                break
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def spawn_python(*command: str) -> "subprocess.Popen[bytes]":
    """Start Python in a session of its own, with pipes for standard input and output.

    The environment is passed on without our own settings (`STREAMER_*`), which may hold passwords.
    Standard error is discarded.

    Parameters
    ----------
    *command
        A script, or `-m` and a module; then its arguments.
    """
    inherited = os.environ.items()
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-P", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=_PIPE_BUFFER_BYTES,
        env={k: v for k, v in inherited if not k.upper().startswith("STREAMER_")},
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
