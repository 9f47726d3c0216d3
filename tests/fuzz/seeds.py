"""Encode 0.5 s of the demo piece in every common audio format."""

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

from streamer.demo import PIECE

SECONDS = 0.5
RATE = 44100

_KINDS = {
    "song.mp3": ("mp3", "libmp3lame", 44100, "fltp", {}),
    "song.flac": ("flac", "flac", 44100, "s16", {}),
    "song.ogg": ("ogg", "vorbis", 44100, "fltp", {}),
    "song.opus": ("ogg", "libopus", 48000, "flt", {}),
    "song.m4a": ("ipod", "aac", 44100, "fltp", {}),
    "fragmented.mp4": ("mp4", "aac", 44100, "fltp", {"movflags": "frag_keyframe+empty_moov"}),
    "song.wav": ("wav", "pcm_s16le", 44100, "s16", {}),
    "float.wav": ("wav", "pcm_f32le", 44100, "flt", {}),
    "adpcm.wav": ("wav", "adpcm_ms", 44100, "s16", {}),
    "song.aiff": ("aiff", "pcm_s16be", 44100, "s16", {}),
    "song.mkv": ("matroska", "vorbis", 44100, "fltp", {}),
    "song.webm": ("webm", "libopus", 48000, "flt", {}),
    "song.aac": ("adts", "aac", 44100, "fltp", {}),
    "song.ts": ("mpegts", "aac", 44100, "fltp", {}),
    "song.wma": ("asf", "wmav2", 44100, "fltp", {}),
    "song.au": ("au", "pcm_s16be", 44100, "s16", {}),
    "song.caf": ("caf", "pcm_s16le", 44100, "s16", {}),
}
"""Format, codec, rate, sample format and format options by file name."""

FOURCCS = (
    b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"OggS", b"\x01vorbis", b"OpusHead", b"OpusTags",
    b"fLaC", b"ftyp", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz", b"stco", b"stts",
    b"elst",
    b"mdat", b"moof", b"traf", b"trun", b"covr", b"meta", b"ilst", b"APIC", b"ID3\x04", b"TAG",
    b"Xing",
    b"FORM", b"AIFF", b"COMM", b"SSND", b"\x1aE\xdf\xa3", b"\x18\x53\x80\x67", b"\xff\xfb",
    b"\xff\xf1",
    b"#EXTM3U\n", b"file:///etc/passwd", b"concat:", b"[playlist]\nFile1=/etc/passwd\n",
)  # fmt: skip
"""Magic bytes and chunk names of those formats."""


@cache
def audio_files() -> dict[str, bytes]:
    """Return the encoded files by name."""
    audio = _decode_piece()
    found = {name: _encoded(audio, *kind) for name, kind in _KINDS.items()}
    picture = _picture()
    found["cover.mp3"] = _id3(picture) + found["song.mp3"]
    found["cover.flac"] = _flac_picture(found["song.flac"], picture)
    found["video.mp4"] = _encoded(audio, "mp4", "aac", 44100, "fltp", {}, video=True)
    found["chained.ogg"] = found["song.ogg"] + found["song.opus"]
    found["twice.mp3"] = found["song.mp3"] * 2
    found["empty.wav"] = found["song.wav"][:44]
    return found


def _decode_piece() -> np.ndarray:
    """Return 0.5 s of the music, stereo, shape (2, samples)."""
    with av.open(str(PIECE)) as container:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        parts: list[np.ndarray] = []
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray() for part in resampler.resample(frame)]
            if sum(part.shape[1] for part in parts) > 4 * RATE:
                break
    return np.concatenate(parts, axis=1)[:, 3 * RATE : round((3 + SECONDS) * RATE)]


def _encoded(
    audio: np.ndarray, form: str, codec: str, rate: int, sample: str, options: dict[str, str],
    *, video: bool = False,
) -> bytes:  # fmt: skip
    memory = io.BytesIO()
    with av.open(memory, "w", format=form, options=options) as container:
        container.metadata["title"] = "A title"
        if video:
            pictures = container.add_stream("mpeg4", rate=Fraction(10))
            pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        stream.bit_rate = 128_000
        stream.codec_context.options = {
            "strict": "experimental"
        }  # FFmpeg's own Vorbis encoder is experimental
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio), "fltp", "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        size = stream.codec_context.frame_size or 1024
        cutter = av.AudioResampler(sample, "stereo", rate, size)
        for part in (*cutter.resample(frame), *cutter.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
        if video:
            black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
            for _ in range(3):
                container.mux(pictures.encode(black))
            container.mux(pictures.encode(None))
    return memory.getvalue()


def _picture() -> bytes:
    memory = io.BytesIO()
    with av.open(memory, "w", format="image2pipe") as container:
        stream = container.add_stream("png")
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return memory.getvalue()


def _id3(picture: bytes) -> bytes:
    """Return an ID3v2.4 tag with a cover (https://id3.org/id3v2.4.0-frames, 4.14)."""
    content = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + _synchsafe(len(content)) + b"\0\0" + content
    return b"ID3\x04\0\0" + _synchsafe(len(frame)) + frame


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _flac_picture(flac: bytes, picture: bytes) -> bytes:
    """Return FLAC with a PICTURE block after its STREAMINFO (RFC 9639, 8.8)."""
    mime = b"image/png"
    block = b"".join(
        (
            (3).to_bytes(4, "big"), len(mime).to_bytes(4, "big"), mime, bytes(4), bytes(16),
            len(picture).to_bytes(4, "big"), picture,
        )
    )  # fmt: skip
    head = 4 + 4 + 34
    return flac[:head] + b"\x06" + len(block).to_bytes(3, "big") + block + flac[head:]
