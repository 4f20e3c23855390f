"""Every kind of bad file gives what the table says, and no damage gives anything but ours."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import UnreadableMediaError, load_image
from tests.bad_inputs import KINDS, NO_EMBEDDING, Kind
from tests.bad_inputs.archive import write_archive
from tests.bad_inputs.checksums import with_right_checksums
from tests.bad_inputs.damage import DEEDS, Damage, damaged, good_files
from tests.bad_inputs.reader import Reader
from tests.media.conftest import iter_moments, load_waveform, stream_waveform

TOO_SHORT_SAMPLES = 1600
ENCODED = {".m4a", ".mp4", ".mka", ".mkv", ".avi"}
GOOD_FILES = good_files()


def of(*statuses: str, loads: bool) -> list:
    chosen = [kind for kind in KINDS if kind.status in statuses and kind.loads == loads]
    return [pytest.param(kind, id=kind.name) for kind in chosen]


RECORDINGS = [
    param
    for param in [
        *of("ok", "partial", "silent", "too_short", "unreadable", loads=True),
        *of("partial", "non_finite", loads=False),
    ]
    if param.values[0].medium == "recording"
]
HOLDING_STILL = {"digital_silence", "constant_voltage", "one_sample", "nan_throughout"}


def load(kind: Kind, path: Path) -> list[np.ndarray]:
    """The pixels or samples of a file, by the loader that its kind poses for."""
    if kind.medium == "photo":
        return [load_image(path)]
    if kind.medium == "recording":
        return [load_waveform(path)]
    moments = list(iter_moments(path, frames_per_second=5))
    return [m.frame for m in moments] + [m.waveform for m in moments if m.waveform is not None]


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Kind, Path]:
    kind: Kind = request.param
    if kind.name == "locked_photo" and os.geteuid() == 0:
        pytest.skip("nothing is locked for root")
    path = tmp_path / kind.file_name
    kind.write(path, np.random.default_rng(0))
    return kind, path


def test_there_are_many_kinds_and_each_has_a_name_of_its_own():
    assert len(KINDS) >= 40
    assert len({kind.name for kind in KINDS}) == len({kind.file_name for kind in KINDS})
    assert {kind.medium for kind in KINDS} == {"photo", "recording", "video"}


@pytest.mark.parametrize("made", of("ok", "partial", loads=True), indirect=True)
def test_what_has_a_good_part_is_loaded(made, caplog):
    kind, path = made
    for piece in load(kind, path):
        assert piece.size > 0
        assert np.isfinite(piece).all()
    assert kind.says in caplog.text
    assert ("is damaged" in caplog.text) == (kind.status == "partial")


@pytest.mark.parametrize("made", of("silent", "too_short", "unreadable", loads=True), indirect=True)
def test_what_holds_nothing_is_loaded_as_it_is(made):
    kind, path = made
    pieces = load(kind, path)
    assert kind.status != "silent" or len(np.unique(pieces[0])) == 1
    assert kind.status != "too_short" or len(pieces[0]) < TOO_SHORT_SAMPLES
    assert all(np.isfinite(piece).all() for piece in pieces)


@pytest.mark.parametrize("made", RECORDINGS, indirect=True)
def test_a_stream_is_finite_and_marks_what_is_wrong(made):
    kind, path = made
    with stream_waveform(path) as stream:
        blocks = list(stream)
    assert all(np.isfinite(block.waveform).all() for block in blocks)
    is_finite = np.concatenate([block.is_finite for block in blocks])
    is_changing = np.concatenate([block.is_changing for block in blocks])
    assert is_finite.all() == ("NaN" not in kind.says)
    assert is_changing.any() == (kind.name not in HOLDING_STILL)
    assert (stream.outcome.damage is not None) == (kind.status == "partial" and is_finite.all())


@pytest.mark.parametrize(
    "made", of("unreadable", "non_finite", "partial", "no row", loads=False), indirect=True
)
def test_what_cannot_be_used_is_refused_in_words(made):
    kind, path = made
    says = "does not exist" if kind.name == "dangling_link" else kind.says
    with pytest.raises((UnreadableMediaError, FileNotFoundError), match=re.escape(says)):
        load(kind, path)


# Not AAC, H.264 and Matroska: they do not always come to the same bytes.
@pytest.mark.parametrize(
    "kind",
    [p for p in of("ok", loads=True) if p.values[0].file_name[-4:] not in ENCODED],
)
def test_the_same_seed_gives_the_same_file(kind, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        kind.write(tmp_path / folder / kind.file_name, np.random.default_rng(7))
    contents = [(tmp_path / folder / kind.file_name).read_bytes() for folder in ("one", "two")]
    assert contents[0] == contents[1]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as process:
        yield process


DAMAGES = st.lists(
    st.builds(
        Damage,
        st.sampled_from(DEEDS),
        st.one_of(st.integers(0, 99), st.integers(0, 30_000)),
        st.integers(1, 1000),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("extension", GOOD_FILES)
@settings(max_examples=20)
@given(damages=DAMAGES, checksums_fit=st.booleans())
def test_any_damage_gives_something_sensible_or_a_refusal(
    reader, tmp_path, extension, damages, checksums_fit
):
    content = damaged(GOOD_FILES[extension], damages)
    path = tmp_path / f"fuzz{extension}"
    path.write_bytes(with_right_checksums(content) if checksums_fit else content)
    outcome = reader.read(path)
    assert not outcome.is_fault, outcome


def test_a_reader_that_dies_or_hangs_is_told_of_and_replaced(tmp_path):
    path = tmp_path / "good.wav"
    path.write_bytes(GOOD_FILES[".wav"])
    with Reader(time_limit_seconds=0.5) as process:
        os.kill(process.process_id, signal.SIGSEGV)
        assert (process.read(path).what, process.read(path).what) == ("died", "loaded")
        os.kill(process.process_id, signal.SIGSTOP)
        assert (process.read(path).what, process.read(path).what) == ("hung", "loaded")


def test_an_archive_holds_what_was_asked_for_and_nothing_else(tmp_path):
    fates = write_archive(tmp_path, num_good=60, num_bad=130, seed=1)
    found = [Path(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    assert sorted(found) == sorted(path for path, _ in fates)
    statuses = Counter(status for _, status in fates)
    assert statuses["ok"] == 60
    assert statuses.total() == 190
    assert set(statuses) - {"ok"} <= NO_EMBEDDING
    assert len({path.name for path in found}) < len(found)
