"""Configuration models, one per table; outputs other than MQTT are in `output_models`.

The descriptions are the source of the reference documentation and of the options' help texts.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from streamer import limits
from streamer.config.fields import File, Sha256, Slug, Table, check_topic
from streamer.config.output_models import Dashboard, Lights, Log, Metrics, Record, Service


class RawFormat(Table):
    """Format of raw PCM samples on standard input (`input = "-"`)."""

    format: Literal["s16le", "f32le"] = Field(
        default="s16le",
        description="Sample format of raw PCM on standard input: 16-bit integers or 32-bit floats.",
    )
    rate: int = Field(
        default=44100,
        ge=8000,
        le=384000,
        description="Sample rate of raw PCM on standard input, in Hz.",
    )
    channels: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Number of interleaved channels of raw PCM on standard input.",
    )


class Zone(Table):
    """A zone: one input and the trajectory estimated from it."""

    id: Slug = Field(default="main", description="Name of the zone, used in its topics.")
    input: str = Field(
        default="demo",
        min_length=1,
        description='Audio input: "mic" (a microphone), "demo" (the bundled piece), the path of an '
        "audio file, the URL of a live stream (http, https, HLS, rtsp, rtp, udp), "
        'or "-" (raw PCM on standard input).',
    )
    device: str = Field(
        default="",
        description='Microphone for the input "mic": part of its name, or its index, as listed by '
        "`streamer devices`. Empty: the system's default.",
    )
    channels: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(),
        description="Channels to mix to mono, counted from 1, such as 3,4. Empty: all; of a sound "
        "card the first two.",
    )
    loop: bool = Field(
        default=False, description="Restart an audio file at its end. The demo always loops."
    )
    auto_gain: bool = Field(
        default=False,
        description="Adapt the gain to the loudness of the last minutes, so that quiet and loud "
        "evenings give comparable estimates; short quiet passages stay quiet.",
    )
    raw: RawFormat = Field(
        default=RawFormat(), description="Format of raw PCM samples on standard input."
    )


class Tracking(Table):
    """Estimation: rate, smoothing, silence, calibration."""

    rate: float = Field(default=10.0, ge=0.1, le=20, description="Estimates per second, in Hz.")
    on_silence: Literal["decay", "hold"] = Field(
        default="decay",
        description='Trajectory during silence: "decay" to neutral, or "hold" the last estimate.',
    )
    smoother: Literal["kalman", "one-euro", "exponential", "none"] = Field(
        default="kalman", description="Filter that smooths the raw estimates."
    )
    calibration: File | None = Field(
        default=None,
        description="File with the results of `streamer calibrate`. Default: calibration.json in "
        "the user's state folder.",
    )


class Remote(Table):
    """An inference server that runs the network for many venues."""

    url: str | None = Field(
        default=None,
        max_length=300,
        description="Inference server (`python -m deploy serve`) to use first: http://HOST[:PORT], "
        "or https://HOST[:PORT] (TLS). While it is unreachable or late, the local engine takes "
        "over.",
    )
    deadline_ms: float = Field(
        default=40.0,
        ge=1,
        le=5000,
        description="Longest wait for a reply, in milliseconds. Must be shorter than the time "
        "between two estimates.",
    )
    precision: Literal["single", "half"] = Field(
        default="half",
        description='Float format on the network: "half", or "single", which doubles the traffic '
        "and gives the same estimates to the last bit.",
    )
    user: str | None = Field(
        default=None, min_length=1, max_length=1000, description="User name for the server."
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The user's password. Prefer STREAMER_ENGINE__REMOTE__PASSWORD or "
        "password_file.",
    )
    password_file: File | None = Field(
        default=None, description="File that contains only the user's password."
    )
    ca_file: File | None = Field(
        default=None,
        description="CA certificates that may have signed the server's certificate, PEM. Default: "
        "those this machine trusts.",
    )
    cert_file: File | None = Field(
        default=None, description="Client certificate, for servers that require one, PEM."
    )
    key_file: File | None = Field(
        default=None,
        description="Private key of the client certificate, PEM without passphrase. Default: in "
        "cert_file.",
    )


class Engine(Table):
    """The inference engine and its weights."""

    backend: Literal["auto", "onnxruntime", "tensorrt", "torch"] = Field(
        default="auto",
        description='Inference engine. "auto": TensorRT if `streamer engines build` has built an '
        "engine for this GPU, else ONNX Runtime on the CPU; torch if a GPU is required.",
    )
    require: Literal["any", "gpu"] = Field(
        default="any",
        description='"gpu": refuse to run without a GPU. "any": fall back to the CPU.',
    )
    model: File | None = Field(
        default=None, description="ONNX weights to use instead of the shipped ones."
    )
    digest: Sha256 | None = Field(
        default=None,
        description="SHA-256 that the weights in `model` must have. Shipped weights are always "
        "verified.",
    )
    remote: Remote = Field(
        default=Remote(), description="An inference server that runs the network for many venues."
    )


class Mqtt(Table):
    """The MQTT broker that estimates are published to."""

    broker: str = Field(
        default="auto",
        min_length=1,
        description='MQTT broker: "auto" (the one on this machine, or an embedded one if there is '
        'none), "embedded", mqtt://HOST[:PORT], or mqtts://HOST[:PORT] (TLS).',
    )
    user: str | None = Field(
        default=None, min_length=1, max_length=1000, description="User name for the broker."
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The user's password. Prefer STREAMER_MQTT__PASSWORD or password_file.",
    )
    password_file: File | None = Field(
        default=None, description="File that contains only the user's password."
    )
    ca_file: File | None = Field(
        default=None,
        description="CA certificates that may have signed the broker's certificate, PEM. Default: "
        "those this machine trusts.",
    )
    cert_file: File | None = Field(
        default=None, description="Client certificate, for brokers that require one, PEM."
    )
    key_file: File | None = Field(
        default=None,
        description="Private key of the client certificate, PEM without passphrase. Default: in "
        "cert_file.",
    )
    port: int = Field(
        default=1883, ge=1, le=65535, description='Port on this machine for "auto" and "embedded".'
    )
    node: Slug | None = Field(
        default=None, description="Name of this machine in the topics. Default: its host name."
    )
    base_topic: str | None = Field(
        default=None,
        max_length=limits.MAX_BASE_TOPIC_CHARS,
        description='Prefix of all topics. Default: "streamer/<node>".',
    )
    protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto", description='MQTT version. "auto": 5, then 3.1.1.'
    )
    keepalive: int = Field(
        default=5, ge=1, le=600, description="MQTT keep-alive interval, in seconds."
    )
    health_interval: float = Field(
        default=10.0, ge=1, le=3600, description="Time between health messages, in seconds."
    )

    @field_validator("password")
    @classmethod
    def _check_password_length(cls, password: SecretStr | None) -> SecretStr | None:
        try:
            length = len(password.get_secret_value().encode()) if password is not None else 0
        except UnicodeEncodeError:
            raise ValueError("it must be text in UTF-8") from None
        if length > limits.MAX_PASSWORD_BYTES:
            raise ValueError(f"it must have at most {limits.MAX_PASSWORD_BYTES} bytes")
        return password

    @field_validator("base_topic")
    @classmethod
    def _check_base_topic(cls, topic: str | None) -> str | None:
        return None if topic is None else check_topic(topic)


class HomeAssistant(Table):
    """MQTT discovery for Home Assistant."""

    discovery: bool = Field(
        default=True,
        description="Announce each zone as a device. If off, devices announced before are removed.",
    )
    prefix: str = Field(
        default="homeassistant",
        min_length=1,
        max_length=100,
        description="Home Assistant's discovery prefix.",
    )

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        return check_topic(prefix)


class Config(Table):
    """The whole configuration."""

    zones: tuple[Zone, ...] = Field(
        default=(Zone(),), min_length=1, description="Zones, each with an input."
    )
    tracking: Tracking = Field(
        default=Tracking(), description="Estimation: rate, smoothing, silence, calibration."
    )
    engine: Engine = Field(default=Engine(), description="The inference engine and its weights.")
    mqtt: Mqtt = Field(
        default=Mqtt(), description="The MQTT broker that estimates are published to."
    )
    home_assistant: HomeAssistant = Field(
        default=HomeAssistant(), description="MQTT discovery for Home Assistant."
    )
    lights: Lights = Field(default=Lights(), description="Lights that follow the trajectory.")
    record: Record = Field(default=Record(), description="Recording of a run to disk.")
    metrics: Metrics = Field(default=Metrics(), description="Metrics for Prometheus.")
    dashboard: Dashboard = Field(
        default=Dashboard(), description="Web page to watch and control a run."
    )
    service: Service = Field(default=Service(), description="Unattended operation.")
    log: Log = Field(default=Log(), description="Log messages on standard error.")

    @model_validator(mode="after")
    def _check_deadline(self) -> Self:
        remote, tick = self.engine.remote, 1e3 / self.tracking.rate
        if remote.url is not None and remote.deadline_ms >= tick:
            raise ValueError(
                f"[engine.remote] deadline_ms is {remote.deadline_ms:g}, but at [tracking] rate "
                f"{self.tracking.rate:g} an estimate is due every {tick:.3g} ms; make it shorter"
            )
        return self

    @field_validator("zones")
    @classmethod
    def _check_distinct_ids(cls, zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
        ids = [zone.id for zone in zones]
        if len(set(ids)) != len(ids):
            raise ValueError("two zones have the same id; give each its own")
        return zones
