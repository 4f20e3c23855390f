"""The survey of an archive before any computing: what is there, what is broken, what is missing."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from tqdm.contrib.concurrent import thread_map

from archives.embed.sources import digest_of, walk_inputs
from archives.survey.clocks import with_clock_faults
from archives.survey.deep import decoded_files
from archives.survey.forecast import Forecast, forecast_of
from archives.survey.high_frequencies import UnheardShare, unheard_shares
from archives.survey.probe import probe_file
from archives.survey.records import SurveyedFile
from archives.survey.series import Series, series_of, with_overlaps
from media.errors import UnreadableMediaError

_SAMPLE_BYTES = 4096


@dataclass(frozen=True)
class Survey:
    """What an archive holds.

    Attributes:
        inputs: as given.
        files: every file, in the order of the walk.
        closed_folders: folders that could not be listed, and why.
        copies: groups of files with equal contents.
        same_names: groups of files in different folders with equal names.
        series: of recordings with clocks.
        unheard: what lies above YAMNet's range, by folder.
        forecast: what `embed` will make of it.
        is_deep: whether everything was decoded.
    """

    inputs: tuple[str, ...]
    files: tuple[SurveyedFile, ...]
    closed_folders: tuple[tuple[str, str], ...]
    copies: tuple[tuple[Path, ...], ...]
    same_names: tuple[tuple[Path, ...], ...]
    series: tuple[Series, ...]
    unheard: tuple[UnheardShare, ...]
    forecast: Forecast
    is_deep: bool

    @property
    def media(self) -> tuple[SurveyedFile, ...]:
        """Photos, recordings and videos, by their names."""
        return tuple(file for file in self.files if file.kind != "other")

    @property
    def faulty(self) -> tuple[SurveyedFile, ...]:
        """Files with something wrong."""
        return tuple(file for file in self.files if file.faults)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with any file or folder; missing nights are told, but are no file."""
        return not self.faulty and not self.closed_folders


def survey_archive(
    inputs: Sequence[str | Path],
    *,
    deep: bool = False,
    now: datetime | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Survey:
    """Looks at every file of folders, by headers only, and says what is there and what is wrong.

    Bad files and closed folders never end it. Equal contents are compared, and a sample of the recordings
    is listened to above YAMNet's range; all else is read from headers and names.

    Args:
        inputs: folders, or files.
        deep: also decode everything: finds damage, silence, clipping and NaN. Takes as long as decoding.
        now: with a time zone; what lies behind it is a wrong clock. Default: the computer's clock.
        seed: of the sample of recordings.
        progress: whether bars are shown on standard error.
    Raises:
        FileNotFoundError: an input is not there.
        ValueError: there is no photo, recording or video in them, by their names.
    """
    if missing := [str(given) for given in inputs if not Path(given).exists()]:
        raise FileNotFoundError(
            f"Not there: {', '.join(map(repr, missing))} (seen from '{Path.cwd()}'). Check the path."
        )
    closed: list[tuple[str, str]] = []
    walk = walk_inputs(inputs, refused=lambda path, why: closed.append((str(path), why)))
    paths = list(dict.fromkeys(walk))
    files = thread_map(
        probe_file, paths, desc="headers", unit="file", disable=not progress, leave=False
    )
    if not closed and all(file.kind == "other" for file in files):
        raise ValueError(
            f"No photo, recording or video in {', '.join(map(str, inputs))} ({len(files)} other files)."
            " Expected folders with files such as .jpg, .wav or .mp4."
        )
    if deep:
        files = decoded_files(files, progress=progress)
    copies = equal_contents(files)
    now = now or datetime.now(UTC)
    files = with_overlaps(
        [with_clock_faults(file, now) for file in files],
        {path for group in copies for path in group[1:]},
    )
    return Survey(
        inputs=tuple(map(str, inputs)),
        files=files,
        closed_folders=tuple(closed),
        copies=copies,
        same_names=equal_names(files),
        series=series_of(files),
        unheard=unheard_shares(files, seed=seed, progress=progress),
        forecast=forecast_of(files),
        is_deep=deep,
    )


def equal_contents(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files that hold the same bytes.

    Only files of equal size are opened, and only those read whole whose beginning, middle and end are
    equal too: all recordings of a season may be of one size. Empty files are left out.
    """
    groups = [[file for file in files if file.num_bytes and file.kind != "other"]]
    for key in (attrgetter("num_bytes"), _sample, lambda file: digest_of(file.path)):
        groups = [equal for group in groups for equal in _groups(group, key)]
    return _paths(groups)


def equal_names(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files in different folders whose names are equal (which is no error)."""
    media = [file for file in files if file.kind != "other"]
    return _paths(_groups(media, lambda file: file.path.name))


def _groups(
    files: Iterable[SurveyedFile], key: Callable[[SurveyedFile], Hashable]
) -> list[list[SurveyedFile]]:
    """The files with equal keys, two or more at a time; files that cannot be read equal nothing."""
    groups: dict[Hashable, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        try:
            groups[key(file)].append(file)
        except (OSError, UnreadableMediaError):  # told as unreadable already
            continue
    return [group for group in groups.values() if len(group) > 1]


def _paths(groups: Iterable[Iterable[SurveyedFile]]) -> tuple[tuple[Path, ...], ...]:
    return tuple(sorted(tuple(sorted(file.path for file in group)) for group in groups))


def _sample(file: SurveyedFile) -> bytes:
    with file.path.open("rb") as content:
        pieces = []
        for position in (0, file.num_bytes // 2, max(0, file.num_bytes - _SAMPLE_BYTES)):
            content.seek(position)
            pieces.append(content.read(_SAMPLE_BYTES))
    return b"".join(pieces)
