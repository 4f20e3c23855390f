"""Embeddings that remember which encoder made them, and the checks that every room asks of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

UNIT_LENGTH_TOLERANCE = 1e-3


class Embeddings(np.ndarray):
    """A float32 array of embeddings that carries the fingerprint of its encoder.

    Slices, views and copies keep the fingerprint; the result of arithmetic is a plain array (a similarity
    is no embedding), and so is what `np.asarray` and `np.concatenate` give. Join with
    `concatenate_embeddings`. An index refuses embeddings of another fingerprint.

    Attributes:
        fingerprint: str, names the encoder and its weights; None where it is unknown.

    Example:
        >>> embeddings = Embeddings.of([[1.0, 0.0], [0.0, 1.0]], fingerprint="wren-1")
        >>> embeddings[:1].fingerprint
        'wren-1'
    """

    fingerprint: str | None

    @classmethod
    def of(cls, array: npt.ArrayLike, fingerprint: str | None = None) -> Embeddings:
        """Real numbers [num, size] or [size] as float32; a fingerprint that they carry is kept."""
        embeddings = np.asarray(array, dtype=np.float32).view(cls)
        embeddings.fingerprint = fingerprint or fingerprint_of(array)
        return embeddings

    def __array_finalize__(self, source: object) -> None:
        self.fingerprint = fingerprint_of(source)

    # NumPy's own method may return a scalar too, but its type stub does not say so.
    def __array_wrap__(  # type: ignore[override]
        self, array: np.ndarray, context: object = None, return_scalar: bool = False
    ) -> np.ndarray:
        return array[()] if return_scalar else array.view(np.ndarray)


def fingerprint_of(embeddings: object) -> str | None:
    """The fingerprint of the encoder that made these embeddings; None for a plain array."""
    return getattr(embeddings, "fingerprint", None)


def concatenate_embeddings(parts: Sequence[npt.ArrayLike]) -> Embeddings:
    """One array of all the parts, which must be of one encoder.

    Args:
        parts: at least one array, float32 [num, size], of one size. Plain arrays join any encoder's
            embeddings.
    Returns:
        Embeddings float32 [sum of num, size] with the one fingerprint that the parts carry.
    Raises:
        ValueError: no parts; or parts of several encoders.
    """
    if not parts:
        raise ValueError(
            "concatenate_embeddings expected at least one part, received none. "
            "Pass an empty array [0, size] where there is nothing yet."
        )
    fingerprints = sorted({fingerprint_of(part) or "" for part in parts} - {""})
    if len(fingerprints) > 1:
        raise ValueError(
            f"Embeddings of {len(fingerprints)} encoders cannot be joined: their similarities mean nothing. "
            f"Received the fingerprints {', '.join(fingerprints)}. Embed everything with one encoder."
        )
    joined = np.concatenate([np.asarray(part, dtype=np.float32) for part in parts])
    return Embeddings.of(joined, fingerprints[0] if fingerprints else None)


def check_embeddings(
    embeddings: npt.ArrayLike, *, name: str = "embeddings", names: Sequence[str] | None = None
) -> Embeddings:
    """The embeddings as float32 [num, size], or one message with everything that is wrong with them.

    Args:
        embeddings: float32 [num, size], finite, unit length along the last axis (within 1e-3).
        name: what the caller calls them, for the message.
        names: str [num], what the caller calls each row, likewise.
    Raises:
        TypeError: not numbers.
        ValueError: not two-dimensional, size 0, NaN or infinite values, or rows that are not of unit length.
    """
    checked = np.asarray(embeddings)
    if not (np.issubdtype(checked.dtype, np.floating) or np.issubdtype(checked.dtype, np.integer)):
        raise TypeError(
            f"{name} must be real numbers (float32 [num, size]), received dtype {checked.dtype}."
        )
    if checked.ndim != 2 or checked.shape[1] == 0:
        raise ValueError(
            f"{name} must have the shape [num, size], received {list(checked.shape)}. "
            "For a single embedding pass embedding[None]."
        )
    # einsum casts piece by piece: no second copy of a large array
    lengths = np.sqrt(np.einsum("ij,ij->i", checked, checked, dtype=np.float64, casting="unsafe"))
    not_finite = ~np.isfinite(lengths)
    not_unit = ~not_finite & (np.abs(lengths - 1) > UNIT_LENGTH_TOLERANCE)
    if not_finite.any() or not_unit.any():
        raise ValueError(_what_is_wrong(name, names, lengths, not_finite, not_unit))
    return Embeddings.of(checked, fingerprint_of(embeddings))


def _what_is_wrong(
    name: str,
    names: Sequence[str] | None,
    lengths: np.ndarray,
    not_finite: np.ndarray,
    not_unit: np.ndarray,
) -> str:
    problems = []
    if not_finite.any():
        rows = _listed(np.flatnonzero(not_finite), names)
        problems.append(
            f"NaN or infinite values in {not_finite.sum()} of {len(lengths)} rows of {name} ({rows}). "
            "Look at the inputs of these rows: an unreadable file or a diverged training gives NaN."
        )
    if not_unit.any():
        rows = _listed(np.flatnonzero(not_unit), names)
        problems.append(
            f"{not_unit.sum()} of {len(lengths)} rows of {name} are not of unit length ({rows}; the first "
            f"has length {lengths[not_unit][0]:.4g}). Divide each by its length: "
            "embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)."
        )
    return " ".join(problems)


def _listed(rows: np.ndarray, names: Sequence[str] | None, at_most: int = 5) -> str:
    shown = [
        f"row {row}" if names is None else f"row {row}, {names[row]!r}" for row in rows[:at_most]
    ]
    more = f"; and {len(rows) - at_most} more" if len(rows) > at_most else ""
    return "; ".join(shown) + more
