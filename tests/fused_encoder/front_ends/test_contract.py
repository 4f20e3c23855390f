"""What every front end promises: frames, the checks of a waveform, many sounds as one by one."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_encoder import AudioFrontEnd, LogMelFeatures, as_front_end, extract_audio_sequence
from fused_encoder.front_ends import YAMNET
from fused_encoder.front_ends.contract import SilentRecordingError, TooShortRecordingError
from fused_encoder.front_ends.log_mel import PATCH_HOP_SAMPLES, PATCH_SAMPLES, log_mel_patches
from fused_encoder.front_ends.yamnet import Yamnet, load_yamnet
from fused_encoder.front_ends.yamnet_network import WaveformYamnet, create_yamnet

BORDERS = [1600, 1601, 15_599, 15_600, 15_601, 23_280, 23_281, 30_960, 50_000]
LONGER_THAN_A_BATCH = (YAMNET.windows_per_batch + 3) * 7680 + 1000

stand_in = LogMelFeatures()
front_end = as_front_end(stand_in)


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.2, num_samples).astype(np.float32)


def sounds_of(lengths: list[int]) -> list[np.ndarray]:
    return [noise(length, seed) for seed, length in enumerate(lengths)]


def loudness_of_windows() -> AudioFrontEnd:
    """A front end unlike YAMNet: 48 kHz, windows of 3 s every 1.5 s, NumPy only, two numbers a frame."""

    def windows(sound: np.ndarray) -> np.ndarray:
        num_frames = 1 + max(0, math.ceil((len(sound) - 144_000) / 72_000))
        padded = np.pad(sound, (0, 144_000 + (num_frames - 1) * 72_000 - len(sound)))
        return np.stack([padded[72_000 * i : 72_000 * i + 144_000] for i in range(num_frames)])

    def embed_windows(windows: np.ndarray) -> np.ndarray:
        return np.stack([windows.mean(axis=1), windows.std(axis=1)], axis=1)

    return AudioFrontEnd(
        name="loudness",
        sample_rate_hz=48_000,
        window_seconds=3.0,
        hop_seconds=1.5,
        embedding_size=2,
        embed_sound=lambda sound: embed_windows(windows(sound)),
        windows=windows,
        embed_windows=embed_windows,
    )


class WaveformOnly(tf.Module):
    """A YAMNet as TF-Hub's: it takes one waveform, and nothing else shows."""

    def __init__(self, hidden: tf.Module) -> None:
        super().__init__()
        self.hidden = hidden

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return self.hidden(waveform)


def saved_and_loaded(yamnet: tf.Module, path: Path) -> Yamnet:
    tf.saved_model.save(yamnet, path)
    return tf.saved_model.load(path)


@pytest.fixture(scope="module")
def hub_yamnet(tmp_path_factory):
    yamnet = WaveformOnly(WaveformYamnet(create_yamnet()))
    return saved_and_loaded(yamnet, tmp_path_factory.mktemp("hub") / "yamnet")


@pytest.fixture(params=["stand-in", "keras", "hub", "callable"])
def any_yamnet(request, hub_yamnet):
    return {
        "stand-in": stand_in,
        "keras": WaveformYamnet(create_yamnet()),
        "hub": hub_yamnet,
        "callable": lambda waveform: stand_in(waveform),
    }[request.param]


def check_equal_to_one_by_one(yamnet: Yamnet | AudioFrontEnd, sounds: list[np.ndarray]) -> None:
    received = as_front_end(yamnet).embed_sounds(sounds)
    for sequence, sound in zip(received, sounds, strict=True):
        expected = extract_audio_sequence(yamnet, sound)
        assert sequence.dtype == np.float32
        np.testing.assert_allclose(sequence, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_samples", BORDERS)
def test_frames_in_counts_what_is_given(num_samples):
    expected = len(log_mel_patches(noise(num_samples))[0])
    assert front_end.frames_in(num_samples / 16_000) == expected
    assert front_end(noise(num_samples)).shape == (expected, 1024)


def test_the_published_numbers_of_yamnet():
    spec = front_end.spec
    assert (spec.sample_rate_hz, spec.hop_seconds, spec.embedding_size) == (16_000, 0.48, 1024)
    assert (spec.frames_in(5.0), spec.frames_in(0.0)) == (10, 0)
    assert (spec.window_samples, spec.hop_samples) == (PATCH_SAMPLES, PATCH_HOP_SAMPLES)
    assert spec.fingerprint == front_end.fingerprint != ""


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_length_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match="finite and at least 0, received"):
        front_end.frames_in(seconds)


def test_the_sequence_is_the_embeddings_of_yamnet(any_yamnet):
    sequence = extract_audio_sequence(any_yamnet, noise(40_000).astype(np.float64))
    assert sequence.dtype == np.float32
    np.testing.assert_allclose(sequence, any_yamnet(noise(40_000))[1], atol=1e-5)


def test_many_sounds_give_what_each_gives_alone(any_yamnet):
    check_equal_to_one_by_one(any_yamnet, sounds_of([*BORDERS, LONGER_THAN_A_BATCH, 9000]))
    assert as_front_end(any_yamnet).embed_sounds([]) == []


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(4800, 600_000), min_size=1, max_size=4))
def test_a_front_end_of_other_numbers_keeps_the_same_promises(lengths):
    other = loudness_of_windows()
    check_equal_to_one_by_one(other, sounds_of(lengths))
    for length in lengths:
        assert len(other(noise(length))) == other.frames_in(length / 48_000)


class CountingPatches:
    """Notes how many patches it gets at once."""

    def __init__(self) -> None:
        self.num_patches: list[int] = []

    def __call__(self, waveform: np.ndarray) -> tuple:
        return stand_in(waveform)

    def from_patches(self, patches: tf.Tensor) -> tuple:
        self.num_patches.append(len(patches))
        return stand_in.from_patches(patches)


def test_windows_of_many_recordings_come_in_one_batch_of_bounded_size():
    yamnet = CountingPatches()
    as_front_end(yamnet).embed_sounds(sounds_of([80_000] * 7 + [LONGER_THAN_A_BATCH]))
    assert yamnet.num_patches == [60, 10, 64, 3]


def test_a_saved_yamnet_takes_windows_in_batches_and_another_graph_does_not(hub_yamnet, tmp_path):
    assert as_front_end(hub_yamnet).windows_per_call == YAMNET.windows_per_batch
    other = saved_and_loaded(WaveformOnly(stand_in), tmp_path / "other")
    assert as_front_end(other).windows_per_call == 1
    check_equal_to_one_by_one(other, sounds_of([20_000, 9000]))


def test_a_graph_with_yamnets_weights_that_does_more_is_called_as_it_is(tmp_path):
    class Louder(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.yamnet = WaveformYamnet(create_yamnet())

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return self.yamnet(2 * waveform)

    louder = saved_and_loaded(Louder(), tmp_path / "louder")
    assert as_front_end(louder).windows_per_call == 1
    check_equal_to_one_by_one(louder, sounds_of([20_000, 40_000]))


@pytest.mark.parametrize(
    "outputs", [(np.zeros((1, 1024)),), (np.zeros((1, 521)), np.zeros((1, 7)), np.zeros((96, 64)))]
)
def test_a_yamnet_of_another_interface_is_refused(outputs):
    class NoYamnet(CountingPatches):
        def from_patches(self, patches: tf.Tensor) -> tuple:
            return outputs[0], np.zeros((1, 7))

    with pytest.raises(ValueError, match=r"Expected a yamnet that gives .* load_yamnet"):
        as_front_end(lambda waveform: outputs)
    with pytest.raises(ValueError, match=r"'yamnet' to give \[4, 1024\], received \[1, 7\]"):
        as_front_end(NoYamnet())(noise(35_000))


@settings(max_examples=20, deadline=None)
@given(num_samples=st.integers(1600, 40_000), padding=st.integers(0, 40_000))
def test_padding_with_zeros_changes_nothing(num_samples, padding):
    waveform = noise(num_samples)
    np.testing.assert_array_equal(front_end(np.pad(waveform, (0, padding))), front_end(waveform))


@pytest.mark.parametrize("value", [0.0, -0.0, 0.25])
def test_digital_silence_is_refused(value):
    with pytest.raises(SilentRecordingError, match=r"1\.00 s of digital silence"):
        front_end(np.full(16_000, value, np.float32))


@pytest.mark.parametrize("waveform", [np.zeros(0), noise(160), np.pad(noise(1599), (0, 16_000))])
def test_too_short_a_sound_is_refused(waveform):
    with pytest.raises(TooShortRecordingError, match=r"at least 0\.1 s of sound"):
        front_end(waveform)


@pytest.mark.parametrize(
    ("waveform", "error", "message"),
    [
        (np.ones(16_000, np.int16), TypeError, r"received int16\. Divide 16-bit samples by 32768"),
        (noise(16_000) / 0.2 * 32_767, ValueError, "received a peak of 3276"),
        (np.ones((2, 16_000), np.float32), ValueError, r"one mono waveform .* \(2, 16000\)"),
    ],
)
def test_what_is_no_waveform_is_refused(waveform, error, message):
    with pytest.raises(error, match=message):
        front_end(waveform)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_samples_that_are_not_finite_are_refused(value):
    waveform = noise(16_000).astype(np.float64)
    waveform[8000] = value
    with pytest.raises(ValueError, match=r"received 1 NaN or infinite .* first at 0\.5000 s"):
        front_end(waveform)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["yamnet", "yamnet.h5"])
def test_the_genuine_yamnet_gives_many_as_it_gives_one(weights_dir, name):
    yamnet = load_yamnet(weights_dir / name)
    assert as_front_end(yamnet).windows_per_call == YAMNET.windows_per_batch
    check_equal_to_one_by_one(yamnet, sounds_of([*BORDERS, LONGER_THAN_A_BATCH, *BORDERS]))
