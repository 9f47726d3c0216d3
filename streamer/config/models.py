"""The configuration, one model a table. Descriptions here are the reference documentation."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from streamer import limits
from streamer.config.listen import parse_listen_address

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        json_schema_extra={
            "words": "lower-case letters, digits and single hyphens, at most 64 characters"
        },
    ),
]
"""A name as it stands in an MQTT topic."""

Sha256 = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Fa-f]{64}$",
        json_schema_extra={"words": "64 hexadecimal digits, as sha256sum prints them"},
    ),
]
"""The digest of a file."""


def _without_nul(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    return path


File = Annotated[Path, AfterValidator(_without_nul)]
"""The path of a file."""


def _topic_without_wildcards(topic: str) -> str:
    wild = set(topic) & set("+#")
    if wild or topic.strip("/") != topic or not topic.isprintable() or not topic:
        raise ValueError(
            "a base topic has no '+' or '#', no control character, and no '/' at its ends"
        )
    return topic


class Table(BaseModel):
    """A table of the configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RawFormat(Table):
    """The layout of raw samples on standard input (`input = "-"`)."""

    format: Literal["s16le", "f32le"] = Field(default="s16le", description="Sample format.")
    rate: int = Field(default=44100, ge=8000, le=384000, description="Sample rate in Hz.")
    channels: int = Field(default=2, ge=1, le=64, description="Interleaved channels.")


class Zone(Table):
    """One place that is listened to."""

    id: Slug = Field(default="main", description="Name of the zone, in the topics too.")
    input: str = Field(
        default="demo",
        min_length=1,
        description='"demo", "mic", the path of a sound file, the URL of a live stream, '
        'or "-" for raw samples.',
    )
    device: str = Field(
        default="",
        description='Microphone for the input "mic": words of its name, or its index; '
        "empty for the default one.",
    )
    channels: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(),
        description="Channels to mix to mono, counted from 1. Empty: all; of a sound card, "
        "the first two.",
    )
    loop: bool = Field(
        default=False, description="Start a file again at its end. The demo always loops."
    )
    auto_gain: bool = Field(
        default=False,
        description="Follow how loud the music is over minutes, so that a quieter evening is heard "
        "like a louder one; a quiet passage stays quiet.",
    )
    raw: RawFormat = Field(
        default=RawFormat(), description="Layout of raw samples on standard input."
    )


class Tracking(Table):
    """From views to a trajectory."""

    rate: float = Field(default=10.0, ge=0.1, le=20, description="Estimates per second.")
    on_silence: Literal["decay", "hold"] = Field(
        default="decay", description="In silence, let the trajectory fall to neutral, or hold it."
    )
    smoother: Literal["kalman", "one-euro", "exponential", "none"] = Field(
        default="kalman", description="How raw estimates become a trajectory."
    )
    calibration: File | None = Field(
        default=None,
        description="File in which `streamer calibrate` keeps what it found; "
        "calibration.json in the user's state folder.",
    )


class Remote(Table):
    """A server that runs the network for many venues."""

    url: str | None = Field(
        default=None,
        max_length=300,
        description="Address of a `python -m deploy serve`, http://HOST[:PORT], or with TLS "
        "https://HOST[:PORT]; none. Where it is away or late, the engine here answers.",
    )
    deadline_ms: float = Field(
        default=40.0,
        ge=1,
        le=5000,
        description="Milliseconds in which it has to answer; shorter than the time between two "
        "estimates.",
    )
    precision: Literal["single", "half"] = Field(
        default="half",
        description='Numbers that travel: "single" is twice the traffic, and the same answers to '
        "the last digit.",
    )
    user: str | None = Field(
        default=None, min_length=1, max_length=1000, description="User known to the server."
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The user's password; better in STREAMER_ENGINE__REMOTE__PASSWORD or "
        "password_file.",
    )
    password_file: File | None = Field(
        default=None, description="File that holds the user's password and nothing else."
    )
    ca_file: File | None = Field(
        default=None,
        description="Certificates of the authorities that may have signed the server's, in PEM; "
        "those that this machine trusts.",
    )
    cert_file: File | None = Field(
        default=None, description="Our own certificate for servers that want one, in PEM."
    )
    key_file: File | None = Field(
        default=None, description="Its key, in PEM without passphrase; in cert_file."
    )


class Engine(Table):
    """What runs the network."""

    backend: Literal["auto", "onnxruntime", "tensorrt", "torch"] = Field(
        default="auto",
        description='"auto" takes TensorRT where `streamer engines build` has built an engine, and '
        "else ONNX Runtime on the processor, or torch if a GPU is required.",
    )
    require: Literal["any", "gpu"] = Field(
        default="any",
        description='"gpu": do not start without one, and do not go on without it. "any": ONNX '
        "Runtime takes its place.",
    )
    model: File | None = Field(
        default=None, description="ONNX file to use in place of the shipped weights."
    )
    digest: Sha256 | None = Field(
        default=None,
        description="SHA-256 that these weights must have, in hexadecimal. Shipped weights are "
        "compared with theirs always.",
    )
    remote: Remote = Field(
        default=Remote(), description="A server that runs the network for many venues."
    )


class Mqtt(Table):
    """Where the trajectory is published."""

    broker: str = Field(
        default="auto",
        min_length=1,
        description='"auto" (the one on this machine, embedded if nothing listens there), '
        '"embedded", or mqtt://HOST[:PORT], or with TLS mqtts://HOST[:PORT].',
    )
    user: str | None = Field(
        default=None, min_length=1, max_length=1000, description="User known to the broker."
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The user's password; better in STREAMER_MQTT__PASSWORD or password_file.",
    )
    password_file: File | None = Field(
        default=None, description="File that holds the user's password and nothing else."
    )
    ca_file: File | None = Field(
        default=None,
        description="Certificates of the authorities that may have signed the broker's, in PEM; "
        "those that this machine trusts.",
    )
    cert_file: File | None = Field(
        default=None, description="Our own certificate for brokers that want one, in PEM."
    )
    key_file: File | None = Field(
        default=None, description="Its key, in PEM without passphrase; in cert_file."
    )
    port: int = Field(
        default=1883, ge=1, le=65535, description='Port on this machine for "auto" and "embedded".'
    )
    node: Slug | None = Field(
        default=None, description="Name of this machine in the topics; its host name."
    )
    base_topic: str | None = Field(
        default=None,
        max_length=limits.MAX_BASE_TOPIC_CHARS,
        description='Base of all topics; "streamer/<node>".',
    )
    protocol: Literal["auto", "5", "3.1.1"] = Field(default="auto", description="MQTT version.")
    keepalive: int = Field(default=5, ge=1, le=600, description="Keep-alive in seconds.")
    health_interval: float = Field(
        default=10.0, ge=1, le=3600, description="Seconds between health messages."
    )

    @field_validator("password")
    @classmethod
    def _password_of_mqtt(cls, password: SecretStr | None) -> SecretStr | None:
        try:
            length = len(password.get_secret_value().encode()) if password is not None else 0
        except UnicodeEncodeError:
            raise ValueError("it must be text in UTF-8") from None
        if length > limits.MAX_PASSWORD_BYTES:
            raise ValueError(f"it must have at most {limits.MAX_PASSWORD_BYTES} bytes")
        return password

    @field_validator("base_topic")
    @classmethod
    def _base_topic(cls, topic: str | None) -> str | None:
        return None if topic is None else _topic_without_wildcards(topic)


class HomeAssistant(Table):
    """How Home Assistant finds the zones."""

    discovery: bool = Field(
        default=True,
        description="Announce each zone as a device. When it is off, devices announced before are "
        "removed.",
    )
    prefix: str = Field(
        default="homeassistant",
        min_length=1,
        max_length=100,
        description="Home Assistant's discovery prefix.",
    )

    @field_validator("prefix")
    @classmethod
    def _topic(cls, prefix: str) -> str:
        return _topic_without_wildcards(prefix)


class Lights(Table):
    """What drives lights."""

    show: File | None = Field(
        default=None,
        description="Show file that turns the trajectory into light; none.",
    )


class Record(Table):
    """What is kept of a run."""

    folder: File | None = Field(
        default=None, description="Folder in which estimates are recorded; none."
    )
    audio: bool = Field(default=False, description="Record the sound too, as FLAC.")
    minutes: float = Field(default=60.0, ge=1, le=1440, description="Length of a file in minutes.")
    limit_gb: float = Field(
        default=20.0,
        gt=0,
        le=1e6,
        description="Size of the folder's recordings in GB; beyond it the oldest are deleted.",
    )
    free_gb: float = Field(
        default=2.0,
        ge=0,
        le=1e6,
        description="Space in GB that is left free on the disk; recording pauses before.",
    )


class Metrics(Table):
    """Numbers for Prometheus."""

    listen: str | None = Field(
        default=None,
        max_length=300,
        description="Where they can be read by HTTP, HOST:PORT; nowhere. Whoever reaches it reads "
        "them, without a password.",
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str | None) -> str | None:
        return None if listen is None else str(parse_listen_address(listen))


class Dashboard(Table):
    """The page on which a run is watched."""

    serve: bool = Field(default=False, description="Serve it.")
    listen: str = Field(
        default="127.0.0.1:8710",
        max_length=300,
        description="Where, HOST:PORT. An address that other machines reach needs a token.",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=limits.MIN_TOKEN_CHARS,
        description="What a viewer has to know; better in STREAMER_DASHBOARD__TOKEN or token_file.",
    )
    token_file: File | None = Field(
        default=None, description="File that holds the token and nothing else."
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        return str(parse_listen_address(listen))


class Service(Table):
    """How it runs where nobody watches."""

    wait: bool = Field(
        default=False,
        description="Start without a broker, a microphone or a stream that is not there yet, and "
        "wait for it; without this, a run ends at once and says why.",
    )


class Log(Table):
    """Messages about the program itself."""

    format: Literal["console", "json"] = Field(
        default="console", description="For people, or one JSON a line."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity."
    )


class Config(Table):
    """Everything that can be set."""

    zones: tuple[Zone, ...] = Field(
        default=(Zone(),), min_length=1, description="Places listened to."
    )
    tracking: Tracking = Field(default=Tracking(), description="From views to a trajectory.")
    engine: Engine = Field(default=Engine(), description="What runs the network.")
    mqtt: Mqtt = Field(default=Mqtt(), description="Where the trajectory is published.")
    home_assistant: HomeAssistant = Field(
        default=HomeAssistant(), description="How Home Assistant finds the zones."
    )
    lights: Lights = Field(default=Lights(), description="What drives lights.")
    record: Record = Field(default=Record(), description="What is kept of a run.")
    metrics: Metrics = Field(default=Metrics(), description="Numbers for Prometheus.")
    dashboard: Dashboard = Field(
        default=Dashboard(), description="The page on which a run is watched."
    )
    service: Service = Field(default=Service(), description="How it runs where nobody watches.")
    log: Log = Field(default=Log(), description="Messages about the program itself.")

    @model_validator(mode="after")
    def _deadline_within_a_tick(self) -> Self:
        remote, tick = self.engine.remote, 1e3 / self.tracking.rate
        if remote.url is not None and remote.deadline_ms >= tick:
            raise ValueError(
                f"[engine.remote] deadline_ms is {remote.deadline_ms:g}, but at [tracking] rate "
                f"{self.tracking.rate:g} an estimate is due every {tick:.3g} ms; make it shorter"
            )
        return self

    @field_validator("zones")
    @classmethod
    def _distinct_zones(cls, zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
        ids = [zone.id for zone in zones]
        if len(set(ids)) != len(ids):
            raise ValueError("two zones have the same id; give each its own")
        return zones
