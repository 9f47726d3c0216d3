"""Open a sound file with FFmpeg: that file, and none that it names."""

from pathlib import Path

import av
from av.error import FFmpegError

from streamer import limits
from streamer.errors import AudioError

_FORMATS_THAT_OPEN_OTHER_FILES = {
    "concat", "dash", "hls", "imf", "image2", "lavfi", "rtp", "rtsp", "sap", "sdp", "vobsub",
    "webm_dash_manifest",
}  # fmt: skip


def open_container(path: Path) -> tuple[av.container.InputContainer, av.AudioStream]:
    """Open a file and choose its best audio stream.

    FFmpeg may use its file protocol only, and no format that opens other files, such as playlists.

    Raises
    ------
    AudioError
        FFmpeg cannot read the file, or it has no audio stream.
    """
    formats = sorted(av.formats_available - _FORMATS_THAT_OPEN_OTHER_FILES)
    try:
        container = av.open(
            f"file:{path}",
            mode="r",
            options={
                "protocol_whitelist": "file",
                "format_whitelist": ",".join(formats),
                "max_streams": str(limits.MAX_CONTAINER_STREAMS),
            },
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error or type(error).__name__)
        raise AudioError(
            f"cannot decode {path}: not audio, or cut off at its beginning "
            f"({reason.splitlines()[0].lower()}); give a sound file, for example WAV, FLAC, MP3 "
            "or OGG"
        ) from None
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        container.close()
        raise AudioError(f"cannot decode {path}: it holds no audio; give a sound file")
    stream.codec_context.thread_count = 1  # many files are decoded side by side
    return container, stream
