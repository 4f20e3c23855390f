"""The pairs that a caller asks to embed: checked, decoded one by one, and what cannot be used listed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fused_encoder.front_ends.no_sound import REFUSAL as NO_EARS
from fused_encoder.photo import prepare_photo
from media import PhotoBox, UnreadableMediaError, load_image


@dataclass(frozen=True)
class PhotoCrop:
    """An animal in a photo on disk: `box` is left, top, width and height in pixels; a margin is added."""

    path: Path
    box: PhotoBox


Image = str | Path | np.ndarray | PhotoCrop
Recording = str | Path | np.ndarray
NO_EYES = (
    "This encoder was trained on recordings only: it cannot embed photos. Leave them out, or train one with "
    "photos."
)
Pair = tuple[Image | None, Recording | None]


@dataclass(frozen=True)
class SkippedPair:
    """A pair that could not be embedded: where it stands in the lists, and what is wrong with which file."""

    position: int
    path: Path
    reason: str


def paired(
    images: Sequence[Image | None] | None, recordings: Sequence[Recording | None] | None
) -> list[Pair]:
    """The two lists side by side; ValueError where they do not fit, or a pair has neither."""
    if images is None and recordings is None:
        raise ValueError("Expected images, recordings or both, received neither.")
    for name, value in (("images", images), ("recordings", recordings)):
        if isinstance(value, str | Path):
            raise ValueError(f"Expected a list of {name}, received the single path '{value}'.")
    photos = list(images) if images is not None else [None] * len(recordings or ())
    sounds = list(recordings) if recordings is not None else [None] * len(photos)
    if len(photos) != len(sounds):
        raise ValueError(
            f"Expected as many images as recordings, received {len(photos)} and {len(sounds)}. "
            "Put None where a pair has no photo or no recording."
        )
    pairs = list(zip(photos, sounds, strict=True))
    empty = [i for i, (image, recording) in enumerate(pairs) if image is None and recording is None]
    if empty:
        raise ValueError(f"Pairs {empty[:10]} have neither a photo nor a recording.")
    return pairs


def refuse_untrained(pairs: Sequence[Pair], *, sees: bool, hears: bool) -> None:
    """Refuses photos, or recordings, that an encoder was not trained on.

    Raises:
        ValueError: a pair has such a file.
    """
    if not hears and any(recording is not None for _, recording in pairs):
        raise ValueError(NO_EARS)
    if not sees and any(image is not None for image, _ in pairs):
        raise ValueError(NO_EYES)


def decode_pairs(
    pairs: Sequence[Pair],
    load_sequence: Callable[[Recording], np.ndarray],
    skipped: list[SkippedPair],
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray | None]]:
    """Position, photo and audio sequence of each pair from `paired` that can be used, one after the other.

    Args:
        pairs: of photos and recordings.
        load_sequence: gives the audio sequence of a recording, float32 [num_frames, size].
        skipped: gets the pairs that cannot be used.
    """
    for position, (image, recording) in enumerate(pairs):
        current = image
        try:
            photo = None if image is None else _load_photo(image)
            current = recording
            yield position, photo, None if recording is None else load_sequence(recording)
        except UnreadableMediaError as error:
            skipped.append(SkippedPair(position, error.path, error.reason))
        except FileNotFoundError:
            skipped.append(
                SkippedPair(position, _path_of(current, position), "there is no such file")
            )
        except ValueError as error:  # silent, too short, not finite
            skipped.append(SkippedPair(position, _path_of(current, position), str(error)))


def _path_of(item: Image | Recording | None, position: int) -> Path:
    if isinstance(item, PhotoCrop):
        return item.path
    return Path(item) if isinstance(item, str | Path) else Path(f"pair {position}")


def _load_photo(image: Image) -> np.ndarray:
    if isinstance(image, PhotoCrop):
        return prepare_photo(load_image(image.path, image.box))
    return prepare_photo(image if isinstance(image, np.ndarray) else load_image(image))
