"""Tiles of a spectrogram are where and what the sound is, however they are cut."""

import numpy as np
import pytest

from app.web import spectrogram_tiles
from app.web.spectrogram_tiles import (
    FINEST_SECONDS,
    TILE_COLUMNS,
    TILE_ROWS,
    WINDOW_SAMPLES,
    spectrogram_shape,
    spectrogram_tile,
    tile_seconds,
)
from media import UnreadableMediaError, save_waveform

RATE = 22_050


def tone(seconds, hertz, rate=RATE, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def decibels(values):
    return -120 + (values.astype(float) - 1) * 120 / 254


def test_a_full_scale_tone_is_0_db_in_its_own_row(tmp_path):
    row = 60
    hertz = row * RATE / WINDOW_SAMPLES
    save_waveform(tmp_path / "tone.wav", tone(4, hertz, amplitude=0.999), RATE)
    shape = spectrogram_shape(tmp_path / "tone.wav")
    assert (shape.sample_rate_hz, shape.duration_seconds) == (RATE, 4)
    tile = spectrogram_tile(tmp_path / "tone.wav", shape, 0, 1)
    assert tile.shape == (TILE_ROWS, TILE_COLUMNS)
    assert (tile.argmax(axis=0) == TILE_ROWS - row).all()
    assert np.abs(decibels(tile.max(axis=0))).max() < 1  # at its edges, too


def test_a_tile_is_the_loudest_of_all_windows_in_each_column(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, 6 * RATE)
    save_waveform(tmp_path / "noise.wav", sound, RATE)
    shape = spectrogram_shape(tmp_path / "noise.wav")
    zoom = 2
    tile = spectrogram_tile(tmp_path / "noise.wav", shape, zoom, 0)
    read = np.round(np.clip(sound, -1, 1) * 32767) / 32768
    padded = np.pad(read, WINDOW_SAMPLES // 2)
    per_column = FINEST_SECONDS * 2**zoom * RATE
    hop = int(per_column)
    taper = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    expected = np.zeros((TILE_COLUMNS, TILE_ROWS))
    for start in range(0, int(TILE_COLUMNS * per_column), hop):
        power = np.abs(np.fft.rfft(padded[start : start + WINDOW_SAMPLES] * taper)[1:]) ** 2
        column = int(start / per_column)
        expected[column] = np.maximum(expected[column], power / (WINDOW_SAMPLES / 4) ** 2)
    inside = slice(0, TILE_COLUMNS - 1)  # the reference does not look past the tile's end
    wanted = 10 * np.log10(expected[inside, ::-1].T)
    assert np.abs(decibels(tile[:, inside]) - wanted).max() < 0.5


def test_silence_and_what_is_behind_the_end_are_0(tmp_path):
    sound = np.concatenate([tone(0.5, 2000, amplitude=0.5), np.zeros(RATE // 2)])
    save_waveform(tmp_path / "short.flac", sound, RATE)
    shape = spectrogram_shape(tmp_path / "short.flac")
    assert shape.num_zooms == 1
    tile = spectrogram_tile(tmp_path / "short.flac", shape, 0, 0)
    half = round(0.5 / FINEST_SECONDS)
    assert tile[:, : half - 6].any(axis=0).all()
    assert not tile[:, half + 6 :].any()


def test_an_overview_shows_a_call_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(spectrogram_tiles, "WHOLE_SECONDS", 1.0)
    sound = np.zeros(20 * RATE)
    sound[8 * RATE : 12 * RATE] = tone(4, 3000, amplitude=0.5)
    save_waveform(tmp_path / "long.wav", sound, RATE)
    shape = spectrogram_shape(tmp_path / "long.wav")
    zoom = shape.num_zooms - 1
    assert tile_seconds(zoom) >= 20
    tile = spectrogram_tile(tmp_path / "long.wav", shape, zoom, 0)
    heard = np.flatnonzero(tile.max(axis=0)) * FINEST_SECONDS * 2**zoom
    assert heard.min() == pytest.approx(8, abs=0.1)
    assert heard.max() == pytest.approx(12, abs=0.1)


def test_a_tile_that_is_not_there_and_a_file_that_is_no_sound_are_refused(tmp_path):
    save_waveform(tmp_path / "short.wav", tone(1, 500), RATE)
    shape = spectrogram_shape(tmp_path / "short.wav")
    with pytest.raises(ValueError, match="received zoom 0 and tile 1"):
        spectrogram_tile(tmp_path / "short.wav", shape, 0, 1)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(UnreadableMediaError):
        spectrogram_shape(tmp_path / "text.wav")
