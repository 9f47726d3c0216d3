"""Processes of our own that do one thing beside the program."""

import os
import subprocess
import sys


def start_helper(*arguments: str, bufsize: int = -1) -> "subprocess.Popen[bytes]":
    """Start Python in a session of its own, with pipes for standard input and output.

    It is given our environment without our settings, which may hold passwords; proxies and the like
    remain. What it and its libraries write on standard error goes nowhere.

    Parameters
    ----------
    arguments
        A script, or `-m` and a module, and what they are told.
    bufsize
        Of the pipes, as of `subprocess.Popen`.
    """
    ours = os.environ.items()
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=bufsize,
        env={name: value for name, value in ours if not name.upper().startswith("STREAMER_")},
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
