import numpy as np
import pytest

from individuals.video.detection import Detection
from individuals.video.sound import (
    audio_sequence_of,
    is_alone_throughout,
    who_may_be_heard,
)
from media import Moment

FRAME = np.zeros((20, 20, 3), np.uint8)
HEARD = np.sin(np.arange(16000) * 0.3).astype(np.float32)
BOXES = [(0.0, 0.0, 5.0, 5.0), (10.0, 10.0, 15.0, 15.0)]


def moment(waveform=HEARD):
    return Moment(0.0, 0, FRAME, waveform)


def detections(number):
    return [Detection(0, 0.0, box) for box in BOXES[:number]]


def test_alone_may_be_any_until_the_whole_video_was_seen():
    assert who_may_be_heard("alone", moment(), detections(2)) == {0, 1}
    assert who_may_be_heard("alone", moment(), []) == set()


def test_who_is_told_to_sing_is_heard():
    def rightmost(moment, detections):
        return int(np.argmax([d.box[0] for d in detections]))

    assert who_may_be_heard(rightmost, moment(), detections(2)) == {1}
    assert who_may_be_heard(lambda moment, detections: None, moment(), detections(2)) == set()
    with pytest.raises(ValueError, match=r"gave 2 for frame 0, which has 2 detections"):
        who_may_be_heard(lambda moment, detections: 2, moment(), detections(2))


def test_silence_and_a_few_samples_are_no_sound(embedder):
    assert audio_sequence_of(embedder, np.zeros(16000, np.float32)) is None
    assert audio_sequence_of(embedder, HEARD[:100]) is None
    sequence = audio_sequence_of(embedder, HEARD)
    assert sequence is not None
    assert sequence.shape[1] == 1024


def test_alone_means_alone_as_long_as_the_sound_lasts():
    seen = [Detection(n, float(n), BOXES[0]) for n in range(10)]
    seen.append(Detection(7, 7.0, BOXES[1]))
    animals = [0] * 10 + [1]
    assert is_alone_throughout(seen, animals, range(10), 4.0) == [True] * 5 + [False] * 5
    assert is_alone_throughout(seen, animals, [6, 7, 8], 1.0) == [True, False, True]


def test_the_slow_way_gives_the_same():
    rng = np.random.default_rng(0)
    for _ in range(30):
        times = np.sort(rng.integers(0, 30, 20)) / 4
        animals = rng.integers(0, 3, 20).tolist()
        seen = [Detection(0, float(time), BOXES[0]) for time in times]
        slow = [
            len({a for t, a in zip(times, animals, strict=True) if abs(t - time) <= 1}) <= 1
            for time in times
        ]
        assert is_alone_throughout(seen, animals, times, 2.0) == slow
