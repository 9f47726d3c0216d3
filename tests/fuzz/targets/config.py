"""Fuzz the configuration: files and environment variables of arbitrary content."""

import json
from pathlib import Path
from random import Random

from streamer.config import default_text, load_with_origins, schema
from streamer.config.environment import variable_name
from streamer.errors import StreamerError
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets import toml
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import CANARY, Input, check_error, check_text

_SECRET = f'[mqtt]\nuser = "u"\npassword = "{CANARY}"\n'
_INVALID = (
    '[mqtt]\npassword = ["{0}"]', '[mqtt.password]\nx = "{0}"', '[mqtt]\nuser = {{p = "{0}"}}',
    'mqtt = "{0}"', '[[mqtt]]\npassword = "{0}"', '[mqtt]\nport = {{password = "{0}"}}',
    '[mqtt]\npassword = "{0}"\nkeepalive = "x"', '[mqtt]\npassword = """{0}',
    "[mqtt]\npassword = '{0}",
    '[mqtt]\npassword = {0}', '[mqtt]\nbroker = "mqtt://u:{0}@h"\nport = "x"',
    '[[zones]]\ninput = ["http://u:{0}@h/"]',
    '[[zones]]\ninput = "http://u:{0}@h/?k={0}"\nid = "A"',
    '[mqtt]\npassword = "{0}\\ud800"', '[mqtt]\npasword = "{0}"', 'password = "{0}"',
)  # fmt: skip


class ConfigTarget(Target):
    """Load a configuration, and check its formatted settings."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._default = default_text().encode()
        self._paths = list(schema.iter_keys())
        self._keys = [_locate(path) for path in self._paths]

    def make(self, random: Random) -> Input:
        return {"config.toml": self._file(random), "environment": self._environment(random)}

    def check(self, given: Input) -> str:
        file = self.folder / "config.toml"
        file.write_bytes(given["config.toml"])
        environment = json.loads(given["environment"])
        try:
            loaded = load_with_origins({}, config_path=file, environ=environment)
        except StreamerError as error:
            return check_error(error, file, *environment)
        text = repr(loaded.config)
        shown = [f"{name} {value!a}" for name, value, _ in loaded.settings()]
        if f'password = "{CANARY}"' in given["config.toml"].decode(errors="replace"):
            check_text(" ".join(each for each in shown if "password" in each))
        return "configuration" if text else ""

    def _file(self, random: Random) -> bytes:
        match random.randrange(10):
            case 0:
                return some_bytes(random, 3000)
            case 1 | 2 | 3:
                return mutated(random, self._default, tokens=toml.TOKENS)
            case 4:
                return (random.choice(_INVALID).format(CANARY)).encode(errors="replace")
            case 5:
                text = toml.document(random, self._keys).replace(CANARY, "word")
                return mutated(random, text.encode(errors="replace"), tokens=toml.TOKENS)
            case 6:
                text = _SECRET + toml.document(random, [k for k in self._keys if k[0] != "[mqtt]"])
                return text.encode(random.choice(("utf-8", "utf-8-sig", "utf-16")))
        return toml.document(random, self._keys).encode()

    def _environment(self, random: Random) -> bytes:
        if random.random() < 0.6:
            return b"{}"
        found = {}
        for _ in range(random.choice((1, 1, 2, 5))):
            name = variable_name(random.choice(self._paths))
            if random.random() < 0.3:
                name += random.choice(("_", "__", "\n", "__0", "é", "X" * 5000, "__" * 100, "\x1b"))
            if random.random() < 0.1:
                name = name.replace("0", random.choice(("1", "999", "1000", "-1", "00")))
            text = some_bytes(random, 200).decode("utf-8", "surrogateescape")
            if random.random() < 0.5:
                text = toml.value(random).strip('"').replace(CANARY, "x")
            found[name.replace("\0", "")] = text.replace("\0", "")
        return json.dumps(found).encode()


def _locate(path: schema.Path) -> tuple[str, str]:
    """Return the heading of a key's table, and the key's name."""
    tables = [str(step) for step in path[:-1] if isinstance(step, str)]
    heading = ".".join(tables)
    return (f"[[{heading}]]" if tables == ["zones"] else f"[{heading}]"), str(path[-1])
