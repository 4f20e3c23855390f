"""Which of photo and call an embedding was made of, and the patterns that pairs of them make."""

from typing import Literal, get_args

Modality = Literal["image", "audio", "fused"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


def pair_pattern(first: Modality, second: Modality) -> str:
    """The name of a pair by what each was made of, such as "image-fused", in either order; or ValueError."""
    unknown = [name for name in (first, second) if name not in MODALITIES]
    if unknown:
        raise ValueError(
            f"Unknown modality {unknown[0]!r}. Expected one of {', '.join(MODALITIES)}."
        )
    return "-".join(sorted((first, second), key=MODALITIES.index))


PAIR_PATTERNS = tuple(
    dict.fromkeys(pair_pattern(first, second) for first in MODALITIES for second in MODALITIES)
)
