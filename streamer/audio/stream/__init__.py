"""Live streams of the network: http and https, HLS, RTSP, RTP, UDP.

`StreamFeed` plays one. `urls` names what may be opened at all, and with which limits.
"""

from streamer.audio.stream.feed import StreamFeed

__all__ = ["StreamFeed"]
