"""Compose and render the demo piece: `python -m deploy.demo`."""

import argparse
import json
import logging
from pathlib import Path

from deploy.demo.compose import LICENCE, TITLE, Span, spans, write
from deploy.demo.render import SOUND_FONT, encode, render

_log = logging.getLogger("deploy.demo")
_SHIPPED = Path(__file__).parents[2] / "streamer" / "demo"


def main() -> None:
    """Write piece.mid, piece.opus and sections.json."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    movements = spans()
    midi = write(folder / "piece.mid")
    sound = render(midi, options.sound_font, movements[-1].end)
    tags = {"title": TITLE, "license": LICENCE}
    encode(sound, folder / "piece.opus", tags)
    text = json.dumps(_description(movements, options.sound_font), indent=2)
    (folder / "sections.json").write_text(text + "\n", encoding="utf-8")
    _log.info("wrote %.1f s of music to %s", movements[-1].end, folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument(
        "--sound-font", type=Path, default=SOUND_FONT, help="SF2 or SF3 file (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=_SHIPPED, help="folder to write to (default: streamer/demo)"
    )
    return parser.parse_args()


def _description(movements: tuple[Span, ...], sound_font: Path) -> dict[str, object]:
    return {
        "title": TITLE,
        "licence": LICENCE,
        "sound_font": sound_font.name,
        "sections": [
            {"name": span.name, "start": round(span.start, 3), "end": round(span.end, 3)}
            for span in movements
        ],
    }


if __name__ == "__main__":
    main()
