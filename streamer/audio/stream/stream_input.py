"""A live stream of the network, in real time."""

import contextvars
import logging
import threading
from collections.abc import Callable

from streamer import limits
from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder, DecoderProcessError, SourceInfo
from streamer.audio.downmix import check_channels, downmix
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.stream.playout import Player, PlayoutBuffer
from streamer.decoder.urls import check_url, redact_url
from streamer.errors import AudioError

_LOOK = "what it sends is damaged, or memory is short"

_log = logging.getLogger(__name__)


class StreamInput:
    """A URL, heard as by a player in the room that was started at the same moment.

    A process receives and decodes, a thread takes that from it, and the one of `run` plays: however
    the server bursts, sample n is due, and counts as captured, at its time after the first. The
    pace follows the server's clock.

    Parameters
    ----------
    url
        Of one of the schemes in `streamer.decoder.urls`.
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
        self._where = redact_url(url)
        self._channels = channels
        check_url(url)
        self._decoder = Decoder()
        try:
            opened = self._open(url)
            check_channels(channels, opened.channels, self._where)
        except BaseException:
            self._decoder.close()
            raise
        self.rate = opened.rate
        self.name = opened.name or self._where
        self._buffer = PlayoutBuffer(round(limits.PLAYOUT_BUFFER_S * self.rate))
        self._player = Player(self._buffer, self.rate, opened.prebuffer, self.name)
        self._error: Exception | None = None

    @property
    def clock(self) -> PlaybackClock:
        """When each sample is due."""
        return self._player.clock

    @property
    def title(self) -> str:
        """Of what plays, as the server tells it; empty where it does not."""
        return self._decoder.title

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play into the ring until `stop`.

        Raises
        ------
        AudioError
            The stream has ended, stalls or is damaged; what had arrived has been played.
        """
        receiver = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._receive, stop),
            name=f"receive {self.name}",
            daemon=True,
        )
        receiver.start()
        try:
            self._player.run(ring, wake, stop)
        finally:
            self._buffer.leave()
            self._decoder.close()  # which ends a read
            receiver.join()
        error, self._error = self._error, None
        if error is not None and not stop.is_set():
            try:
                raise error
            finally:
                del error  # its frames hold this feed

    def close(self) -> None:
        """Close the stream; more than once is fine."""
        self._decoder.close()

    def _open(self, url: str) -> SourceInfo:
        try:
            return self._decoder.open({"url": url}, limits.STREAM_OPEN_TIMEOUT_S)
        except DecoderProcessError as gone:
            if gone.hung:
                why = "it does not answer; check that the server runs and that sound is sent to it"
            else:
                why = f"it ended its decoder ({gone.how}); give the address of another stream"
            raise AudioError(f"{self._where} cannot be heard: {why}") from None

    def _receive(self, stop: threading.Event) -> None:
        try:
            for piece in downmix(self._decoder.frames(), self.rate, self._channels, self.cleaner):
                if not self._buffer.put(piece):
                    return
        except DecoderProcessError as gone:
            how = "hangs" if gone.hung else f"ended ({gone.how})"
            self._lose(AudioError(f"{self._where} is lost: its decoder {how}; {_LOOK}"), stop)
        except Exception as error:  # noqa: BLE001 - raised again once all is played
            self._lose(error, stop)
        finally:
            self._buffer.end()

    def _lose(self, error: Exception, stop: threading.Event) -> None:
        self._error = error
        waiting = self._buffer.level / self.rate
        if waiting > 1 and not stop.is_set():
            _log.info("%s; %.1f s of it are still to be played", error, waiting)
