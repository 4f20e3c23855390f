"""What is said of a source in the end: its status, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from archives.embed.decode_source import FilmEnded
from archives.embed.embedding_rows import Place
from archives.embed.file_rows import Skipped, Status
from fused_encoder.front_ends.audio_sequence import MIN_SECONDS
from media import SoundOutcome

_FAULTS: dict[str, tuple[Status, str]] = {
    "non_finite": (
        "non_finite",
        "no window is without NaN or infinite samples. Export it again from its source.",
    ),
    "clipped": (
        "unreadable",
        "clipped throughout: the recorder's gain was too high for what it heard. Leave it out, or allow "
        "more (--max-clipped-share).",
    ),
    "silent": (
        "silent",
        "digital silence throughout: every sample is the same. Check the recorder's microphone.",
    ),
}


@dataclass
class Seen:
    """What was noticed of a source on its way.

    Attributes:
        kind: image, recording, pair or video.
        sound: how its sound ended; None without sound, or where it broke off.
        film: how its frames ended; None where it has none, or broke off.
        failure: why its decoder broke off; None where it did not.
        has_crashed: whether that was because the decoder died or hung.
        skipped: stretches of sound that were not embedded.
        notes: what else is to be known.
        refused: what the encoder gave no embedding of unit length for.
        num_black: int, moments with neither light nor sound.
        num_embeddings: int.
        heard_seconds: float, of sound.
        is_too_short: whether there is less sound than YAMNet can make sense of.
    """

    kind: str
    sound: SoundOutcome | None = None
    film: FilmEnded | None = None
    failure: str | None = None
    has_crashed: bool = False
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[Place] = field(default_factory=list)
    num_black: int = 0
    num_embeddings: int = 0
    heard_seconds: float = 0.0
    is_too_short: bool = False

    @property
    def decoded_seconds(self) -> float:
        """Of film, or of sound."""
        return self.film.decoded_seconds if self.film else self.heard_seconds

    @property
    def expected_seconds(self) -> float | None:
        """Of film, or of sound, as the header announces; None where it does not."""
        ended = self.film or self.sound
        return ended.expected_seconds if ended else None


def verdict_of(seen: Seen) -> tuple[Status, str | None]:
    """The status of a source, and the reason where it is not "ok".

    Args:
        seen: when everything of it was embedded that can be.
    """
    if seen.has_crashed:
        return "crashed", seen.failure
    if seen.num_embeddings:
        reason = _what_is_lost(seen)
        return ("partial", reason) if reason else ("ok", None)
    if seen.failure is not None:
        return "unreadable", seen.failure
    return _nothing(seen)


def _what_is_lost(seen: Seen) -> str | None:
    lost = [seen.failure] if seen.failure else []
    if seen.film and seen.film.damage:
        lost.append(seen.film.damage)
    if seen.sound and seen.sound.damage:
        damage = seen.sound.damage
        lost.append(f"its sound: {damage}" if seen.kind == "video" else damage)
    lost += [
        f"NaN or infinite samples between {stretch.start_seconds:.2f} and {stretch.end_seconds:.2f} s"
        for stretch in seen.skipped
        if stretch.reason == "non_finite"
    ]
    if seen.refused:
        lost.append(
            f"the encoder gives no embedding for {len(seen.refused)} of its windows or moments"
        )
    return "; ".join(lost) or None


def _nothing(seen: Seen) -> tuple[Status, str]:
    """Nothing could be embedded of what was decoded well."""
    damage = f" It is damaged too: {seen.sound.damage}." if seen.sound and seen.sound.damage else ""
    if seen.refused:
        return (
            "unreadable",
            "the encoder gives no embedding for it, as if there were nothing in it." + damage,
        )
    if seen.kind == "video":
        return "unreadable", f"all {seen.num_black} frames are black, without sound around them."
    if seen.is_too_short:
        held = f"it holds {seen.heard_seconds:.4f} s of sound, expected at least {MIN_SECONDS} s."
        return "too_short", held + damage
    found = {stretch.reason for stretch in seen.skipped}
    status, reason = next(_FAULTS[fault] for fault in _FAULTS if fault in found)
    return status, reason + damage
