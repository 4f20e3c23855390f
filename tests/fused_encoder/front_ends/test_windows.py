"""Front ends of functions and SavedModels of windows keep the promises of every front end."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fused_encoder import AudioFrontEnd, front_end_from_function, front_end_from_saved_model
from fused_encoder.front_ends.sequences import audio_sequences_in_graph

RATE_HZ = 1000
CUT = {"name": "loudness", "sample_rate_hz": RATE_HZ, "window_seconds": 2.0}
LENGTHS = [100, 1999, 2000, 2001, 3000, 3500, 70_000]


def sound(num_samples: int) -> np.ndarray:
    return np.random.default_rng(num_samples).uniform(0.01, 0.2, num_samples).astype(np.float32)


def loudness(windows: np.ndarray) -> np.ndarray:
    return np.stack([windows.mean(axis=1), windows.std(axis=1)], axis=1)


class Loudness(tf.Module):
    """The same in TensorFlow, with the interfaces that SavedModels have."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2000], tf.float32)])
    def pair(self, windows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, variance = tf.nn.moments(self.gain * windows, axes=[1])
        return tf.zeros([tf.shape(windows)[0], 7]), tf.stack([mean, tf.sqrt(variance)], axis=1)

    @tf.function(input_signature=[tf.TensorSpec([1, 2000], tf.float32)])
    def alone(self, window: tf.Tensor) -> dict[str, tf.Tensor]:
        scores, embedding = self.pair(window)
        return {"scores": scores, "embedding": embedding, "a": window}

    @tf.function(input_signature=[tf.TensorSpec([None, 2000], tf.float32, name="audio")])
    def named(self, audio: tf.Tensor) -> dict[str, tf.Tensor]:
        scores, embedding = self.pair(audio)
        return {"embedding": embedding, "scores": scores}


def in_tensorflow(**cut: object) -> AudioFrontEnd:
    module = Loudness()
    return front_end_from_function(lambda w: module.pair(w)[1], module=module, **(CUT | cut))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module, path = Loudness(), tmp_path_factory.mktemp("saved")
    tf.saved_model.save(module, path, signatures={"serving_default": module.named})
    return path


@pytest.mark.parametrize("hop_seconds", [2.0, 0.7])
def test_frames_are_those_of_the_windows_and_many_sounds_give_what_each_gives(
    hop_seconds: float,
) -> None:
    hop = round(hop_seconds * RATE_HZ)
    plain = front_end_from_function(loudness, **CUT, hop_seconds=hop_seconds)
    sounds = [sound(length) for length in LENGTHS]
    for front_end in (plain, in_tensorflow(hop_seconds=hop_seconds)):
        assert (front_end.embedding_size, front_end.window_samples) == (2, 2000)
        for waveform, frames in zip(sounds, front_end.embed_sounds(sounds), strict=True):
            starts = range(0, max(len(waveform) - 2000 + hop, 1), hop)
            padded = np.pad(waveform, (0, 5000))
            expected = loudness(np.stack([padded[start : start + 2000] for start in starts]))
            np.testing.assert_allclose(frames, expected, atol=1e-6)
            np.testing.assert_allclose(frames, front_end(waveform), atol=1e-6)
            assert len(frames) == front_end.frames_in_samples(len(waveform))


def test_the_fingerprint_tells_of_function_weights_and_cutting() -> None:
    module = Loudness()
    module.gain.assign(np.nextafter(np.float32(1), np.float32(2)))
    other = front_end_from_function(lambda w: module.pair(w)[1], module=module, **CUT)
    front_ends = [in_tensorflow(), other, in_tensorflow(hop_seconds=1.0)]
    front_ends.append(front_end_from_function(lambda w: -loudness(w), **CUT))
    assert len({front_end.fingerprint for front_end in front_ends}) == 4
    assert in_tensorflow().fingerprint == front_ends[0].fingerprint


def test_what_is_no_function_of_windows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"above 0, received 1000, 0\.0, 0\.0 and 16"):
        front_end_from_function(loudness, **(CUT | {"window_seconds": 0.0}))
    with pytest.raises(ValueError, match=r"'loudness' to give \[2, embedding_size\] .* \[2\]"):
        front_end_from_function(lambda windows: windows[:, 0], **CUT)


@pytest.mark.parametrize("function", ["serving_default", "pair", "alone"])
def test_a_saved_model_gives_the_frames_of_its_function(saved: Path, function: str) -> None:
    front_end = front_end_from_saved_model(saved, **CUT, function=function)
    received = front_end.embed_sounds([sound(9000), sound(300)])
    expected = in_tensorflow().embed_sounds([sound(9000), sound(300)])
    for ours, theirs in zip(received, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    waveforms = np.stack([np.pad(sound(6000), (0, 3000)), sound(9000)])
    in_graph = tf.function(lambda batch: audio_sequences_in_graph(front_end, batch))(waveforms)
    np.testing.assert_allclose(in_graph[1], received[0], atol=1e-6)
    np.testing.assert_allclose(in_graph[0, :3], front_end(sound(6000)), atol=1e-6)
    assert not in_graph[0, 3:].numpy().any()


def test_windows_are_prepared_and_another_output_is_chosen(saved: Path) -> None:
    doubled = front_end_from_saved_model(saved, **CUT, prepare=lambda windows: 2 * windows)
    np.testing.assert_allclose(doubled(sound(2500)), 2 * in_tensorflow()(sound(2500)), rtol=1e-5)
    for function, output in (("serving_default", "scores"), ("pair", 0)):
        chosen = front_end_from_saved_model(saved, **CUT, function=function, output=output)
        assert chosen.embedding_size == 7


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"function": "infer"}, r"has no function 'infer'; its signatures: serving_default"),
        ({"output": "spatial"}, r"no output 'spatial', but \['embedding', 'scores'\]"),
        ({"window_seconds": 3.0}, r"cannot be called with windows of 3000 samples"),
    ],
)
def test_a_saved_model_of_another_interface_is_refused(
    saved: Path, changed: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        front_end_from_saved_model(saved, **(CUT | changed))
