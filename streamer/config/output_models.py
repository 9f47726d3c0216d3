"""Configuration models of the outputs other than MQTT, of unattended operation, and of the log."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from streamer import limits
from streamer.config.fields import File, Table
from streamer.config.listen import parse_listen_address


class Lights(Table):
    """Lights that follow the trajectory."""

    show: File | None = Field(
        default=None,
        description="Show file that maps the trajectory to lights. Default: no lights.",
    )


class Record(Table):
    """Recording of a run to disk."""

    folder: File | None = Field(
        default=None,
        description="Folder in which estimates are recorded, for `streamer replay` and "
        "`streamer plot`. Default: no recording.",
    )
    audio: bool = Field(default=False, description="Record the audio too, as FLAC.")
    minutes: float = Field(
        default=60.0, ge=1, le=1440, description="Duration of one file, in minutes."
    )
    limit_gb: float = Field(
        default=20.0,
        gt=0,
        le=1e6,
        description="Largest total size of the recordings, in GB; the oldest are deleted.",
    )
    free_gb: float = Field(
        default=2.0,
        ge=0,
        le=1e6,
        description="Free disk space to keep, in GB; recording pauses below it.",
    )


class Metrics(Table):
    """Metrics for Prometheus."""

    listen: str | None = Field(
        default=None,
        max_length=300,
        description="Listen address of the metrics, HOST:PORT, such as 127.0.0.1:9464. "
        "Unauthenticated. Default: off.",
    )

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, listen: str | None) -> str | None:
        return None if listen is None else str(parse_listen_address(listen))


class Dashboard(Table):
    """Web page to watch and control a run."""

    serve: bool = Field(default=False, description="Serve a web page to watch and control the run.")
    listen: str = Field(
        default="127.0.0.1:8710",
        max_length=300,
        description="Listen address of the dashboard, HOST:PORT. An address that other machines "
        "can reach requires a token.",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=limits.MIN_TOKEN_CHARS,
        description="Access token for viewers. Prefer STREAMER_DASHBOARD__TOKEN or token_file.",
    )
    token_file: File | None = Field(
        default=None, description="File that contains only the access token."
    )

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, listen: str) -> str:
        return str(parse_listen_address(listen))


class Service(Table):
    """Unattended operation."""

    wait: bool = Field(
        default=False,
        description="Start without the broker, microphone or stream, and wait for them; otherwise "
        "the run ends with an error if one is missing.",
    )


class Log(Table):
    """Log messages on standard error."""

    format: Literal["console", "json"] = Field(
        default="console", description="Log format: a line for people, or one JSON object a line."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
