"""A recording listened to from beginning to end: what of it decodes, and what is in it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from archives.survey.records import Decoded, FaultKind, SurveyedFile
from media import SoundOutcome, UnreadableMediaError, stream_waveform

_CLIPPED_SHARE = 0.001


@dataclass
class _Heard:
    """Cells of 10 ms so far: how many, how many not finite, whether any changes, how much is clipped."""

    num_cells: int = 0
    num_not_finite: int = 0
    is_changing: bool = False
    clipped_cells: float = 0.0


def listened_to(file: SurveyedFile) -> Generator[Decoded, None, SurveyedFile]:
    """The file with the faults that only decoding finds.

    Args:
        file: a recording that its header calls readable.

    Yields:
        Signs of life, as it is decoded.

    Returns:
        The file, with what was found.
    """
    heard = _Heard()
    try:
        outcome = yield from _listen(file, heard)
    except UnreadableMediaError as error:
        kind: FaultKind = "damaged" if heard.num_cells else "unreadable"
        return file.with_fault(kind, error.reason)
    if outcome.damage is not None and not file.has("truncated"):
        file = file.with_fault(
            "damaged", f"{outcome.damage}; {outcome.decoded_seconds:.1f} s can be used."
        )
    return _with_marks(file, heard)


def _listen(file: SurveyedFile, heard: _Heard) -> Generator[Decoded, None, SoundOutcome]:
    with stream_waveform(file.path) as stream:
        for block in stream:
            heard.num_cells += len(block.is_finite)
            heard.num_not_finite += int((~block.is_finite).sum())
            heard.is_changing |= bool(block.is_changing.any())
            heard.clipped_cells += float(block.clipped_share.sum())
            yield Decoded(len(block.is_finite) / 100)
    return stream.outcome


def _with_marks(file: SurveyedFile, heard: _Heard) -> SurveyedFile:
    if heard.num_not_finite == heard.num_cells:
        return file.with_fault("no_sound", "all of it is NaN or infinite. Export it again.")
    if heard.num_not_finite:
        seconds = heard.num_not_finite / 100
        file = file.with_fault(
            "non_finite", f"{seconds:.2f} s of it hold NaN or infinite samples. Export it again."
        )
    if not heard.is_changing:
        return file.with_fault(
            "silent", "digital silence from beginning to end: check the microphone."
        )
    if heard.clipped_cells > _CLIPPED_SHARE * heard.num_cells:
        share = 100 * heard.clipped_cells / heard.num_cells
        return file.with_fault("clipped", f"{share:.1f} % of it is clipped: lower the gain.")
    return file
