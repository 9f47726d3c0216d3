"""Track the emotion of live music: valence and arousal over MQTT."""

__version__ = "0.1.0"
