"""What a species is: a shape, a plumage and the syllables of its song. Five invented ones."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""
Plumage = dict[str, Colour]
"""A colour for each of `COLOURS`."""
COLOURS = [
    "back",
    "breast",
    "belly",
    "wing",
    "cap",
    "cheek",
    "bill",
    "leg",
    "light_mark",
    "dark_mark",
]


@dataclass(frozen=True)
class Shape:
    """Proportions of a bird; lengths in body lengths, angles in degrees."""

    body_depth: float
    posture_degrees: float
    head_radius: float
    neck_length: float
    bill: Literal["cone", "needle", "dagger", "hook"]
    bill_length: float
    tail_length: float
    tail_fork: float
    tail_lift_degrees: float
    crest_length: float
    leg_length: float


@dataclass(frozen=True)
class Syllable:
    """One element of a song.

    A whistle is one gliding tone, a trill a tone that wobbles fast; a buzz is rough, chirps are a run of
    falling clicks, a stack is a tone with harmonics.
    """

    kind: Literal["whistle", "trill", "buzz", "chirps", "stack"]
    pitch_hz: float  # centre frequency of the fundamental
    duration_seconds: float  # at normal tempo
    glide_octaves: float = 0.0  # from start to end; negative falls
    rate_hz: float = 0.0  # of the wobble, the roughness or the clicks
    depth_octaves: float = 0.0  # how wide a trill wobbles


@dataclass(frozen=True)
class Species:
    """An invented species: what all its individuals have in common."""

    name: str
    shape: Shape
    plumage: Plumage
    syllables: tuple[Syllable, ...]


def _species(name: str, shape: Shape, colours: str, *syllables: Syllable) -> Species:
    """With six hex digits for each of `COLOURS`."""
    rgb = [(code[0], code[1], code[2]) for code in map(bytes.fromhex, colours.split())]
    return Species(name, shape, dict(zip(COLOURS, rgb, strict=True)), syllables)


SPECIES = (
    _species(
        "ember_finch",
        Shape(0.66, 32, 0.245, 0.02, "cone", 0.17, 0.52, 0.10, 0, 0.0, 0.26),
        "7e5c4a cd583a e8c8ac 5c4a44 96362a d68060 e4b46e 966856 f6e8ce 3a2824",
        Syllable("whistle", 3200, 0.22, glide_octaves=-0.5),
        Syllable("chirps", 4200, 0.42, glide_octaves=-0.35, rate_hz=11),
        Syllable("buzz", 2600, 0.26, rate_hz=55),
    ),
    _species(
        "cobalt_wren",
        Shape(0.74, 18, 0.255, 0.0, "needle", 0.20, 0.40, -0.08, 62, 0.0, 0.30),
        "34549e bec8d6 e2ded4 2c3e6e 264294 7096d0 34323a 786050 f0f4fa 1a203a",
        Syllable("trill", 4300, 0.50, rate_hz=19, depth_octaves=0.30),
        Syllable("whistle", 5200, 0.14, glide_octaves=0.45),
        Syllable("chirps", 5600, 0.36, glide_octaves=-0.5, rate_hz=16),
    ),
    _species(
        "moss_warbler",
        Shape(0.52, 24, 0.215, 0.04, "needle", 0.17, 0.62, 0.06, -4, 0.0, 0.28),
        "707e48 cecc80 e4e2be 5a6242 5c6e3e b2b66c 605042 a67a62 f8f6d6 343822",
        Syllable("whistle", 4400, 0.30, glide_octaves=-0.7),
        Syllable("whistle", 3500, 0.24, glide_octaves=0.5),
        Syllable("trill", 3900, 0.36, rate_hz=28, depth_octaves=0.18),
    ),
    _species(
        "saffron_crest",
        Shape(0.60, 42, 0.225, 0.05, "dagger", 0.22, 0.70, -0.10, -8, 0.26, 0.26),
        "988a78 eebe48 f4e2a2 76685c ce8c28 f4d080 504642 5c504e fcf8e8 4a3622",
        Syllable("stack", 1500, 0.30, glide_octaves=-0.25),
        Syllable("trill", 2700, 0.44, rate_hz=13, depth_octaves=0.40),
        Syllable("whistle", 3000, 0.26, glide_octaves=0.3),
    ),
    _species(
        "dusk_thrush",
        Shape(0.62, 38, 0.220, 0.03, "hook", 0.19, 0.58, -0.03, 6, 0.0, 0.34),
        "544c60 c4acb2 dcd0ce 443e52 423a52 807084 da963e c48c5c f0e8ec 2e2636",
        Syllable("stack", 2000, 0.24, glide_octaves=0.35),
        Syllable("whistle", 2300, 0.34, glide_octaves=-0.3),
        Syllable("buzz", 3400, 0.30, rate_hz=38),
    ),
)
