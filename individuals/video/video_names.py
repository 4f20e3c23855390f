"""Which entry of a detection file is of which video: by their paths, never by the file name alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from individuals.video.listed_boxes import is_video_name

MAX_LISTED = 5


def match_videos(videos: Sequence[str | Path], names: Iterable[str], source: str) -> dict[str, str]:
    """The entry of each video.

    An entry is of a video if its path is the end of the video's: the entry `site/monday.mp4` is of
    `/data/site/monday.mp4`, and not of `/data/other/monday.mp4`. The other way round a path as it was
    given may be the end of one entry's, so that `monday.mp4`, given from within its folder, finds the
    entry `/card/site/monday.mp4`. A folder of frames may lack the video's extension.

    Args:
        videos: paths as given.
        names: the entries' paths; one empty name is the only video that the file is of.
        source: what the entries are of, for messages.
    Returns:
        The entry's path by the video's path as given.
    Raises:
        ValueError: videos that no entry or several entries are of, or entries that several videos are;
            all in one message.
    """
    listed = list(names)
    if listed == [""]:
        if len(videos) > 1:
            raise ValueError(
                f"{source} names no video, so that it can be of one only; received {len(videos)} videos. "
                "Give one at a time, or put frames into folders named after their videos."
            )
        return {str(video): "" for video in videos}
    listed = [name for name in listed if name]
    found: dict[str, str] = {}
    problems = []
    for video in videos:
        entries = _entries_of(video, listed)
        if len(entries) == 1:
            found[str(video)] = entries[0]
        else:
            problems.append(_problem(video, entries, listed))
    for entry in sorted(set(found.values())):
        takers = [video for video, name in found.items() if name == entry]
        if len(takers) > 1:
            problems.append(f"the entry '{entry}' fits {' and '.join(map(repr, takers))}")
    if problems:
        raise ValueError(
            f"{source} does not fit the videos:\n  - "
            + "\n  - ".join(problems)
            + "\nAn entry's path must be the end of the video's path; give videos with the folders that the "
            "file names, or leave those out that the detector has not seen."
        )
    return found


def _entries_of(video: str | Path, names: Sequence[str]) -> list[str]:
    given, whole = _parts(str(video)), _parts(str(Path(video).absolute()))
    ends = [name for name in names if _is_end(_parts(name), whole, name)]
    if ends:
        longest = max(len(_parts(name)) for name in ends)
        return [name for name in ends if len(_parts(name)) == longest]
    return [name for name in names if _is_end_of_entry(given, name)]


def _is_end(part: tuple[str, ...], whole: tuple[str, ...], name: str) -> bool:
    """Whether an entry's path is the end of a video's."""
    if len(part) > len(whole):
        return False
    end = whole[len(whole) - len(part) :]
    return part[:-1] == end[:-1] and _same_video(name, part[-1], end[-1])


def _is_end_of_entry(given: tuple[str, ...], name: str) -> bool:
    """Whether a video's path as given is the end of an entry's."""
    entry = _parts(name)
    if len(given) > len(entry):
        return False
    end = entry[len(entry) - len(given) :]
    return given[:-1] == end[:-1] and _same_video(name, end[-1], given[-1])


def _same_video(name: str, entry: str, video: str) -> bool:
    return entry == video or (not is_video_name(name) and entry == PurePosixPath(video).stem)


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path of any system, letters composed alike; `.` and `..` at the start dropped."""
    composed = unicodedata.normalize("NFC", path.replace("\\", "/"))
    parts = [part for part in composed.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    return tuple(parts)


def _problem(video: str | Path, entries: Sequence[str], names: Sequence[str]) -> str:
    if entries:
        return f"'{video}' may be any of {_listed(entries)}"
    alike = [name for name in names if name and _parts(name)[-1] == _parts(str(video))[-1]]
    if alike:
        return f"'{video}' is in none of its folders; the same file name is in {_listed(alike)}"
    return f"'{video}' is not in it; it has {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no video at all"
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(f"'{name}'" for name in names[:MAX_LISTED]) + more
