import numpy as np
import pytest

from media import mix_down

NOISE = np.random.default_rng(0).standard_normal((8000, 6)).astype(np.float32)


def test_ordinary_stereo_is_averaged(caplog: pytest.LogCaptureFixture) -> None:
    np.testing.assert_allclose(mix_down(NOISE[:, :2]), NOISE[:, :2].mean(axis=1), atol=1e-6)
    assert not caplog.records


@pytest.mark.parametrize("num_channels", range(1, 7))
def test_the_mean_is_numpys_to_the_last_bit(num_channels: int) -> None:
    samples = NOISE[:, :num_channels]
    np.testing.assert_array_equal(mix_down(samples), samples.mean(axis=1))


@pytest.mark.parametrize("num_channels", [1, 2, 3, 6])
def test_unrelated_channels_are_no_reason_to_worry(
    caplog: pytest.LogCaptureFixture, num_channels: int
) -> None:
    mixed = mix_down(NOISE[:, :num_channels])
    np.testing.assert_allclose(mixed, NOISE[:, :num_channels].mean(axis=1), atol=1e-6)
    assert not caplog.records


def test_opposite_polarity_gives_the_louder_channel_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = NOISE[:, 0]
    mixed = mix_down(np.stack([0.8 * call, -call], axis=1), source="'wren.wav'")
    np.testing.assert_array_equal(mixed, -call)
    assert "The 2 channels of 'wren.wav' cancel when mixed" in caplog.text
    assert "using channel 2 alone" in caplog.text


def test_opposite_polarity_under_noise_is_noticed_too(caplog: pytest.LogCaptureFixture) -> None:
    call = 2 * NOISE[:, 0]
    mix_down(np.stack([call + NOISE[:, 1], -call + NOISE[:, 2]], axis=1))
    assert "cancel" in caplog.text


def test_one_channel_alone_of_six_survives(caplog: pytest.LogCaptureFixture) -> None:
    surround = np.zeros((8000, 6), dtype=np.float32)
    surround[:, 2] = NOISE[:, 0]
    np.testing.assert_allclose(mix_down(surround), NOISE[:, 0] / 6, atol=1e-6)
    assert not caplog.records


def test_silence_stays_silence(caplog: pytest.LogCaptureFixture) -> None:
    assert not mix_down(np.zeros((100, 2))).any()
    assert not caplog.records


def test_mono_passes_and_other_shapes_are_refused() -> None:
    np.testing.assert_array_equal(mix_down(NOISE[:, 0]), NOISE[:, 0])
    with pytest.raises(ValueError, match=r"received \[2, 3, 4\]"):
        mix_down(np.zeros((2, 3, 4)))
