"""Record audio and decode it again."""

import errno
import gc
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio import Block, open_audio_file
from streamer.outputs.recording import read_recording
from streamer.outputs.recording.flac_writer import FlacWriter

RATE = 8000


def decoded(path):
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert container.streams.audio[0].rate == RATE
    return np.concatenate(frames, axis=1)[0] / 2**15 if frames else np.zeros(0)


def noise(count, seed=0):
    """Return 16-bit noise up to full scale."""
    random = np.random.default_rng(seed)
    return (random.integers(-(2**15), 2**15, count) / 2**15).astype(np.float32)


def offer_audio(recorder, parts, start_time=1000.0, rate=RATE):
    """Offer audio in blocks of 0.1 s; each part starts at its sample number."""
    for start, samples in parts:
        for at in range(0, len(samples), rate // 10):
            piece = samples[at : at + rate // 10]
            recorder.offer_audio(
                "main", Block(piece, start + at, start_time + (start + at) / rate), rate
            )


def flacs(recorder):
    recorder.finish()
    assert recorder.dropped_blocks == 0
    assert not list(recorder.folder.glob("*.part"))
    return [decoded(path) for path in sorted(recorder.folder.glob("*.flac"))]


@pytest.fixture
def audio_recorder(start_recorder):
    return start_recorder(audio=True)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8))
@settings(max_examples=25)
def test_16_bit_audio_is_decoded_exactly_for_any_block_sizes(tmp_path_factory, sizes):
    writer = FlacWriter(tmp_path_factory.mktemp("any") / "samples", RATE, {"zone": "main"})
    samples = noise(sum(sizes))
    for part in np.split(samples, np.cumsum(sizes)[:-1]):
        writer.add(part)
    assert writer.length == len(samples)
    assert np.array_equal(decoded(writer.finish()), samples)


def test_samples_beyond_full_scale_are_clipped(tmp_path):
    writer = FlacWriter(tmp_path / "loud", RATE, {})
    writer.add(np.array([2.0, -2.0, 1.0, -1.0], np.float32))
    assert decoded(writer.finish()).tolist() == [1 - 2**-15, -1, 1 - 2**-15, -1]


def test_audio_of_a_zone_is_recorded_exactly(audio_recorder):
    samples = noise(3 * RATE + 17)
    offer_audio(audio_recorder, [(0, samples)])
    [decoded_audio] = flacs(audio_recorder)
    assert np.array_equal(decoded_audio, samples)


def test_a_gap_becomes_silence_of_its_length(audio_recorder):
    before, after = noise(RATE, 1), noise(RATE, 2)
    offer_audio(audio_recorder, [(500, before), (500 + RATE + 12_345, after)])
    [decoded_audio] = flacs(audio_recorder)
    assert np.array_equal(decoded_audio, np.concatenate([before, np.zeros(12_345), after]))


def test_a_reopened_source_continues_at_its_capture_time(audio_recorder):
    before, after = noise(2 * RATE, 1), noise(RATE, 2)
    offer_audio(audio_recorder, [(0, before)])
    offer_audio(audio_recorder, [(0, after)], start_time=1000.0 + 2 + 1.5)
    [decoded_audio] = flacs(audio_recorder)
    assert np.array_equal(decoded_audio, np.concatenate([before, np.zeros(3 * RATE // 2), after]))


def test_a_long_gap_starts_a_new_file(audio_recorder):
    before, after = noise(RATE, 1), noise(RATE, 2)
    offer_audio(audio_recorder, [(0, before), (RATE + 61 * RATE, after)])
    first, second = flacs(audio_recorder)
    assert np.array_equal(first, before)
    assert np.array_equal(second, after)


def test_another_rate_starts_a_new_file(audio_recorder):
    offer_audio(audio_recorder, [(0, noise(RATE))])
    audio_recorder.offer_audio("main", Block(noise(4000), 0, 1003.0), 16000)
    audio_recorder.finish()
    assert len(list(audio_recorder.folder.glob("*.flac"))) == 2


def test_audio_and_estimates_of_a_period_share_name_and_time(audio_recorder, trajectory):
    updates = trajectory(60, start_time=1000.0 + 1.5)  # zone time 1.0 is 1.5 s into the audio
    samples = noise(8 * RATE)
    offer_audio(audio_recorder, [(0, samples[: 2 * RATE])])
    for update in updates[:5]:
        audio_recorder.offer_update("main", update)
    offer_audio(audio_recorder, [(2 * RATE, samples[2 * RATE :])])
    for update in updates[5:]:
        audio_recorder.offer_update("main", update)
    audio_recorder.finish()
    [flac], [table] = audio_recorder.folder.glob("*.flac"), audio_recorder.folder.glob("*.parquet")
    assert flac.stem == table.stem
    recording = read_recording(table)
    offset = float(recording.metadata["sound_offset"])
    assert offset == pytest.approx(0.5)
    positions = recording.columns["time"] + offset
    assert positions == pytest.approx(recording.columns["captured"] - 1000.0)


def test_rotation_keeps_every_sample(start_recorder):
    recorder = start_recorder(audio=True, minutes=1, queue_size=10_000)
    samples = noise(130 * RATE)
    offer_audio(recorder, [(0, samples)])
    recorder.finish()
    parts = [decoded(path) for path in sorted(recorder.folder.glob("*.flac"))]
    assert [round(len(part) / RATE) for part in parts] == [60, 60, 10]
    assert np.array_equal(np.concatenate(parts), samples)


def test_audio_left_by_a_crash_can_be_played_up_to_its_end(tmp_path, start_recorder):
    folder = tmp_path / "recordings"
    folder.mkdir()
    writer = FlacWriter(folder / "main-20261125T203000Z", RATE, {})
    samples = noise(20 * RATE)
    writer.add(samples)
    writer.sync()
    writer.close()
    (folder / "main-20261125T203100Z.flac.part").touch()
    start_recorder().finish()
    assert [path.name for path in folder.iterdir()] == ["main-20261125T203000Z.flac"]
    with open_audio_file(folder / "main-20261125T203000Z.flac") as file:  # may end within a frame
        decoded_audio = np.concatenate([block.samples for block in file.blocks()])
    assert 17 * RATE < len(decoded_audio) <= len(samples)
    assert np.array_equal(decoded_audio, samples[: len(decoded_audio)])


def test_audio_does_not_push_estimates_out_of_the_queue(start_recorder, trajectory, until):
    hung = [True]

    def wait_for_disk(folder):
        until(lambda: not hung[0], 20)
        return 10**12

    recorder = start_recorder(audio=True, get_free_space=wait_for_disk, queue_size=100)
    offer_audio(recorder, [(0, noise(20 * RATE))])
    for update in trajectory(50):
        recorder.offer_update("main", update)
    assert recorder.dropped == 0
    assert recorder.dropped_blocks == 150
    hung[0] = False


def test_a_full_disk_raises_and_nothing_is_printed(tmp_path, monkeypatch, capfd):
    writer = FlacWriter(tmp_path / "full", RATE, {})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    disk = SimpleNamespace(write=full, seek=full)
    monkeypatch.setattr(writer._output, "_file", disk)
    with pytest.raises(OSError, match="No space left"):
        writer.add(noise(20 * RATE))
    with pytest.raises(OSError, match="No space left"):
        writer.finish()
    writer.close()
    del writer
    gc.collect()
    assert capfd.readouterr() == ("", "")
