"""What an individual is: its markings, its proportions and its voice, drawn from a seed."""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from aviary.species import Plumage, Shape, Species

NUM_LEVELS = 6
"""Individuals of one species that are all different: four known ones and two strangers."""
LOOK_ALIKES = {2: 0}
"""Individual 2 of each species wears the markings of individual 0, but for one small one."""
SOUND_ALIKES = {3: 1}
"""Individual 3 of each species sings the song of individual 1."""

_MOTIFS = ((0, 1, 2), (0, 0, 1), (2, 1, 1), (1, 2, 0, 0), (2, 2, 0), (1, 0, 1))
"""Orders in which the three syllables of a species are sung."""
_SPOTS = {1: (2, 0.042), 2: (4, 0.024)}
"""For patterns of the breast: how many rows and columns, and the radius."""
_VARIED_LENGTHS = [
    "body_depth",
    "head_radius",
    "bill_length",
    "tail_length",
    "crest_length",
    "leg_length",
]
_VARIED_COLOURS = ["back", "breast", "belly", "wing", "cap", "cheek"]


def generator_for(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator that depends on the seed and the names alone: one more photo changes no other.

    Args:
        seed: int >= 0, of the whole aviary.
        names: what it is for, from the large to the small: ("ember_finch", 2, "photo", 7).
    """
    key = [crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(key)))


@dataclass(frozen=True)
class Markings:
    """Which of six patterns each part wears: by these an attentive eye tells an individual from its kin."""

    face: int
    breast: int
    collar: int
    tail: int
    wing: int
    spots: tuple[tuple[float, float, float], ...]  # forward, down and radius, in body lengths
    has_epaulette: bool = False  # a small light dot on the bend of the wing


@dataclass(frozen=True)
class Voice:
    """How an individual sings its species' syllables."""

    motif: tuple[int, ...]  # order of the syllables in one phrase
    pitch_semitones: float  # offset of the whole voice from the species' pitch
    syllable_semitones: tuple[float, ...]  # a further offset of each of the three syllables
    pace: float  # tempo relative to the species, 1 is normal; larger is faster
    gap_seconds: float  # silence between syllables
    brightness: float  # level of the harmonics, 0 to 1


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


def draw_individuals(species: Species, *, seed: int) -> list[Individual]:
    """All six individuals of a species; the last ones serve as strangers in the videos.

    Every pattern, pitch and pace has as many levels as there are individuals, and each individual gets
    a level of its own. Then 2 becomes a look-alike of 0, and 3 a sound-alike of 1.
    """
    markings = _draw_markings(generator_for(seed, species.name, "markings"))
    voices = _draw_voices(generator_for(seed, species.name, "voices"))
    levels = _levels_apart(SOUND_ALIKES, generator_for(seed, species.name, "richness"))
    plumages = [
        _vary_plumage(species.plumage, richness, generator_for(seed, species.name, i, "plumage"))
        for i, richness in enumerate(np.linspace(0.55, 1.3, NUM_LEVELS)[levels])
    ]
    for number, model in LOOK_ALIKES.items():
        markings[number] = replace(markings[model], has_epaulette=True)
        plumages[number] = plumages[model]
    for number, model in SOUND_ALIKES.items():
        pitch, gap = voices[model].pitch_semitones, voices[model].gap_seconds
        voices[number] = replace(
            voices[model], pitch_semitones=pitch + 0.25, gap_seconds=gap * 1.06
        )
    shapes = [
        _vary_shape(species.shape, generator_for(seed, species.name, i, "shape"))
        for i in range(NUM_LEVELS)
    ]
    parts = zip(shapes, plumages, markings, voices, strict=True)
    return [Individual(species, number, *part) for number, part in enumerate(parts)]


def _draw_markings(generator: np.random.Generator) -> list[Markings]:
    levels = np.stack([generator.permutation(NUM_LEVELS) for _ in range(5)], axis=1)
    return [
        Markings(face, breast, collar, tail, wing, _draw_spots(breast, generator))
        for face, breast, collar, tail, wing in levels.tolist()
    ]


def _draw_spots(
    breast: int, generator: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    """Spots on a jittered grid over the breast, so that they never pile up."""
    num, radius = _SPOTS.get(breast, (0, 0.0))
    return tuple(
        (
            0.06 + 0.34 * (column + 0.5 + generator.uniform(-0.3, 0.3)) / num,
            -0.06 + 0.34 * (row + 0.5 + generator.uniform(-0.3, 0.3)) / num,
            radius * generator.uniform(0.8, 1.2),
        )
        for column in range(num)
        for row in range(num)
    )


def _draw_voices(generator: np.random.Generator) -> list[Voice]:
    motifs, gaps = (generator.permutation(NUM_LEVELS) for _ in range(2))
    pitches, paces = (_levels_apart(LOOK_ALIKES, generator) for _ in range(2))
    level = np.linspace(-1, 1, NUM_LEVELS)
    return [
        Voice(
            _MOTIFS[motif],
            pitch_semitones=float(5.0 * level[pitch]),
            syllable_semitones=tuple(generator.uniform(-1.5, 1.5, 3).round(2).tolist()),
            pace=float(1.25 ** level[pace]),
            gap_seconds=float(0.085 * 1.9 ** level[gap]),
            brightness=float(generator.uniform(0.1, 0.6)),
        )
        for motif, pitch, pace, gap in zip(motifs, pitches, paces, gaps, strict=True)
    ]


def _levels_apart(pairs: dict[int, int], generator: np.random.Generator) -> np.ndarray:
    """A level for each individual, such that those of each pair are far from one another."""
    while True:
        levels = generator.permutation(NUM_LEVELS)
        if all(abs(levels[one] - levels[other]) >= NUM_LEVELS // 2 for one, other in pairs.items()):
            return levels


def _vary_shape(shape: Shape, generator: np.random.Generator) -> Shape:
    factors = generator.uniform(0.94, 1.06, len(_VARIED_LENGTHS)).tolist()
    lengths = zip(_VARIED_LENGTHS, factors, strict=True)
    return replace(shape, **{name: getattr(shape, name) * factor for name, factor in lengths})


def _vary_plumage(plumage: Plumage, richness: float, generator: np.random.Generator) -> Plumage:
    """The same colours, paler or richer, under a slight cast of their own."""
    colours = np.array([plumage[name] for name in _VARIED_COLOURS])
    grey = colours.mean(axis=1, keepdims=True)
    tinted = (grey + (colours - grey) * richness) * generator.uniform(0.97, 1.03, 3)
    varied = np.clip(tinted, 0, 255).astype(int).tolist()
    return plumage | dict(zip(_VARIED_COLOURS, map(tuple, varied), strict=True))
