"""Live streams of the network: http and https, HLS, RTSP, RTP, UDP.

`StreamInput` plays one. `streamer.decoder.urls` names what may be opened at all.
"""

from streamer.audio.stream.stream_input import StreamInput

__all__ = ["StreamInput"]
