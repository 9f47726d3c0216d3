"""Configuration: models, and loading from options, environment and file.

>>> import os
>>> config = load({"input": "concert.flac", "rate": 5}, config_path=None, environ=os.environ)
>>> config.zones[0].input
'concert.flac'
"""

from streamer.config.files import default_text
from streamer.config.load import OPTIONS, LoadedConfig, load, load_with_origins
from streamer.config.models import (
    Config,
    Engine,
    HomeAssistant,
    Mqtt,
    RawFormat,
    Tracking,
    Zone,
)
from streamer.config.output_models import Dashboard, Lights, Log, Record
from streamer.errors import ConfigError

__all__ = [
    "OPTIONS",
    "Config",
    "ConfigError",
    "Dashboard",
    "Engine",
    "HomeAssistant",
    "Lights",
    "LoadedConfig",
    "Log",
    "Mqtt",
    "RawFormat",
    "Record",
    "Tracking",
    "Zone",
    "default_text",
    "load",
    "load_with_origins",
]
