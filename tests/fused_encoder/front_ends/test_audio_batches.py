"""Many recordings at once give what each gives alone, whatever YAMNet it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_encoder.front_ends import audio_batches
from fused_encoder.front_ends.audio_batches import WINDOWS_PER_BATCH, AudioSequences
from fused_encoder.front_ends.audio_sequence import Yamnet, extract_audio_sequence
from fused_encoder.front_ends.log_mel import PATCH_HOP_SAMPLES, log_mel_patches
from fused_encoder.front_ends.log_mel_features import LogMelFeatures
from fused_encoder.front_ends.yamnet import load_yamnet
from fused_encoder.front_ends.yamnet_network import WaveformYamnet, create_yamnet

BORDERS = [1600, 15_599, 15_600, 15_601, 23_280, 23_281, 30_960, 80_000]
LONGER_THAN_A_BATCH = (WINDOWS_PER_BATCH + 3) * PATCH_HOP_SAMPLES + 1000


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.uniform(0.005, 0.5) * rng.uniform(0.1, 1, num_samples)).astype(np.float32)


def sounds_of(lengths: list[int]) -> list[np.ndarray]:
    return [noise(length, seed) for seed, length in enumerate(lengths)]


def check_equal_to_one_by_one(yamnet: Yamnet, sounds: list[np.ndarray]) -> None:
    received = AudioSequences(yamnet)(sounds)
    assert len(received) == len(sounds)
    for sequence, sound in zip(received, sounds, strict=True):
        expected = extract_audio_sequence(yamnet, sound)
        assert sequence.dtype == np.float32
        np.testing.assert_allclose(sequence, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def hub_like(tmp_path_factory: pytest.TempPathFactory) -> Yamnet:
    """A SavedModel that takes one waveform, as TF-Hub's: nothing of ours shows."""
    path = tmp_path_factory.mktemp("hub") / "yamnet"
    tf.saved_model.save(WaveformOnly(LogMelFeatures()), path)
    return tf.saved_model.load(path)


class WaveformOnly(tf.Module):
    """A YAMNet without `from_patches`."""

    def __init__(self, hidden: tf.Module, change: Callable[[tf.Tensor], tf.Tensor] = tf.identity):
        super().__init__()
        self.hidden = hidden
        self.change = change

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return self.hidden(self.change(waveform))


@pytest.fixture(scope="module", params=["stand-in", "keras", "hub-like", "function", "callable"])
def any_yamnet(request: pytest.FixtureRequest, hub_like: Yamnet) -> Yamnet:
    stand_in = LogMelFeatures()
    if request.param == "function":
        signature = [tf.TensorSpec([None], tf.float32)]
        return tf.function(lambda waveform: stand_in(waveform), input_signature=signature)
    return {
        "stand-in": stand_in,
        "keras": WaveformYamnet(create_yamnet()),
        "hub-like": hub_like,
        "callable": lambda waveform: stand_in(waveform),
    }[request.param]


def test_sounds_of_any_length_give_what_each_gives_alone(any_yamnet: Yamnet) -> None:
    check_equal_to_one_by_one(any_yamnet, sounds_of([*BORDERS, *reversed(BORDERS)]))


def test_a_sound_longer_than_a_batch_gives_what_it_gives_in_one_go(any_yamnet: Yamnet) -> None:
    check_equal_to_one_by_one(any_yamnet, sounds_of([20_000, LONGER_THAN_A_BATCH, 20_000]))


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1600, 60_000), min_size=1, max_size=6))
def test_joined_sounds_do_not_touch_each_other(hub_like: Yamnet, lengths: list[int]) -> None:
    check_equal_to_one_by_one(hub_like, sounds_of(lengths))


def test_no_sounds_give_no_sequences(any_yamnet: Yamnet) -> None:
    assert AudioSequences(any_yamnet)([]) == []


def test_the_order_of_sounds_does_not_matter(hub_like: Yamnet) -> None:
    sounds = sounds_of(BORDERS)
    forward, backward = AudioSequences(hub_like)(sounds), AudioSequences(hub_like)(sounds[::-1])
    for one, other in zip(forward, backward[::-1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


class CountingPatches:
    """Notes how many patches it gets at once, and how many waveforms."""

    def __init__(self) -> None:
        self.model = LogMelFeatures()
        self.num_patches: list[int] = []

    def __call__(self, waveform: np.ndarray) -> tuple:
        pytest.fail("heard one recording alone")

    def from_patches(self, patches: tf.Tensor) -> tuple:
        self.num_patches.append(len(patches))
        return self.model.from_patches(patches)


def test_patches_of_many_recordings_come_in_one_batch_of_bounded_size() -> None:
    yamnet = CountingPatches()
    AudioSequences(yamnet)(sounds_of([80_000] * 7 + [LONGER_THAN_A_BATCH]))
    assert yamnet.num_patches == [60, 10, 64, 3]


def test_recordings_for_a_saved_model_are_joined_up_to_a_batch(
    hub_like: Yamnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_pieces = []
    embed_joined = audio_batches._embed_joined

    def counting(yamnet: Yamnet, pieces: list[np.ndarray]) -> np.ndarray:
        num_pieces.append(len(pieces))
        return embed_joined(yamnet, pieces)

    sequences = AudioSequences(hub_like)
    assert sequences.windows_per_call == WINDOWS_PER_BATCH
    monkeypatch.setattr(audio_batches, "_embed_joined", counting)
    sequences(sounds_of([80_000] * 13))
    assert num_pieces == [6, 6, 1]


def by_peak(waveform: tf.Tensor) -> tf.Tensor:
    return waveform / tf.reduce_max(tf.abs(waveform))


def less_its_mean(waveform: tf.Tensor) -> tf.Tensor:
    return waveform - tf.reduce_mean(waveform)


def echoing(waveform: tf.Tensor) -> tf.Tensor:
    return waveform + tf.roll(waveform, 3 * PATCH_HOP_SAMPLES, axis=0)


def twice_as_slow(waveform: tf.Tensor) -> tf.Tensor:
    return tf.repeat(waveform, 2)


@pytest.mark.parametrize("change", [by_peak, less_its_mean, echoing, twice_as_slow])
def test_a_model_whose_frames_hear_more_than_their_window_hears_sounds_one_by_one(
    change: Callable[[tf.Tensor], tf.Tensor],
) -> None:
    class Loudness(tf.Module):
        """Unlike LogMelFeatures, the embeddings tell how loud a patch is."""

        def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, ...]:
            patches, log_mel = log_mel_patches(waveform)
            flat = tf.reshape(patches[:, :16], [-1, 1024])
            return tf.zeros([len(patches), 521]), flat, log_mel

    yamnet = WaveformOnly(Loudness(), change)
    assert AudioSequences(yamnet).windows_per_call == 1
    check_equal_to_one_by_one(yamnet, sounds_of([20_000, 40_000]))


def test_a_plain_callable_hears_sounds_one_by_one() -> None:
    lengths = []
    stand_in = LogMelFeatures()

    def yamnet(waveform: np.ndarray) -> tuple:
        lengths.append(len(waveform))
        return stand_in(waveform)

    sequences = AudioSequences(yamnet)
    assert sequences.windows_per_call == 1
    sequences(sounds_of([20_000, 9000]))
    assert lengths == [20_000, 9000]


def test_patches_that_become_something_else_are_refused() -> None:
    class NoYamnet(CountingPatches):
        def from_patches(self, patches: tf.Tensor) -> tuple:
            return tf.zeros([1, 521]), tf.zeros([1, 7])

    message = r"Expected a yamnet that gives embeddings \[4, 1024\] .* received \[1, 7\]"
    with pytest.raises(ValueError, match=message):
        AudioSequences(NoYamnet())(sounds_of([35_000]))


@pytest.mark.weights
@pytest.mark.parametrize("name", ["yamnet", "yamnet.h5"])
def test_the_genuine_yamnet_hears_many_as_it_hears_one(weights_dir: Path, name: str) -> None:
    yamnet = load_yamnet(weights_dir / name)
    assert AudioSequences(yamnet).windows_per_call == WINDOWS_PER_BATCH
    check_equal_to_one_by_one(yamnet, sounds_of([*BORDERS, LONGER_THAN_A_BATCH, *BORDERS]))
