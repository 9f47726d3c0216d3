"""Print received OSC messages: a stand-in for TouchDesigner, Max or any other receiver.

pip install "python-osc>=1.9,<2"
python receive.py --port 9000
"""

import argparse
import contextlib

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer


def show(address: str, *values: object) -> None:
    """Print the address and values of a message, floats with four decimals."""
    values = tuple(f"{value:.4f}" if isinstance(value, float) else value for value in values)
    print(address, *values, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the OSC messages that arrive.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 also receives from other machines"
    )
    parser.add_argument("--port", type=int, default=9000)
    options = parser.parse_args()
    dispatcher = Dispatcher()
    dispatcher.map("/mood/*", show)  # or one address: dispatcher.map("/mood/main/valence", dim)
    server = BlockingOSCUDPServer((options.host, options.port), dispatcher)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
