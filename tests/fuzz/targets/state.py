"""Fuzz calibrations, password files and certificates."""

from pathlib import Path
from random import Random

import trustme

from streamer.config import Mqtt, Zone
from streamer.config.credentials import read_credentials
from streamer.errors import StreamerError
from streamer.mqtt import BrokerAddress
from streamer.tracking.calibration import Calibration, CalibrationStore
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import CANARY, FuzzFailure, Input, check_error, check_text

_TOKENS = (
    b"1e999", b"NaN", b"null", b"{", b"[" * 300, b'"main":', b"-Infinity", b"9" * 500, b"\\ud800",
    b'"9999-12-31T23:59:59Z"', b'"0001-01-01T00:00:00+23:59"', b"-----BEGIN CERTIFICATE-----\n",
    b"\\u001b[31m", b"\r\n", b"\0", b"\xef\xbb\xbf",
)  # fmt: skip
_SECURE = BrokerAddress("broker.lan", 8883, tls=True)
_ZONE = Zone()


class StateTarget(Target):
    """Read the files, and store a calibration in an existing file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = CalibrationStore(folder / "good.json")
        self._calibration = Calibration.of(_ZONE, gain_db=3.0, level_dbfs=-20.0)
        store.put("main", self._calibration)
        store.put("hall", self._calibration)
        self._good = store.file.read_bytes()
        certificate = trustme.CA().issue_cert("stage")
        self._pem = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        self._key = certificate.private_key_pem.bytes()

    def make(self, random: Random) -> Input:
        match random.randrange(5):
            case 0:
                text = CANARY.encode() + random.choice(
                    (b"", b"\n", b"\r\n", b"\0", b"\xff", b"\n\n")
                )
                return {"password": mutated(random, text) if random.random() < 0.5 else text}
            case 1:
                name = random.choice(("ca", "cert", "key"))
                return {
                    "ca": self._pem, "cert": self._pem, "key": self._key,
                    name: mutated(random, self._pem, others=[self._key], tokens=_TOKENS),
                }  # fmt: skip
            case 2:
                return {"calibration.json": some_bytes(random, 2000)}
        return {"calibration.json": mutated(random, self._good, tokens=_TOKENS)}

    def check(self, given: Input) -> str:
        paths = {name: self.folder / name for name in given}
        for name, content in given.items():
            paths[name].write_bytes(content)
        try:
            if "password" in given:
                config = Mqtt(user="u", password_file=paths["password"])
                check_text(repr(read_credentials(config, BrokerAddress("broker.lan").identity)))
                return "password"
            if "ca" in given:
                files = {f"{name}_file": path for name, path in paths.items()}
                read_credentials(Mqtt(**files), _SECURE.identity)
                return "certificates"
            return self._calibrate(paths["calibration.json"])
        except StreamerError as error:
            return check_error(error, *paths.values())

    def _calibrate(self, file: Path) -> str:
        store = CalibrationStore(file)
        found = store.get(_ZONE)
        store.get_valid(_ZONE)
        if found is not None and not -60 <= found.gain_db <= 60:
            raise FuzzFailure(f"a gain of {found.gain_db}")
        check_text(f"{found}"[:300])
        store.put("main", self._calibration)
        if store.get(_ZONE) != self._calibration:
            raise FuzzFailure("what was kept is not there")
        return "calibration" if found is not None else "none"
