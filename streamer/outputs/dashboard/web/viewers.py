"""One viewer: sees what is new up to twenty times a second, and asks for little.

Whoever does not read in time misses what a fresh look does not need; who does not read at all is
left. Nobody waits for a viewer but the viewer's own task.
"""

import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer import limits
from streamer.helpers import TokenBucket
from streamer.outputs.dashboard.web.live_state import Board, Seen

PERIOD = 0.05
"""Seconds between two messages to a viewer, at least."""

TOO_MUCH = 1008  # websocket close codes: a policy is violated
_COMMAND = {"zone", "name", "value", "id"}

Say = Callable[[dict[str, Any]], None]


async def show(socket: WebSocket, board: Board, seen: Seen, hello: dict[str, Any]) -> None:
    """Send what is known and then what is new, until the viewer is gone or does not read."""
    await _send(socket, json.dumps({"hello": hello}))
    while True:
        if text := board.text(seen):
            await _send(socket, text)
        await anyio.sleep(PERIOD)


async def hear(socket: WebSocket, viewer: str, zones: tuple[str, ...], say: Say) -> None:
    """Pass on the viewer's commands until it is gone; close where it says too much."""
    bucket = TokenBucket(limits.VIEWER_COMMANDS_PER_SECOND, limits.VIEWER_COMMANDS_PER_SECOND)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        command = _command(message.get("text") or "")
        if not bucket.try_acquire():
            await socket.close(TOO_MUCH, "too many commands")
            return
        if command is None or command["zone"] not in zones:
            await socket.close(TOO_MUCH, "no command")
            return
        say({"command": command | {"id": f"{viewer}.{command['id']}"}})


async def attend(
    socket: WebSocket, board: Board, seen: Seen, hello: dict[str, Any], say: Say
) -> None:
    """Serve a viewer that was accepted, until it is gone."""

    async def until_gone(work: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(WebSocketDisconnect, TimeoutError):
            await work
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until_gone, show(socket, board, seen, hello))
        group.start_soon(until_gone, hear(socket, seen.viewer, board.zones, say))
    if socket.application_state == WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect), anyio.move_on_after(1.0):
            await socket.close()


async def _send(socket: WebSocket, text: str) -> None:
    with anyio.fail_after(limits.VIEWER_TIMEOUT_S):
        await socket.send_text(text)


def _command(text: str) -> dict[str, str] | None:
    """Return a command as it is passed on; None for anything else."""
    if len(text) > limits.MAX_COMMAND_BYTES:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.keys() != _COMMAND:
        return None
    whole = all(isinstance(each, str) for each in content.values())
    return content if whole and len(content["id"]) <= limits.MAX_VIEWER_COMMAND_ID_CHARS else None
