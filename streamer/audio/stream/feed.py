"""A live stream of the network, in real time."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable

from av.error import FFmpegError

from streamer.audio.cleaning import Cleaner
from streamer.audio.frames import channel_count
from streamer.audio.mixing import check_channels
from streamer.audio.packets import MOST_DAMAGED, PacketDecoder
from streamer.audio.ring import RingBuffer
from streamer.audio.stream.playout import Player, PlayoutBuffer, PlayoutClock
from streamer.audio.stream.remote import explain_loss, open_remote
from streamer.audio.stream.urls import TRICKLE_TIMEOUT, public
from streamer.audio.stream.web import CHECK
from streamer.errors import AudioError

BUFFER_SECONDS = 10.0
"""Decoded sound that is held; what a server sends beyond it waits in the network."""

_log = logging.getLogger(__name__)


class StreamFeed:
    """A URL, heard as by a player in the room that was started at the same moment.

    One thread receives and decodes, that of `run` plays: however the server bursts, sample n is
    due, and counts as captured, at its time after the first. The pace follows the server's clock.

    Parameters
    ----------
    url
        Of one of the schemes in `streamer.audio.stream.urls`.
    channels
        To mix to mono, counted from 1; empty means all.

    Raises
    ------
    UsageError
        It is no URL that can be meant, or has no such channel.
    AudioError
        It cannot be opened or sends no sound.
    """

    def __init__(self, url: str, channels: tuple[int, ...]) -> None:
        self.cleaner = Cleaner()
        self.live = True
        self._where = public(url)
        self._remote = open_remote(url)
        try:
            self._decoder = PacketDecoder(
                self._remote.container,
                self._remote.stream,
                channels,
                self.cleaner,
                patience=self._remote.scheme.read_timeout,
            )
            self.rate = self._begin(channels)
        except BaseException:
            self._remote.close()
            raise
        self.name = self._remote.name or self._where
        self._buffer = PlayoutBuffer(round(BUFFER_SECONDS * self.rate))
        self._player = Player(self._buffer, self.rate, self._remote.scheme.prebuffer, self.name)
        self._receiver: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def clock(self) -> PlayoutClock:
        """When each sample is due."""
        return self._player.clock

    @property
    def title(self) -> str:
        """Of what plays, as the server tells it; empty where it does not."""
        return self._remote.title

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play into the ring until `stop`.

        Raises
        ------
        AudioError
            The stream has ended, stalls or is damaged; what had arrived has been played.
        """
        self._receiver = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._receive,),
            name=f"receive {self.name}",
            daemon=True,
        )
        self._receiver.start()
        try:
            self._player.run(ring, wake, stop)
        finally:
            self._buffer.leave()  # the receiver closes what it reads, after its read at the latest
        if self._error is not None and not stop.is_set():
            raise self._error

    def close(self) -> None:
        """Close the stream where it was never played."""
        if self._receiver is None:
            self._decoder.close()
            self._remote.close()

    def _begin(self, channels: tuple[int, ...]) -> int:
        try:
            first = self._decoder.begin(patience=MOST_DAMAGED)
        except (FFmpegError, OSError, ValueError) as error:
            raise AudioError(
                f"{self._where} cannot be heard: {explain_loss(error, self._remote.scheme)}; "
                f"{CHECK}"
            ) from None
        if first is None:
            raise self._no_sound()
        check_channels(channels, channel_count(first), self._where)
        return first.sample_rate

    def _receive(self) -> None:
        self._remote.heard()  # its time counts from here, not from when it was opened
        heard = time.monotonic()
        try:
            for piece in self._decoder.sound():
                if not self._buffer.put(piece):
                    return
                if not isinstance(piece, int):
                    self._remote.heard()
                    heard = time.monotonic()
                starved = time.monotonic() - heard > TRICKLE_TIMEOUT
                if starved or self._decoder.mostly_damaged:
                    raise self._no_sound()  # noqa: TRY301
            self._lose(AudioError(f"{self._where} is lost: the server ended it; {CHECK}"))
        except (FFmpegError, OSError, ValueError) as error:
            why = explain_loss(error, self._remote.scheme)
            self._lose(AudioError(f"{self._where} is lost: {why}; {CHECK}"))
        except Exception as error:  # noqa: BLE001 - raised again once all is played
            self._lose(error)
        finally:
            self._buffer.end()
            self._decoder.close()
            self._remote.close()

    def _lose(self, error: Exception) -> None:
        self._error = error
        waiting = self._buffer.level / self.rate
        if waiting > 1:
            _log.info("%s; %.1f s of it are still to be played", error, waiting)

    def _no_sound(self) -> AudioError:
        return AudioError(
            f"{self._where} sends no sound that can be decoded; "
            "give the address of a sound stream, or look at what its server sends"
        )
