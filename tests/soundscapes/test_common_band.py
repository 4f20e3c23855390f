import numpy as np
import pytest

from media import save_waveform
from soundscapes import MelSettings, band_limited, lowest_sample_rate, scan_recordings
from soundscapes.common_band import mel_at_rate
from soundscapes.run import HearingSource
from tests.soundscapes.conftest import RATE, band_front_end, tone


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    root = tmp_path_factory.mktemp("rates")
    for name, rate in (("Robin", 8000), ("Wren", 4000)):
        (root / name).mkdir()
        for number in range(2):
            save_waveform(root / name / f"{number}.wav", tone(1.0, 500 + number, rate), rate)
    return scan_recordings(root)


def test_above_the_lowest_rate_nothing_is_heard_and_below_it_all(recordings):
    rate = lowest_sample_rate(recordings)
    whole, limited = band_front_end(), band_limited(band_front_end(), rate)
    both = tone(1.0, 700) + tone(1.0, 3500)
    assert rate == 4000
    assert whole(both)[:, 3].min() > 1  # log power of the highest quarter
    assert limited(both)[:, 3].max() < -1
    np.testing.assert_allclose(limited(both)[:, 0], whole(both)[:, 0], atol=0.02)


def test_it_is_another_front_end_unless_nothing_is_taken_from_it():
    front_end = band_front_end()
    assert band_limited(front_end, RATE) is front_end
    assert band_limited(front_end, 4000).fingerprint != front_end.fingerprint
    assert band_limited(front_end, 4000).fingerprint != band_limited(front_end, 2000).fingerprint


def test_spectrograms_keep_their_rows_and_bands_at_the_lower_rate(recordings):
    hearing = HearingSource("mel", MelSettings(fft_lengths=(1024, 2048))).in_common_band(recordings)
    assert hearing.mel.sample_rate_hz == 4000
    assert hearing.mel.highest_hz == 2000
    assert hearing.mel.size == 256
    assert hearing.mel.hop_samples / 4000 == pytest.approx(512 / 32_000)
    with pytest.raises(ValueError, match="min_hz"):
        mel_at_rate(MelSettings(min_hz=3000), 4000)


def test_a_run_remembers_its_band(recordings):
    hearing = HearingSource("log_mel").in_common_band(recordings)
    assert hearing.band_rate_hz == 4000
    assert hearing.load().fingerprint != HearingSource("log_mel").load().fingerprint
