"""Fuzz audio files, decoded as by `streamer run` and `streamer analyze`."""

import contextlib
import json
from pathlib import Path
from random import Random

from streamer import limits
from streamer.audio import open_audio_file
from streamer.audio.decoder_client import Decoder
from streamer.errors import StreamerError
from tests.fuzz.mutate import mutated, some_bytes, with_odd_field
from tests.fuzz.seeds import FOURCCS, audio_files
from tests.fuzz.targets.base import Target
from tests.fuzz.targets.stdin import check_samples
from tests.fuzz.verdict import FuzzFailure, Input, check_error

MAX_SECONDS = 600.0
"""Maximum audio decoded from one file, s; a short file may claim to last for days."""

_MAX_MEMORY = 1 << 30


class FileTarget(Target):
    """Decode a file to its end, in a decoder process that is reused."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._decoder = Decoder()
        self._files = audio_files()
        self._all = list(self._files.values())

    def make(self, random: Random) -> Input:
        name = random.choice(list(self._files))
        data = self._files[name]
        match random.randrange(20):
            case 0:
                data = some_bytes(random, 3000)
            case 1:
                data = data[: random.randrange(len(data))]
            case 2:
                data += random.choice(self._all)
            case 3 | 4 | 5 | 6 | 7:
                for _ in range(random.choice((1, 1, 2, 4))):
                    data = with_odd_field(random, data, FOURCCS)
            case _:
                data = mutated(random, data, others=self._all, tokens=FOURCCS)
        how = {"name": name, "channels": random.choice((*[()] * 20, (1,), (2,), (64,)))}
        return {"sound": data, "how": json.dumps(how).encode()}

    def check(self, given: Input) -> str:
        how = json.loads(given["how"])
        file = self.folder / how["name"]
        file.write_bytes(given["sound"])
        decoded_s = 0.0
        try:
            channels = tuple(how["channels"])
            with open_audio_file(file, channels, decoder=self._decoder) as audio:
                if audio.rate not in limits.SAMPLE_RATES:
                    raise FuzzFailure(f"a rate of {audio.rate}")
                if not audio.description.isprintable():
                    raise FuzzFailure(f"described as {audio.description[:200]!a}")
                for block in audio.blocks():
                    check_samples(block.samples)
                    decoded_s += len(block.samples) / audio.rate
                    if decoded_s > MAX_SECONDS:
                        return "more than can be listened to"
        except StreamerError as error:
            return check_error(error, file)
        finally:
            file.unlink()
            self._check_memory()
        return "damaged sound" if audio.corrupt_packets else "sound"

    def close(self) -> None:
        self._decoder.close()

    def _check_memory(self) -> None:
        """Raise if the decoder process exceeded its memory limit."""
        if (process := self._decoder.process) is None:
            return
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
            if peaks and int(peaks[0]) * 1024 > _MAX_MEMORY:
                raise FuzzFailure(f"took {peaks[0]} kB in the decoder")
