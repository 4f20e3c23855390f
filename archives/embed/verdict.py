"""What is said of a source in the end: its status, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from archives.embed.decode_source import FilmEnded
from archives.embed.rows import Skipped, Status
from archives.embed.sources import Kind
from media import SoundOutcome

_FAULTS: dict[str, tuple[Status, str]] = {
    "non_finite": (
        "non_finite",
        "no window is without NaN or infinite samples. Export it again from its source.",
    ),
    "clipped": (
        "unreadable",
        "clipped throughout: the recorder's gain was too high. Leave it out, or allow more "
        "(--max-clipped-share).",
    ),
    "silent": (
        "silent",
        "digital silence throughout: every sample is the same. Check the recorder's microphone.",
    ),
}


@dataclass
class Findings:
    """What was noticed of a source while it was embedded."""

    kind: Kind
    min_seconds: float  # of sound that the front end takes
    sound: SoundOutcome | None = None
    film: FilmEnded | None = None
    failure: str | None = None  # why its decoder broke off
    has_crashed: bool = False  # and whether that was because it died or hung
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_refused: int = 0  # items that the encoder gave no embedding of unit length for
    num_black: int = 0  # moments with neither light nor sound
    sound_seconds: float = 0.0  # decoded

    def skip(self, start_seconds: float, end_seconds: float, reason: str) -> None:
        """Notes a stretch that is not embedded; stretches that follow each other become one."""
        last = self.skipped[-1] if self.skipped else None
        if last and last.reason == reason and start_seconds <= last.end_seconds:
            start_seconds = self.skipped.pop().start_seconds
        self.skipped.append(Skipped(start_seconds, end_seconds, reason))


def verdict_of(found: Findings, num_embeddings: int) -> tuple[Status, str | None]:
    """The status of a source, and the reason where it is not "ok".

    Args:
        found: when everything of it was embedded that can be.
        num_embeddings: int, how many it gave.
    """
    if found.has_crashed:
        return "crashed", found.failure
    if num_embeddings:
        reason = _what_is_lost(found)
        return ("partial", reason) if reason else ("ok", None)
    if found.failure is not None:
        return "unreadable", found.failure
    return _why_nothing(found)


def _what_is_lost(found: Findings) -> str | None:
    lost = [found.failure] if found.failure else []
    if found.film and found.film.damage:
        lost.append(found.film.damage)
    if found.sound and found.sound.damage:
        damage = found.sound.damage
        lost.append(f"its sound: {damage}" if found.kind == "video" else damage)
    lost += [
        f"NaN or infinite samples between {stretch.start_seconds:.2f} and {stretch.end_seconds:.2f} s"
        for stretch in found.skipped
        if stretch.reason == "non_finite"
    ]
    if found.num_refused:
        lost.append(
            f"the encoder gives no embedding for {found.num_refused} of its windows or moments"
        )
    return "; ".join(lost) or None


def _why_nothing(found: Findings) -> tuple[Status, str]:
    """Nothing could be embedded of what was decoded well."""
    sound = found.sound
    damage = f" It is damaged too: {sound.damage}." if sound and sound.damage else ""
    if found.num_refused:
        return "unreadable", f"the encoder gives no embedding for it.{damage}"
    if found.kind == "video":
        return "unreadable", f"all {found.num_black} frames are black, without sound around them."
    if found.sound_seconds < found.min_seconds:
        return "too_short", (
            f"it holds {found.sound_seconds:.4f} s of sound, expected at least "
            f"{found.min_seconds:g} s.{damage}"
        )
    reasons = {stretch.reason for stretch in found.skipped}
    status, reason = next(_FAULTS[fault] for fault in _FAULTS if fault in reasons)
    return status, reason + damage
