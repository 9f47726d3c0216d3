"""Play a network stream in real time."""

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

_log = logging.getLogger(__name__)


class StreamInput:
    """Play a URL like a media player in the room that was started at the same moment.

    A child process receives and decodes, a thread reads from it, and the thread of `run` plays: in
    whatever bursts the server sends, sample n is due, and counts as captured, at its time after the
    first. The playback rate follows the server's clock.

    Parameters
    ----------
    url
        Of a scheme in `streamer.decoder.urls`.
    channels
        Channels to mix to mono, counted from 1. Empty: all.

    Raises
    ------
    UsageError
        The URL is invalid, or a channel does not exist.
    AudioError
        The stream cannot be opened or carries no audio.
    """

    def __init__(self, url: str, channels: tuple[int, ...]) -> None:
        self.live = True
        self.cleaner = Cleaner()
        self._shown_url = redact_url(url)
        self._channels = channels
        check_url(url)
        self._decoder = Decoder()
        try:
            info = self._open(url)
            check_channels(channels, info.channels, self._shown_url)
        except BaseException:
            self._decoder.close()
            raise
        self.rate = info.rate
        self.name = info.name or self._shown_url
        self._buffer = PlayoutBuffer(round(limits.PLAYOUT_BUFFER_S * self.rate))
        self._player = Player(self._buffer, self.rate, info.prebuffer, self.name)
        self._error: Exception | None = None

    @property
    def clock(self) -> PlaybackClock:
        """Due time of every sample."""
        return self._player.clock

    @property
    def title(self) -> str:
        """Title of what is playing, as the server sends it; empty if it does not."""
        return self._decoder.title

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Play into the ring until `stop` is set.

        Raises
        ------
        AudioError
            The stream ended, stalled or is damaged. Everything received before is played first.
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
            self._buffer.close()
            self._decoder.close()  # interrupts a pending read
            receiver.join()
        error, self._error = self._error, None
        if error is not None and not stop.is_set():
            try:
                raise error
            finally:
                del error  # break the reference cycle: its frames hold this input

    def close(self) -> None:
        """Close the stream. May be called more than once."""
        self._decoder.close()

    def _open(self, url: str) -> SourceInfo:
        try:
            return self._decoder.open({"url": url}, limits.STREAM_OPEN_TIMEOUT_S)
        except DecoderProcessError as error:
            if error.timed_out:
                why = "it does not answer; check that the server runs and that audio is sent to it"
            else:
                why = f"it ended its decoder ({error.reason}); give the address of another stream"
            raise AudioError(f"cannot open {self._shown_url}: {why}") from None

    def _receive(self, stop: threading.Event) -> None:
        """Decode into the buffer; body of the receiving thread."""
        try:
            for chunk in downmix(self._decoder.frames(), self.rate, self._channels, self.cleaner):
                if not self._buffer.put(chunk):
                    return
        except DecoderProcessError as error:
            how = "hangs" if error.timed_out else f"ended ({error.reason})"
            advice = "what it sends is damaged, or memory is short"
            lost = AudioError(f"{self._shown_url} is lost: its decoder {how}; {advice}")
            self._set_error(lost, stop)
        except Exception as error:  # noqa: BLE001 - re-raised by `run` once all is played
            self._set_error(error, stop)
        finally:
            self._buffer.finish()

    def _set_error(self, error: Exception, stop: threading.Event) -> None:
        self._error = error
        remaining = self._buffer.level / self.rate
        if remaining > 1 and not stop.is_set():
            _log.info("%s; playing the remaining %.1f s", error, remaining)
