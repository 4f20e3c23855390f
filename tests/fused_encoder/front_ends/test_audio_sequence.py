import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_encoder.front_ends.audio_sequence import (
    SilentRecordingError,
    TooShortRecordingError,
    Yamnet,
    audio_sequences_in_graph,
    extract_audio_sequence,
    frames_in,
)
from fused_encoder.front_ends.log_mel import log_mel_patches
from fused_encoder.front_ends.log_mel_features import LogMelFeatures
from fused_encoder.front_ends.yamnet_network import WaveformYamnet, create_yamnet

BORDERS = [1600, 1601, 15_599, 15_600, 15_601, 23_280, 23_281, 30_960, 50_000]

yamnet = LogMelFeatures()


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.2, num_samples).astype(np.float32)


def padded_batch(lengths: list[int], extra: int = 0) -> np.ndarray:
    batch = np.zeros((len(lengths), max(lengths, default=0) + extra), np.float32)
    for row, length in enumerate(lengths):
        batch[row, :length] = noise(length, seed=row)
    return batch


@pytest.mark.parametrize("num_samples", BORDERS)
def test_frames_in_counts_what_yamnet_gives(num_samples: int) -> None:
    assert frames_in(num_samples / 16_000) == len(log_mel_patches(noise(num_samples))[0])
    assert extract_audio_sequence(yamnet, noise(num_samples)).shape == (
        frames_in(num_samples / 16_000),
        1024,
    )


def test_no_sound_has_no_frames() -> None:
    assert frames_in(0.0) == 0


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_length_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0, received"):
        frames_in(seconds)


def test_the_sequence_is_the_embeddings_of_yamnet() -> None:
    sequence = extract_audio_sequence(yamnet, noise(40_000))
    assert sequence.dtype == np.float32
    np.testing.assert_array_equal(sequence, yamnet(noise(40_000))[1])


def test_float64_is_taken_as_float32() -> None:
    np.testing.assert_array_equal(
        extract_audio_sequence(yamnet, noise(9000).astype(np.float64)),
        extract_audio_sequence(yamnet, noise(9000)),
    )


@settings(max_examples=20, deadline=None)
@given(num_samples=st.integers(1600, 40_000), padding=st.integers(0, 40_000))
def test_padding_with_zeros_changes_nothing(num_samples: int, padding: int) -> None:
    waveform = noise(num_samples)
    np.testing.assert_array_equal(
        extract_audio_sequence(yamnet, np.pad(waveform, (0, padding))),
        extract_audio_sequence(yamnet, waveform),
    )


def test_zeros_before_and_within_the_sound_are_kept() -> None:
    waveform = np.concatenate([np.zeros(16_000), noise(4000), np.zeros(16_000), noise(4000)])
    assert len(extract_audio_sequence(yamnet, waveform)) == frames_in(40_000 / 16_000)


@pytest.mark.parametrize("value", [0.0, -0.0, 0.25])
def test_digital_silence_is_refused(value: float) -> None:
    with pytest.raises(SilentRecordingError, match=r"1\.00 s of digital silence"):
        extract_audio_sequence(yamnet, np.full(16_000, value, np.float32))


@pytest.mark.parametrize("waveform", [np.zeros(0), noise(160), np.pad(noise(1599), (0, 16_000))])
def test_too_short_a_sound_is_refused(waveform: np.ndarray) -> None:
    with pytest.raises(TooShortRecordingError, match=r"at least 0\.1 s of sound"):
        extract_audio_sequence(yamnet, waveform)


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"received int16\. Divide 16-bit samples by 32768"):
        extract_audio_sequence(yamnet, np.ones(16_000, np.int16))


def test_integers_in_disguise_are_refused() -> None:
    with pytest.raises(ValueError, match="received a peak of 3276"):
        extract_audio_sequence(yamnet, noise(16_000) / 0.2 * 32_767)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one mono waveform .* \(2, 16000\)"):
        extract_audio_sequence(yamnet, np.ones((2, 16_000), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_samples_that_are_not_finite_are_refused(value: float) -> None:
    waveform = noise(16_000).astype(np.float64)
    waveform[8000] = value
    with pytest.raises(ValueError, match=r"received 1 NaN or infinite .* first at 0\.5000 s"):
        extract_audio_sequence(yamnet, waveform)


@pytest.mark.parametrize(
    "outputs", [(np.zeros((1, 1024)),), (np.zeros((1, 521)), np.zeros((1, 7)), np.zeros((96, 64)))]
)
def test_a_yamnet_of_another_interface_is_refused(outputs: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match=r"Expected a yamnet that gives .* load_yamnet"):
        extract_audio_sequence(lambda waveform: outputs, noise(16_000))


@pytest.fixture(scope="module")
def hub_like(tmp_path_factory: pytest.TempPathFactory) -> Yamnet:
    """The stand-in as `tf.saved_model.load` (and so TF-Hub) gives it."""
    path = tmp_path_factory.mktemp("hub") / "yamnet"
    tf.saved_model.save(LogMelFeatures(), path)
    return tf.saved_model.load(path)


@pytest.fixture(params=["stand-in", "hub-like", "keras"])
def any_yamnet(request: pytest.FixtureRequest, hub_like: Yamnet) -> Yamnet:
    if request.param == "keras":
        return WaveformYamnet(create_yamnet())
    return hub_like if request.param == "hub-like" else yamnet


class Listener(tf.Module):
    """A minimal export: holds its yamnet, and maps waveforms to sequences."""

    def __init__(self, yamnet: Yamnet) -> None:
        super().__init__()
        self.yamnet = yamnet

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def __call__(self, waveforms: tf.Tensor) -> tf.Tensor:
        return audio_sequences_in_graph(self.yamnet, waveforms)


@pytest.fixture(scope="module")
def in_graph() -> Callable[[np.ndarray], tf.Tensor]:
    return Listener(yamnet)


def check_twins_agree(
    graph_twin: Callable[[np.ndarray], tf.Tensor], yamnet: Yamnet, lengths: list[int], extra: int
) -> None:
    batch = padded_batch(lengths, extra)
    sequences = graph_twin(batch).numpy()
    nothing = np.zeros((0, 1024), np.float32)
    expected = [extract_audio_sequence(yamnet, row) if row.any() else nothing for row in batch]
    assert sequences.shape == (len(lengths), max(1, *map(len, expected)), 1024)
    for sequence, frames in zip(sequences, expected, strict=True):
        np.testing.assert_allclose(sequence[: len(frames)], frames, atol=1e-5)
        assert not sequence[len(frames) :].any()


def test_the_saved_graph_twin_gives_the_same_sequences(any_yamnet: Yamnet, tmp_path: Path) -> None:
    tf.saved_model.save(Listener(any_yamnet), tmp_path / "listener")
    loaded = tf.saved_model.load(tmp_path / "listener")
    check_twins_agree(loaded, any_yamnet, [*BORDERS, 0], extra=5000)
    check_twins_agree(loaded, loaded.yamnet, [20_000], extra=0)  # called as any yamnet is


@pytest.mark.weights
def test_the_twins_agree_on_the_genuine_yamnet(weights_dir: Path, tmp_path: Path) -> None:
    genuine = tf.saved_model.load(str(weights_dir / "yamnet"))
    tf.saved_model.save(Listener(genuine), tmp_path / "listener")
    loaded = tf.saved_model.load(tmp_path / "listener")
    check_twins_agree(loaded, genuine, [*BORDERS, 0], extra=5000)


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.one_of(st.just(0), st.integers(1600, 40_000)), min_size=2, max_size=4),
    extra=st.integers(0, 9000),
)
def test_the_twins_agree_at_any_length(
    in_graph: Callable[[np.ndarray], tf.Tensor], lengths: list[int], extra: int
) -> None:
    check_twins_agree(in_graph, yamnet, lengths, extra)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 0), (2, 1)), ((0, 0), (0, 1)), ((0, 9000), (0, 1)), ((2, 9000), (2, 1))],
)
def test_no_sound_gives_one_frame_of_zeros(
    in_graph: Callable[[np.ndarray], tf.Tensor], shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    sequences = in_graph(np.zeros(shape, np.float32))
    assert sequences.shape == (*expected, 1024)
    assert not sequences.numpy().any()


def test_the_graph_twin_refuses_too_short_a_sound(
    in_graph: Callable[[np.ndarray], tf.Tensor],
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"less than 0\.1 s of sound"):
        in_graph(padded_batch([16_000, 160]))


def test_the_graph_twin_refuses_nan(in_graph: Callable[[np.ndarray], tf.Tensor]) -> None:
    batch = padded_batch([16_000, 16_000])
    batch[1, 5] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds NaN or infinity"):
        in_graph(batch)
