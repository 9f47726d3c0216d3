"""The configuration: files and variables of any content."""

import json
from pathlib import Path
from random import Random

from streamer.config import default_text, load_with_origins, schema
from streamer.config.environment import variable_name
from streamer.errors import StreamerError
from tests.fuzz.judging import CANARY, Input, check_text, judged
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets import toml
from tests.fuzz.targets.base import Target

_SECRET = f'[mqtt]\nuser = "u"\npassword = "{CANARY}"\n'
_WRONG = (
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
    """Reads a configuration and tells all that is said of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._default = default_text().encode()
        self._paths = list(schema.iter_keys())
        self._keys = [_where(path) for path in self._paths]

    def make(self, chance: Random) -> Input:
        return {"config.toml": self._file(chance), "environment": self._environment(chance)}

    def judge(self, given: Input) -> str:
        file = self.folder / "config.toml"
        file.write_bytes(given["config.toml"])
        environment = json.loads(given["environment"])
        try:
            loaded = load_with_origins({}, config_path=file, environ=environment)
        except StreamerError as error:
            return judged(error, file, *environment)
        said = repr(loaded.config)
        shown = [f"{name} {value!a}" for name, value, _ in loaded.settings()]
        if f'password = "{CANARY}"' in given["config.toml"].decode(errors="replace"):
            check_text(" ".join(each for each in shown if "password" in each))
        return "configuration" if said else ""

    def _file(self, chance: Random) -> bytes:
        match chance.randrange(10):
            case 0:
                return some_bytes(chance, 3000)
            case 1 | 2 | 3:
                return mutated(chance, self._default, tokens=toml.TOKENS)
            case 4:
                return (chance.choice(_WRONG).format(CANARY)).encode(errors="replace")
            case 5:
                text = toml.document(chance, self._keys).replace(CANARY, "word")
                return mutated(chance, text.encode(errors="replace"), tokens=toml.TOKENS)
            case 6:
                text = _SECRET + toml.document(chance, [k for k in self._keys if k[0] != "[mqtt]"])
                return text.encode(chance.choice(("utf-8", "utf-8-sig", "utf-16")))
        return toml.document(chance, self._keys).encode()

    def _environment(self, chance: Random) -> bytes:
        if chance.random() < 0.6:
            return b"{}"
        found = {}
        for _ in range(chance.choice((1, 1, 2, 5))):
            name = variable_name(chance.choice(self._paths))
            if chance.random() < 0.3:
                name += chance.choice(("_", "__", "\n", "__0", "é", "X" * 5000, "__" * 100, "\x1b"))
            if chance.random() < 0.1:
                name = name.replace("0", chance.choice(("1", "999", "1000", "-1", "00")))
            text = some_bytes(chance, 200).decode("utf-8", "surrogateescape")
            if chance.random() < 0.5:
                text = toml.value(chance).strip('"').replace(CANARY, "x")
            found[name.replace("\0", "")] = text.replace("\0", "")
        return json.dumps(found).encode()


def _where(path: schema.Path) -> tuple[str, str]:
    """Return the heading of the table that a key is in, and its name."""
    tables = [str(step) for step in path[:-1] if isinstance(step, str)]
    heading = ".".join(tables)
    return (f"[[{heading}]]" if tables == ["zones"] else f"[{heading}]"), str(path[-1])
