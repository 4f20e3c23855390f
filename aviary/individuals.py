"""What an individual is: its markings, its proportions and its voice, drawn from a seed."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aviary.seeds import generator_for
from aviary.species import Colour, Plumage, Shape, Species

NUM_LEVELS = 6
"""Individuals of one species that are all different: four known ones and two strangers."""

LOOK_ALIKES = {2: 0}
"""Individual 2 of each species wears the markings of individual 0, but for one small one."""
SOUND_ALIKES = {3: 1}
"""Individual 3 of each species sings the song of individual 1."""

Face = Literal["plain", "eye_ring", "brow", "eye_stripe", "cheek_patch", "moustache"]
Breast = Literal["plain", "few_spots", "many_spots", "streaks", "band", "blotch"]
Collar = Literal["none", "light", "dark", "light_nape", "dark_throat", "light_throat"]
TailMark = Literal["none", "light_band", "dark_tip", "light_tip", "dark_band", "two_bands"]

FACES: tuple[Face, ...] = ("plain", "eye_ring", "brow", "eye_stripe", "cheek_patch", "moustache")
BREASTS: tuple[Breast, ...] = ("plain", "few_spots", "many_spots", "streaks", "band", "blotch")
COLLARS: tuple[Collar, ...] = (
    "none", "light", "dark", "light_nape", "dark_throat", "light_throat",
)  # fmt: skip
TAIL_MARKS: tuple[TailMark, ...] = (
    "none", "light_band", "dark_tip", "light_tip", "dark_band", "two_bands",
)  # fmt: skip
WING_BARS: tuple[tuple[float, ...], ...] = (
    (), (0.34,), (0.62,), (0.30, 0.52), (0.48, 0.70), (0.26, 0.46, 0.66),
)  # fmt: skip
MOTIFS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2), (0, 0, 1), (2, 1, 1), (1, 2, 0, 0), (2, 2, 0), (1, 0, 1),
)  # fmt: skip
"""Orders in which the three syllables of a species are sung."""


@dataclass(frozen=True)
class Markings:
    """The patches by which an attentive eye tells an individual from its kin.

    Args:
        face, breast, collar, tail: which pattern each part wears.
        wing_bars: where light bars cross the folded wing, 0 (shoulder) to 1 (tip).
        spots: where breast spots sit: (forward, down, radius), in body lengths.
        has_epaulette: a small light dot on the bend of the wing.
    """

    face: Face
    breast: Breast
    collar: Collar
    tail: TailMark
    wing_bars: tuple[float, ...]
    spots: tuple[tuple[float, float, float], ...]
    has_epaulette: bool = False


@dataclass(frozen=True)
class Voice:
    """How an individual sings its species' syllables.

    Args:
        motif: order of the syllables in one phrase.
        pitch_semitones: offset of the whole voice from the species' pitch.
        syllable_semitones: a further offset of each of the three syllables.
        pace: tempo relative to the species, 1 is normal; larger is faster.
        gap_seconds: silence between syllables.
        brightness: level of the harmonics, 0 to 1.
    """

    motif: tuple[int, ...]
    pitch_semitones: float
    syllable_semitones: tuple[float, ...]
    pace: float
    gap_seconds: float
    brightness: float


@dataclass(frozen=True)
class Individual:
    """One bird: everything about it that does not change from photo to photo and song to song."""

    species: Species
    number: int
    shape: Shape
    plumage: Plumage
    markings: Markings
    voice: Voice

    @property
    def name(self) -> str:
        """The class folder's name, such as "ember_finch_02"."""
        return f"{self.species.name}_{self.number:02d}"


def draw_individuals(species: Species, *, seed: int) -> tuple[Individual, ...]:
    """All individuals of a species, each different from the others, always the same six.

    Every pattern, pitch and pace has as many levels as there are individuals, and each individual gets
    a level of its own. Then 2 becomes a look-alike of 0, and 3 a sound-alike of 1.

    Args:
        species: what they have in common.
        seed: int >= 0, the seed of the whole aviary.
    Returns:
        `NUM_LEVELS` individuals; the last ones serve as strangers in the videos.
    """
    markings = _draw_markings(generator_for(seed, species.name, "markings"))
    voices = _draw_voices(generator_for(seed, species.name, "voices"))
    richness = _draw_richness(generator_for(seed, species.name, "richness"))
    plumages = [
        _vary_plumage(
            species.plumage,
            richness[number],
            generator_for(seed, species.name, number, "plumage"),
        )
        for number in range(NUM_LEVELS)
    ]
    for number, model in LOOK_ALIKES.items():
        markings[number] = replace(markings[model], has_epaulette=True)
        plumages[number] = plumages[model]
    for number, model in SOUND_ALIKES.items():
        voices[number] = _similar_voice(voices[model])
    return tuple(
        Individual(
            species,
            number,
            _vary_shape(species.shape, generator_for(seed, species.name, number, "shape")),
            plumages[number],
            markings[number],
            voices[number],
        )
        for number in range(NUM_LEVELS)
    )


def _draw_markings(generator: np.random.Generator) -> list[Markings]:
    faces, breasts, collars, tails, bars = (generator.permutation(NUM_LEVELS) for _ in range(5))
    return [
        Markings(
            FACES[faces[i]],
            BREASTS[breasts[i]],
            COLLARS[collars[i]],
            TAIL_MARKS[tails[i]],
            WING_BARS[bars[i]],
            _draw_spots(BREASTS[breasts[i]], generator),
        )
        for i in range(NUM_LEVELS)
    ]


def _draw_spots(
    breast: Breast, generator: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    """Spots on a jittered grid over the breast, so that they never pile up."""
    columns, rows, radius = {"few_spots": (2, 2, 0.042), "many_spots": (4, 4, 0.024)}.get(
        breast, (0, 0, 0.0)
    )
    return tuple(
        (
            0.06 + 0.34 * (column + 0.5 + generator.uniform(-0.3, 0.3)) / columns,
            -0.06 + 0.34 * (row + 0.5 + generator.uniform(-0.3, 0.3)) / rows,
            radius * generator.uniform(0.8, 1.2),
        )
        for column in range(columns)
        for row in range(rows)
    )


def _draw_voices(generator: np.random.Generator) -> list[Voice]:
    motifs, gaps = (generator.permutation(NUM_LEVELS) for _ in range(2))
    pitches, paces = (_levels_apart(LOOK_ALIKES, generator) for _ in range(2))
    level = np.linspace(-1, 1, NUM_LEVELS)
    return [
        Voice(
            MOTIFS[motifs[i]],
            pitch_semitones=float(5.0 * level[pitches[i]]),
            syllable_semitones=tuple(generator.uniform(-1.5, 1.5, 3).round(2).tolist()),
            pace=float(1.25 ** level[paces[i]]),
            gap_seconds=float(0.085 * 1.9 ** level[gaps[i]]),
            brightness=float(generator.uniform(0.1, 0.6)),
        )
        for i in range(NUM_LEVELS)
    ]


def _similar_voice(voice: Voice) -> Voice:
    return replace(
        voice, pitch_semitones=voice.pitch_semitones + 0.25, gap_seconds=voice.gap_seconds * 1.06
    )


def _vary_shape(shape: Shape, generator: np.random.Generator) -> Shape:
    names = (
        "body_depth",
        "head_radius",
        "bill_length",
        "tail_length",
        "crest_length",
        "leg_length",
    )
    return replace(
        shape, **{name: getattr(shape, name) * generator.uniform(0.94, 1.06) for name in names}
    )


def _draw_richness(generator: np.random.Generator) -> list[float]:
    """How saturated each individual's colours are: 1 is the species' own."""
    levels = _levels_apart(SOUND_ALIKES, generator)
    return np.linspace(0.55, 1.3, NUM_LEVELS)[levels].tolist()


def _levels_apart(pairs: dict[int, int], generator: np.random.Generator) -> np.ndarray:
    """A level for each individual, such that those of each pair are far from one another."""
    while True:
        levels = generator.permutation(NUM_LEVELS)
        if all(abs(levels[one] - levels[other]) >= NUM_LEVELS // 2 for one, other in pairs.items()):
            return levels


def _vary_plumage(plumage: Plumage, richness: float, generator: np.random.Generator) -> Plumage:
    """The same colours, paler or richer, under a slight cast of their own."""
    cast = generator.uniform(0.97, 1.03, 3)

    def varied(colour: Colour) -> Colour:
        grey = np.mean(colour)
        tinted = (grey + (np.array(colour) - grey) * richness) * cast
        red, green, blue = np.clip(tinted, 0, 255).astype(int).tolist()
        return red, green, blue

    names = ("back", "breast", "belly", "wing", "cap", "cheek")
    return replace(plumage, **{name: varied(getattr(plumage, name)) for name in names})
