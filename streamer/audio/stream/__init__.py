"""Network streams: http and https, HLS, RTSP, RTP and UDP.

`StreamInput` plays one. `streamer.decoder.urls` lists the supported URLs.
"""

from streamer.audio.stream.stream_input import StreamInput

__all__ = ["StreamInput"]
