"""Sound files, decoded as `streamer run` and `streamer analyze` do it."""

import contextlib
import json
from pathlib import Path
from random import Random

from streamer import limits
from streamer.audio import open_audio_file
from streamer.audio.decoder_client import Decoder
from streamer.errors import StreamerError
from tests.fuzz.mutate import mutated, some_bytes, with_odd_field
from tests.fuzz.seeds import FOURCCS, sound_files
from tests.fuzz.targets.base import Target
from tests.fuzz.targets.stdin import check_samples
from tests.fuzz.verdict import FuzzFailure, Input, check_error

MOST_SECONDS = 600.0
"""Of sound that is taken from one file; a short one may claim to last for days."""

_GREEDY = 1 << 30


class FileTarget(Target):
    """Decodes a file to its end, in a process that is kept from one to the next."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._decoder = Decoder()
        self._files = sound_files()
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
        taken = 0.0
        try:
            channels = tuple(how["channels"])
            with open_audio_file(file, channels, decoder=self._decoder) as sound:
                if sound.rate not in limits.SAMPLE_RATES:
                    raise FuzzFailure(f"a rate of {sound.rate}")
                if not sound.description.isprintable():
                    raise FuzzFailure(f"described as {sound.description[:200]!a}")
                for block in sound.blocks():
                    check_samples(block.samples)
                    taken += len(block.samples) / sound.rate
                    if taken > MOST_SECONDS:
                        return "more than can be listened to"
        except StreamerError as error:
            return check_error(error, file)
        finally:
            file.unlink()
            self._check_memory()
        return "damaged sound" if sound.corrupt_packets else "sound"

    def close(self) -> None:
        self._decoder.close()

    def _check_memory(self) -> None:
        """Raise where the decoder's process took more than it may."""
        if (process := self._decoder.process) is None:
            return
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{process.pid}/status").read_text()
            peaks = [line.split()[1] for line in told.splitlines() if line.startswith("VmHWM")]
            if peaks and int(peaks[0]) * 1024 > _GREEDY:
                raise FuzzFailure(f"took {peaks[0]} kB in the decoder")
