import logging
from dataclasses import asdict

import numpy as np
import pytest

from media import save_waveform
from soundscapes import MelSpectrogram
from student import StudentHearing


def _tone(hz: float, seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
        "float32"
    )


def test_files_of_any_rate_are_resampled_and_give_the_same_inputs(tmp_path):
    hearing = StudentHearing()
    heard = []
    for rate in (24_000, 48_000, 96_000):
        save_waveform(tmp_path / f"{rate}.wav", _tone(3000, 5, rate), rate)
        heard.append(hearing.inputs(hearing.load(tmp_path / f"{rate}.wav")))
    for mel, features in heard:
        loudest = mel[0, 20:-20].mean(axis=0).argmax()
        assert loudest == heard[1][0][0, 20:-20].mean(axis=0).argmax()
        np.testing.assert_allclose(features[0, :4], heard[1][1][0, :4], rtol=0.02)


def test_rows_are_those_of_the_layer_that_an_export_may_hold():
    hearing = StudentHearing(clip_seconds=1.0)
    clips = np.random.default_rng(0).normal(0, 0.1, (2, hearing.clip_samples)).astype("float32")
    layer = MelSpectrogram(padding="same", **asdict(hearing.mel_settings))
    mel, _ = hearing.clip_inputs(clips)
    assert mel.shape == (2, hearing.num_rows, hearing.num_bands)
    np.testing.assert_allclose(mel, layer(clips), atol=0.01)


def test_a_band_above_half_the_rate_is_refused_with_the_rate_that_it_needs():
    with pytest.raises(ValueError, match=r"nothing above 8000 Hz\. Raise sample_rate_hz to 38000"):
        StudentHearing(sample_rate_hz=16_000, min_hz=3000, max_hz=19_000)


def test_or_the_band_is_clamped_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        hearing = StudentHearing(
            sample_rate_hz=16_000, min_hz=3000, max_hz=19_000, beyond_nyquist="clamp"
        )
    assert hearing.highest_hz == 8000
    assert "the band ends there" in caplog.text


def test_the_default_rate_carries_the_default_band_and_baleen_whales_too():
    hearing = StudentHearing()
    low, _ = hearing.inputs(_tone(30, 5, hearing.sample_rate_hz))
    high, _ = hearing.inputs(_tone(19_000, 5, hearing.sample_rate_hz))
    assert low[0, 100].argmax() < 2
    assert high[0, 100].argmax() > 56


@pytest.mark.parametrize(("seconds", "num_clips"), [(0.3, 1), (5.0, 1), (5.1, 2), (12.0, 3)])
def test_a_sound_of_any_length_is_cut_or_filled_to_whole_clips(seconds, num_clips):
    hearing = StudentHearing(sample_rate_hz=8000)
    waveform = _tone(440, seconds, 8000)
    clips = hearing.clips(waveform)
    assert clips.shape == (num_clips, 40_000)
    np.testing.assert_array_equal(
        clips[-1, -100:], np.resize(waveform, max(40_000, len(waveform)))[-100:]
    )


def test_settings_survive_json_and_name_themselves():
    hearing = StudentHearing(max_hz=20_000)
    assert StudentHearing.from_dict(hearing.to_dict()) == hearing
    assert hearing.fingerprint != StudentHearing().fingerprint
