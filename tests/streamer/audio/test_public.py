import streamer.audio


def test_the_public_face() -> None:
    assert sorted(streamer.audio.__all__) == [
        "AudioFile",
        "Block",
        "CaptureClock",
        "Cleaner",
        "Clock",
        "Decoder",
        "PlaybackClock",
        "Resampler",
        "RingBuffer",
        "Samples",
        "Source",
        "ZONE_RATE",
        "is_recoverable",
        "open_audio_file",
        "open_source",
        "pin_device",
        "zone_sample",
    ]
    assert all(hasattr(streamer.audio, name) for name in streamer.audio.__all__)
