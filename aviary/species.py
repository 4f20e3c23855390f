"""What a species is: a shape, a plumage and the syllables of its song. Five invented ones."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""


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
class Plumage:
    """Colours that all individuals of a species share, but for a slight cast."""

    back: Colour
    breast: Colour
    belly: Colour
    wing: Colour
    cap: Colour
    cheek: Colour
    bill: Colour
    leg: Colour
    light_mark: Colour
    dark_mark: Colour


@dataclass(frozen=True)
class Syllable:
    """One element of a song.

    Args:
        kind: "whistle" (one gliding tone), "trill" (tone that wobbles fast), "buzz" (rough, amplitude
            modulated), "chirps" (a run of falling clicks) or "stack" (tone with harmonics).
        pitch_hz: centre frequency of the fundamental.
        duration_seconds: length at normal tempo.
        glide_octaves: how far the pitch moves from start to end; negative falls.
        rate_hz: speed of the wobble, the roughness or the clicks.
        depth_octaves: how wide a trill wobbles.
    """

    kind: Literal["whistle", "trill", "buzz", "chirps", "stack"]
    pitch_hz: float
    duration_seconds: float
    glide_octaves: float = 0.0
    rate_hz: float = 0.0
    depth_octaves: float = 0.0


@dataclass(frozen=True)
class Species:
    """An invented species: what all its individuals have in common."""

    name: str
    shape: Shape
    plumage: Plumage
    syllables: tuple[Syllable, Syllable, Syllable]


SPECIES: tuple[Species, ...] = (
    Species(
        "ember_finch",
        Shape(0.66, 32, 0.245, 0.02, "cone", 0.17, 0.52, 0.10, 0, 0.0, 0.26),
        Plumage(
            back=(126, 92, 74),
            breast=(205, 88, 58),
            belly=(232, 200, 172),
            wing=(92, 74, 68),
            cap=(150, 54, 42),
            cheek=(214, 128, 96),
            bill=(228, 180, 110),
            leg=(150, 104, 86),
            light_mark=(246, 232, 206),
            dark_mark=(58, 40, 36),
        ),
        (
            Syllable("whistle", 3200, 0.22, glide_octaves=-0.5),
            Syllable("chirps", 4200, 0.42, glide_octaves=-0.35, rate_hz=11),
            Syllable("buzz", 2600, 0.26, rate_hz=55),
        ),
    ),
    Species(
        "cobalt_wren",
        Shape(0.74, 18, 0.255, 0.0, "needle", 0.20, 0.40, -0.08, 62, 0.0, 0.30),
        Plumage(
            back=(52, 84, 158),
            breast=(190, 200, 214),
            belly=(226, 222, 212),
            wing=(44, 62, 110),
            cap=(38, 66, 148),
            cheek=(112, 150, 208),
            bill=(52, 50, 58),
            leg=(120, 96, 80),
            light_mark=(240, 244, 250),
            dark_mark=(26, 32, 58),
        ),
        (
            Syllable("trill", 4300, 0.50, rate_hz=19, depth_octaves=0.30),
            Syllable("whistle", 5200, 0.14, glide_octaves=0.45),
            Syllable("chirps", 5600, 0.36, glide_octaves=-0.5, rate_hz=16),
        ),
    ),
    Species(
        "moss_warbler",
        Shape(0.52, 24, 0.215, 0.04, "needle", 0.17, 0.62, 0.06, -4, 0.0, 0.28),
        Plumage(
            back=(112, 126, 72),
            breast=(206, 204, 128),
            belly=(228, 226, 190),
            wing=(90, 98, 66),
            cap=(92, 110, 62),
            cheek=(178, 182, 108),
            bill=(96, 80, 66),
            leg=(166, 122, 98),
            light_mark=(248, 246, 214),
            dark_mark=(52, 56, 34),
        ),
        (
            Syllable("whistle", 4400, 0.30, glide_octaves=-0.7),
            Syllable("whistle", 3500, 0.24, glide_octaves=0.5),
            Syllable("trill", 3900, 0.36, rate_hz=28, depth_octaves=0.18),
        ),
    ),
    Species(
        "saffron_crest",
        Shape(0.60, 42, 0.225, 0.05, "dagger", 0.22, 0.70, -0.10, -8, 0.26, 0.26),
        Plumage(
            back=(152, 138, 120),
            breast=(238, 190, 72),
            belly=(244, 226, 162),
            wing=(118, 104, 92),
            cap=(206, 140, 40),
            cheek=(244, 208, 128),
            bill=(80, 70, 66),
            leg=(92, 80, 78),
            light_mark=(252, 248, 232),
            dark_mark=(74, 54, 34),
        ),
        (
            Syllable("stack", 1500, 0.30, glide_octaves=-0.25),
            Syllable("trill", 2700, 0.44, rate_hz=13, depth_octaves=0.40),
            Syllable("whistle", 3000, 0.26, glide_octaves=0.3),
        ),
    ),
    Species(
        "dusk_thrush",
        Shape(0.62, 38, 0.220, 0.03, "hook", 0.19, 0.58, -0.03, 6, 0.0, 0.34),
        Plumage(
            back=(84, 76, 96),
            breast=(196, 172, 178),
            belly=(220, 208, 206),
            wing=(68, 62, 82),
            cap=(66, 58, 82),
            cheek=(128, 112, 132),
            bill=(218, 150, 62),
            leg=(196, 140, 92),
            light_mark=(240, 232, 236),
            dark_mark=(46, 38, 54),
        ),
        (
            Syllable("stack", 2000, 0.24, glide_octaves=0.35),
            Syllable("whistle", 2300, 0.34, glide_octaves=-0.3),
            Syllable("buzz", 3400, 0.30, rate_hz=38),
        ),
    ),
)
