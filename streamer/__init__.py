"""streamer: live music in, a smooth valence/arousal trajectory over MQTT out."""

__version__ = "0.1.0"
