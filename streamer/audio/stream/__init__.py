"""Live streams of the network: http and https, HLS, RTSP, RTP, UDP.

`StreamFeed` plays one. `streamer.decoder.urls` names what may be opened at all.
"""

from streamer.audio.stream.stream_feed import StreamFeed

__all__ = ["StreamFeed"]
