"""Fuzz show files."""

from pathlib import Path
from random import Random

from streamer.errors import StreamerError
from streamer.outputs.lights import dmx_patch as patch
from streamer.outputs.lights.show_file import example_text, load_show
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets import toml
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import FuzzFailure, Input, check_error

_KEYS = [
    ("[show]", "zone"), ("[show]", "rate"), ("[show]", "hold_time"), ("[palettes.a]", "anchors"),
    ("[palettes.stage]", "anchors"), ("[types.x]", "channels"), ("[[outputs]]", "name"),
    ("[[outputs]]", "protocol"), ("[[outputs]]", "host"), ("[[outputs]]", "messages"),
    ("[[fixtures]]", "universe"), ("[[fixtures]]", "address"), ("[[fixtures]]", "type"),
    ("[[fixtures]]", "palette"), ("[[fixtures]]", "intensity"),
]  # fmt: skip
_TOKENS = [
    *toml.TOKENS,
    *(
        token.encode()
        for token in (
            "[[fixtures]]\n", "[[outputs]]\n", '"oklch(1e999% 1e99 nan)"', '"#fff"', '"rgb(1 2 3)"',
            '"color(xyz nan 1e308 -1)"', '"hsl(none none none)"', '"transparent"', "{zone}", "{0}",
            "{zone!r}", "512", "63999", "inf", "dimmer16", '"sacn"', '"osc"', '"artnet"',
        )
    ),
]  # fmt: skip


class ShowTarget(Target):
    """Load a show file; if valid, check its patch and some colours."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._example = example_text().encode()

    def make(self, random: Random) -> Input:
        match random.randrange(10):
            case 0:
                text = some_bytes(random, 3000)
            case 1 | 2:
                text = toml.document(random, _KEYS).encode()
            case 3:
                added = toml.document(random, _KEYS[:5]).encode()
                text = self._example + b"\n" + added
            case _:
                text = mutated(random, self._example, tokens=_TOKENS)
        return {"show.toml": text}

    def check(self, given: Input) -> str:
        file = self.folder / "show.toml"
        file.write_bytes(given["show.toml"])
        try:
            show = load_show(file)
        except StreamerError as error:
            return check_error(error, file)
        for patched in patch.patch_fixtures(show):
            if not 1 <= patched.first <= patched.last <= patch.UNIVERSE_SIZE:
                raise FuzzFailure(f"a fixture occupies channels {patched}")
        for palette in list(show.palettes.values())[:3]:
            for at in ((0.0, 0.0), (1.0, -1.0), (-0.3, 0.7)):
                color = palette.gradient().at(*at)
                if not all(0.0 <= each <= 1.0 for each in color):
                    raise FuzzFailure(f"the colour {color}")
        return "show"
