import io
import struct
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from soundscapes import EventSettings, SoundClassifier
from soundscapes.events import Event
from student import (
    ClipScorer,
    ListeningStatus,
    Microphone,
    StreamSource,
    classifier_scorer,
    growing_file,
    listen_live,
)
from student.ring_buffer import RingBuffer
from student.sources import Session

RATE = 100


class Loudness:
    """A source of given sound, and scores that are its loudness."""

    def __init__(self, blocks, waits=True, lost=()):
        self.sample_rate_hz, self.waits = RATE, waits
        self._sessions = [Session(0.0, iter(blocks)), *lost]

    def sessions(self):
        return iter(self._sessions)


def scorer(scores=lambda clip: [np.abs(clip).max()]):
    return ClipScorer(("call",), RATE, 4.0, lambda clip: np.array(scores(clip)))


def heard(source, **options):
    found = list(listen_live(scorer(), source, **options))
    return [one for one in found if isinstance(one, Event)], found[-1]


def call(start, end, seconds):
    times = np.arange(seconds * RATE) / RATE
    hiss = 0.01 * np.random.default_rng(0).random(len(times))
    return np.where((times >= start) & (times < end), 1 - hiss, hiss).astype(np.float32)


def test_a_call_is_an_event_where_it_was_and_is_told_before_the_stream_ends():
    sound = call(20, 28, 60)
    found = listen_live(scorer(), Loudness(np.array_split(sound, 77)), hop_seconds=1.0)
    one = next(each for each in found if isinstance(each, Event))
    assert abs(one.start_seconds - 20) <= 1
    assert abs(one.end_seconds - 28) <= 1
    status = list(found)[-1]
    assert (status.stream_seconds, status.heard_seconds, status.dropped_seconds) == (60, 60, 0)
    assert status.num_events == 1


def test_a_rest_shorter_than_a_hop_is_heard_and_silence_never_is():
    events, status = heard(Loudness([np.zeros(1000, np.float32), call(0, 0.7, 0.7)]))
    assert status.heard_seconds == pytest.approx(10.7)
    assert events[-1].end_seconds == pytest.approx(10.7)
    assert not heard(Loudness([np.full(1000, 0.9, np.float32)]))[0]


def test_time_without_a_device_is_counted_and_later_events_are_at_their_time():
    later = Session(100.0, iter([call(4, 12, 20)]))
    events, status = heard(Loudness([call(0, 0, 20)], lost=[later]), hop_seconds=1.0)
    assert status.lost_seconds == 100
    assert status.stream_seconds == 140
    assert [e.start_seconds for e in events] == [123]


def test_sound_that_cannot_wait_is_forgotten_from_its_oldest_on_and_counted():
    ring = RingBuffer(800, waits=False)
    ring.write(np.arange(400, dtype=np.float32))
    assert ring.next_clip(400, 200)[0] == 0
    ring.write(np.arange(400, 2000, dtype=np.float32))
    first, clip = ring.next_clip(400, 200)
    assert first == 1200
    np.testing.assert_array_equal(clip, np.arange(1200, 1600))
    assert ring.dropped_samples == 800  # 400 to 1200; the first clip held what is before


def test_memory_is_flat_over_a_week():
    used, num_blocks = [], 7 * 24

    def week():
        block = np.random.default_rng(0).random(RATE * 3600).astype(np.float32)
        for number in range(num_blocks):
            if number in (24, num_blocks - 1):
                used.append(tracemalloc.get_traced_memory()[0])
            yield block

    loud = np.random.default_rng(1)
    minutes = ClipScorer(("call",), RATE, 60.0, lambda clip: np.array([float(loud.random() > 0.8)]))
    tracemalloc.start()
    try:
        listening = listen_live(
            minutes,
            Loudness(week()),
            hop_seconds=60.0,
            events=EventSettings(0.0),
            ring_seconds=120.0,
        )
        num_events = sum(isinstance(one, Event) for one in listening)
    finally:
        tracemalloc.stop()
    assert num_events > 1000
    assert used[1] - used[0] < 150_000  # a few clips; all events would be more


def wav(samples, rate=RATE, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype, format="WAV")
    return file.getvalue()


def blocks_of(source):
    return np.concatenate([b for session in source.sessions() for b in session.blocks])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_a_piped_wav_is_what_soundfile_reads(subtype):
    stereo = np.random.default_rng(0).uniform(-0.9, 0.9, (1234, 2))
    source = StreamSource(io.BytesIO(wav(stereo, subtype=subtype)))
    assert source.sample_rate_hz == RATE
    np.testing.assert_allclose(blocks_of(source), stereo.mean(axis=1), atol=1e-4)


def test_a_wav_of_unknown_length_is_read_to_its_end_and_raw_samples_need_a_rate():
    whole = wav(np.full(500, 0.5))
    place = whole.index(b"data") + 4
    piped = whole[:place] + struct.pack("<I", 0xFFFFFFFF) + whole[place + 4 :]
    assert len(blocks_of(StreamSource(io.BytesIO(piped)))) == 500
    raw = whole[place + 4 :]
    assert len(blocks_of(StreamSource(io.BytesIO(raw), sample_rate_hz=RATE))) == 500
    with pytest.raises(ValueError, match="Raw samples need their sample rate"):
        StreamSource(io.BytesIO(raw))


def test_a_file_is_followed_while_it_grows(tmp_path):
    path, whole = tmp_path / "growing.wav", wav(np.full(500, 0.5))
    path.write_bytes(whole[:544])
    source = growing_file(path, idle_seconds=0.3)
    (session,) = source.sessions()
    first = next(session.blocks)
    with path.open("ab") as file:
        file.write(whole[544:])
    assert len(first) + sum(map(len, session.blocks)) == 500


def test_a_microphone_that_is_unplugged_is_waited_for(monkeypatch):
    class UnpluggedError(Exception):
        pass

    class Stream:
        opened = 0

        def __init__(self, **options):
            Stream.opened += 1
            if Stream.opened in (2, 4, 5):
                raise UnpluggedError("no device")
            self.reads = 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def read(self, size):
            self.reads += 1
            if self.reads > 3:
                raise UnpluggedError("device gone")
            return np.full((size, 1), 0.5, np.float32), False

    fake = SimpleNamespace(
        InputStream=Stream, PortAudioError=UnpluggedError, _terminate=int, _initialize=int
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    microphone = Microphone(sample_rate_hz=RATE, retry_seconds=0.05, retries=1)
    lost, num = [], 0

    def listen():
        nonlocal num
        for session in microphone.sessions():
            lost.append(session.lost_seconds)
            num += sum(map(len, session.blocks))

    with pytest.raises(OSError, match="cannot be opened"):
        listen()
    assert num == 2 * 3 * 10
    assert lost[1] >= 0.05


def test_without_sounddevice_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ImportError, match=r"fused-encoder\[listen\]"):
        Microphone()


def test_a_sound_classifier_listens_live_too():
    import keras

    from fused_encoder.front_ends.windows import front_end_from_function

    front_end = front_end_from_function(
        lambda windows: np.abs(np.asarray(windows)).mean(axis=1, keepdims=True),
        name="loudness",
        sample_rate_hz=RATE,
        window_seconds=1.0,
    )
    frames = keras.Input((None, 1))
    times = keras.layers.Dense(2, name="frame_logits")(frames)
    network = keras.Model(frames, keras.layers.GlobalAveragePooling1D()(times))
    network.get_layer("frame_logits").set_weights(
        [np.array([[20.0, -20.0]]), np.array([-10.0, 10])]
    )
    classifier = SoundClassifier(network, front_end, ("loud", "faint"), 4)
    found = listen_live(
        classifier_scorer(classifier), Loudness([call(20, 28, 40)]), hop_seconds=1.0
    )
    species = [each.species for each in found if isinstance(each, Event)]
    assert sorted(species) == ["faint", "faint", "loud"]


def test_a_hop_longer_than_a_clip_is_refused():
    with pytest.raises(ValueError, match="at most a clip"):
        list(listen_live(scorer(), Loudness([]), hop_seconds=5.0))
    assert list(listen_live(scorer(), Loudness([]))) == [ListeningStatus()]
