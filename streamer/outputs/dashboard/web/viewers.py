"""One viewer's websocket: sends updates, receives commands.

A viewer that reads slowly skips old views; one that does not read at all is disconnected. No other
task waits for it.
"""

import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer import limits
from streamer.helpers import TokenBucket
from streamer.outputs.dashboard.web.live_state import Cursor, LiveState

PERIOD_S = 0.05
"""Shortest time between two messages to a viewer, in seconds."""

POLICY_VIOLATION = 1008  # websocket close code
_COMMAND_KEYS = {"zone", "name", "value", "id"}

Send = Callable[[dict[str, Any]], None]
"""Sends a message to the run."""


async def serve_viewer(
    socket: WebSocket, state: LiveState, cursor: Cursor, hello: dict[str, Any], send: Send
) -> None:
    """Serve an accepted websocket until the viewer disconnects."""

    async def until_disconnected(work: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(WebSocketDisconnect, TimeoutError):
            await work
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until_disconnected, _send_updates(socket, state, cursor, hello))
        group.start_soon(until_disconnected, _receive_commands(socket, cursor, state.zones, send))
    if socket.application_state == WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect), anyio.move_on_after(1.0):
            await socket.close()


async def _send_updates(
    socket: WebSocket, state: LiveState, cursor: Cursor, hello: dict[str, Any]
) -> None:
    """Send the current state, then updates, until the viewer disconnects or does not read."""
    await _send_text(socket, json.dumps({"hello": hello}))
    while True:
        if text := state.encode_news(cursor):
            await _send_text(socket, text)
        await anyio.sleep(PERIOD_S)


async def _send_text(socket: WebSocket, text: str) -> None:
    with anyio.fail_after(limits.VIEWER_TIMEOUT_S):
        await socket.send_text(text)


async def _receive_commands(
    socket: WebSocket, cursor: Cursor, zones: tuple[str, ...], send: Send
) -> None:
    """Pass on commands until the viewer disconnects; close after an invalid or excess message."""
    rate = limits.VIEWER_COMMANDS_PER_SECOND
    bucket = TokenBucket(rate, rate)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        command = _parse_command(message.get("text") or "")
        if not bucket.try_acquire():
            await socket.close(POLICY_VIOLATION, "too many commands")
            return
        if command is None or command["zone"] not in zones:
            await socket.close(POLICY_VIOLATION, "invalid command")
            return
        send({"command": command | {"id": f"{cursor.viewer}.{command['id']}"}})


def _parse_command(text: str) -> dict[str, str] | None:
    """Return a command whose fields are strings; None for anything else."""
    if len(text) > limits.MAX_COMMAND_BYTES:
        return None
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(command, dict) or command.keys() != _COMMAND_KEYS:
        return None
    valid = all(isinstance(value, str) for value in command.values())
    return command if valid and len(command["id"]) <= limits.MAX_VIEWER_COMMAND_ID_CHARS else None
