"""Opening a sound file with FFmpeg: that file, and nothing that it names."""

from pathlib import Path

import av
from av.error import FFmpegError

from streamer import limits
from streamer.errors import AudioError

_LEADING_ELSEWHERE = {
    "concat", "dash", "hls", "imf", "image2", "lavfi", "rtp", "rtsp", "sap", "sdp", "vobsub",
    "webm_dash_manifest",
}  # fmt: skip


def open_container(path: Path) -> tuple[av.container.InputContainer, av.AudioStream]:
    """Open a file with FFmpeg and choose its best audio stream.

    Only FFmpeg's file protocol is allowed, and no format that leads to other files: no playlist.

    Raises
    ------
    AudioError
        FFmpeg cannot read it, or it has no audio stream.
    """
    try:
        container = av.open(
            f"file:{path}",
            mode="r",
            options={
                "protocol_whitelist": "file",
                "format_whitelist": ",".join(sorted(av.formats_available - _LEADING_ELSEWHERE)),
                "max_streams": str(limits.MAX_CONTAINER_STREAMS),
            },
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error or type(error).__name__)
        raise AudioError(
            f"{path} is no sound that can be decoded, or it is cut off at its beginning "
            f"({reason.splitlines()[0].lower()}); give a sound file, for example WAV, FLAC, MP3 "
            "or OGG"
        ) from None
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        container.close()
        raise AudioError(f"{path} holds no sound that can be decoded; give a sound file")
    stream.codec_context.thread_count = 1  # many files are decoded side by side
    return container, stream
