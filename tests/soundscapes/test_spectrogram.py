"""Mel spectrograms are librosa's, whatever the batch, the padding and the length."""

from dataclasses import asdict

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from fused_encoder.front_ends.sequences import audio_sequences_in_graph
from soundscapes import MelSettings, MelSpectrogram, mel_front_end, spectrogram

PUBLISHED = MelSettings()
OTHERS = [
    MelSettings(mel_scale="htk", max_hz=12_000.0),
    MelSettings(sample_rate_hz=22_050, num_bands=64, fft_lengths=(1024,), hop_samples=320),
    MelSettings(num_bands=48, fft_lengths=(4096, 1024, 2048)),
]


def sounds(num_samples: int, num: int = 2) -> np.ndarray:
    """A loud chirp in hiss, and the same 60 dB below."""
    rng = np.random.default_rng(num_samples)
    time = np.arange(num_samples) / num_samples
    chirp = 0.5 * np.sin(1000 * time + 4000 * time**2) + rng.normal(0, 0.01, (num, num_samples))
    return (chirp * 10.0 ** (-3 * np.arange(num))[:, None]).astype(np.float32)


def by_librosa(waveform: np.ndarray, settings: MelSettings, *, center: bool) -> np.ndarray:
    scales = []
    for length in settings.fft_lengths:
        margin = 0 if center else (settings.window_samples - length) // 2
        power = librosa.feature.melspectrogram(
            y=waveform[margin : len(waveform) - margin],
            sr=settings.sample_rate_hz,
            n_fft=length,
            hop_length=settings.hop_samples,
            n_mels=settings.num_bands,
            fmin=settings.min_hz,
            fmax=settings.highest_hz,
            htk=settings.mel_scale == "htk",
            center=center,
            pad_mode="constant",
        )
        scales.append(librosa.power_to_db(power, top_db=None))
    return np.concatenate(scales).T


@pytest.mark.parametrize("settings", [PUBLISHED, *OTHERS])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_rows_are_librosas_of_each_waveform_alone(settings, padding):
    waveforms = sounds(2 * settings.sample_rate_hz + 77)
    layer = MelSpectrogram(padding=padding, **asdict(settings))
    rows = layer(waveforms).numpy()
    assert rows.shape == layer.compute_output_shape(waveforms.shape)
    for row, waveform in zip(rows, waveforms, strict=True):
        expected = by_librosa(waveform, settings, center=padding == "same")
        np.testing.assert_allclose(row, expected, atol=0.02)


def test_five_seconds_have_the_published_shape_and_silence_is_100_db_below():
    rows = MelSpectrogram()(np.zeros((1, 160_000), np.float32)).numpy()
    assert rows.shape == (1, 313, 128)
    np.testing.assert_allclose(rows, spectrogram.SILENCE_DB, atol=1e-4)


def test_a_model_with_the_layer_takes_any_length_and_is_saved_and_loaded(tmp_path):
    waveform = keras.Input((None,))
    layer = MelSpectrogram(**asdict(OTHERS[2]), padding="valid")
    model = keras.Model(waveform, layer(waveform))
    model.save(tmp_path / "ears.keras")
    loaded = keras.saving.load_model(tmp_path / "ears.keras", safe_mode=True)
    for num_samples in (20_000, 4096, 4095, 10):
        rows = loaded(sounds(num_samples)).numpy()
        assert rows.shape == (2, max(1 + (num_samples - 4096) // 512, 0), 144)
        np.testing.assert_array_equal(rows, model(sounds(num_samples)))


def test_mixed_precision_does_not_touch_decibels():
    waveforms = sounds(8000)
    exact = MelSpectrogram()(waveforms)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        np.testing.assert_array_equal(MelSpectrogram()(waveforms), exact)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"max_hz": 20_000.0}, r"half the sample rate \(16000 Hz\), received 20 and 20000"),
        ({"fft_lengths": (1023,)}, r"expected even fft_lengths, received \(1023,\)"),
        ({"fft_lengths": (256, 2048)}, r"to the shortest window \(256 samples\), received 512"),
        ({"num_bands": 0}, "num_bands of at least 1, received 32000 and 0"),
        ({"mel_scale": "bark"}, "expected mel_scale 'slaney' or 'htk', received 'bark'"),
        ({"fft_lengths": (512,)}, r"hold no frequency of a window of 512 samples \(these are 62.5"),
        ({"padding": "full"}, "Expected padding 'same' or 'valid', received 'full'"),
    ],
)
def test_settings_that_make_no_spectrogram_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        MelSpectrogram(**wrong)


@pytest.fixture(scope="module")
def front_end():
    return mel_front_end(OTHERS[2])


def test_frames_of_the_front_end_are_rows_and_no_sound_is_lost(front_end, monkeypatch):
    layer = MelSpectrogram(padding="valid", **asdict(OTHERS[2]))
    for num_samples in (3500, 4096, 4097, 40_000):
        (waveform,) = sounds(num_samples, 1)
        frames = front_end(waveform)
        num_frames = front_end.frames_in_samples(num_samples)
        padded = np.pad(waveform, (0, 4096 + (num_frames - 1) * 512 - num_samples))
        assert frames.shape == (num_frames, front_end.embedding_size)
        np.testing.assert_allclose(frames, layer(padded[None])[0], atol=1e-3)


def test_long_sound_is_worked_on_piece_by_piece_without_a_seam(front_end, monkeypatch):
    (waveform,) = sounds(100_000, 1)
    monkeypatch.setattr(spectrogram, "ROWS_PER_BATCH", 50)
    np.testing.assert_allclose(mel_front_end(OTHERS[2])(waveform), front_end(waveform), atol=1e-3)


def test_the_fingerprint_names_the_settings(front_end):
    def with_(**other: object) -> MelSettings:
        return MelSettings(**asdict(OTHERS[2]) | other)

    assert with_(min_hz=20, max_hz=16_000).fingerprint == front_end.fingerprint
    others = ({"min_hz": 20.1}, {"max_hz": 15e3}, {"mel_scale": "htk"}, {"fft_lengths": [4096]})
    names = {with_(**other).fingerprint for other in others}
    assert len(names | {front_end.fingerprint}) == 5


def test_the_front_end_is_exported_inside_a_graph(front_end, tmp_path):
    waveforms = np.pad(sounds(30_000), ((0, 0), (0, 5000)))
    module = tf.Module()
    module.front_end = front_end.module
    module.hear = tf.function(
        lambda waveforms: audio_sequences_in_graph(front_end, waveforms),
        input_signature=[tf.TensorSpec([None, None], tf.float32)],
    )
    tf.saved_model.save(module, tmp_path / "hears")
    frames = tf.saved_model.load(tmp_path / "hears").hear(waveforms)
    np.testing.assert_allclose(frames[1], front_end(waveforms[1]), atol=1e-3)
