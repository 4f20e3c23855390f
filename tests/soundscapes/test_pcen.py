"""Per-channel energy normalisation is librosa's, and can be trained."""

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from soundscapes import Pcen

RATE_HZ, HOP_SAMPLES = 32_000, 512
HOP_SECONDS = HOP_SAMPLES / RATE_HZ


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Decibels with silence, steps and steady noise."""
    rng = np.random.default_rng(0)
    rows = rng.normal(-40, 8, (2, 400, 6))
    rows[:, 100:120] += 50
    rows[0, 200:250] = -100
    return rows.astype(np.float32)


@pytest.mark.parametrize(
    "options",
    [{}, {"gain": 0.8, "bias": 10.0, "power": 0.25, "time_constant_seconds": 0.06}, {"eps": 1e-3}],
)
@pytest.mark.parametrize("length", [400, None])
def test_it_is_librosas_of_each_clip(rows, options, length):
    frames = keras.Input((length, 6))
    model = keras.Model(frames, Pcen(HOP_SECONDS, **options)(frames))
    told = {key.replace("_seconds", ""): value for key, value in options.items()}
    for ours, decibels in zip(model(rows), rows, strict=True):
        power = 2.0**31 * 10 ** (decibels.T.astype(np.float64) / 10)
        expected = librosa.pcen(power, sr=RATE_HZ, hop_length=HOP_SAMPLES, **told)
        np.testing.assert_allclose(ours, expected.T, rtol=1e-4, atol=1e-4)


def test_padding_is_zero_and_changes_nothing_before_it(rows):
    padded = np.pad(rows, ((0, 0), (0, 30), (0, 0)))
    heard = Pcen(HOP_SECONDS)(padded).numpy()
    np.testing.assert_allclose(heard[:, :-30], Pcen(HOP_SECONDS)(rows), rtol=1e-5, atol=1e-6)
    assert not heard[:, -30:].any()


def test_gradients_are_finite_down_to_silence(rows):
    layer, frames = Pcen(HOP_SECONDS, learns=True), tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(frames)
        total = tf.reduce_sum(layer(frames))
    gradients = tape.gradient(total, [frames, *layer.trainable_variables])
    assert len(gradients) == 4
    assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)


def test_it_learns_only_where_asked_and_is_saved_with_what_it_learnt(rows, tmp_path):
    fixed = Pcen(HOP_SECONDS)
    fixed.build(rows.shape)
    assert not fixed.trainable_variables
    frames = keras.Input((None, 6))
    model = keras.Model(frames, Pcen(HOP_SECONDS, learns=True, name="pcen")(frames))
    model.get_layer("pcen").log_gain.assign(np.full(6, -0.5))
    model.save(tmp_path / "pcen.keras")
    loaded = keras.saving.load_model(tmp_path / "pcen.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(rows), model(rows))


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"gain \(at most 1\).* received 0.016, 1.1, 2, "):
        Pcen(HOP_SECONDS, gain=1.1)
