import streamer.audio


def test_the_public_face() -> None:
    assert sorted(streamer.audio.__all__) == [
        "Block",
        "CaptureClock",
        "Cleaner",
        "Clock",
        "Decoder",
        "PacedClock",
        "Resampler",
        "RingBuffer",
        "Samples",
        "SoundFile",
        "Source",
        "ZONE_RATE",
        "kept",
        "open_sound_file",
        "open_source",
        "returns",
        "zone_sample",
    ]
    assert all(hasattr(streamer.audio, name) for name in streamer.audio.__all__)
