"""No window comes twice: an index refuses an id that it is given twice."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from archives.embed.archive import Archive
from archives.embed.embed_archive import embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.settings import ArchiveSettings
from inference import Embedder
from media import save_waveform
from tests.archives.embed.conftest import RATE, tone

WHOLE_PIECES = 63 * 0.48 + 0.975
"""So long is a recording of which the last piece for YAMNet is as full as all others: 64 frames."""


def starts_of(embedder: Embedder, folder: Path, seconds: float, cut: ArchiveSettings):
    save_waveform(folder / "wren.wav", tone(seconds), RATE)
    out = folder / "out"
    embed_archive(embedder, [folder / "wren.wav"], out, settings=cut, decoding=Decoding(0))
    return [one["start_seconds"] for _, _, told in Archive(out).batches() for one in told]


@pytest.mark.parametrize("seconds", [WHOLE_PIECES, WHOLE_PIECES + 64 * 0.48, 31.0])
def test_the_window_at_the_end_comes_once_wherever_the_sound_ends(embedder, tmp_path, seconds):
    starts = starts_of(embedder, tmp_path, seconds, ArchiveSettings(2.0, 1.0))
    assert max(Counter(starts).values()) == 1


@pytest.mark.parametrize("hop_seconds", [1e-300, 0.01, 0.25, 0.48])
def test_a_hop_shorter_than_a_frame_gives_a_window_at_every_frame(embedder, tmp_path, hop_seconds):
    starts = starts_of(embedder, tmp_path, 4.0, ArchiveSettings(1.0, hop_seconds))
    np.testing.assert_allclose(starts, 0.48 * np.arange(len(starts)), atol=1e-9)
    assert len(starts) > 5


def test_a_window_shorter_than_a_frame_says_how_much_is_heard(embedder, tmp_path):
    save_waveform(tmp_path / "wren.wav", tone(4.0), RATE)
    cut = ArchiveSettings(0.1, 0.05)
    embed_archive(embedder, [tmp_path / "wren.wav"], tmp_path, settings=cut, decoding=Decoding(0))
    [(_, _, told)] = Archive(tmp_path).batches()
    heard = [one["end_seconds"] - one["start_seconds"] for one in told[:-1]]
    np.testing.assert_allclose(heard, 0.96, atol=1e-9)
