"""How large an aviary is, who lives in it, and where its files lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aviary.individuals import Individual, draw_individuals
from aviary.species import SPECIES

Size = Literal["tiny", "small", "standard"]


@dataclass(frozen=True)
class Amounts:
    """How much of everything there is in an aviary of one size."""

    num_species: int
    num_individuals: int  # of each species
    num_photos: int  # of each individual, for training and gallery
    num_recordings: int
    num_held_out: int  # photos, and as many recordings, to ask with
    recording_seconds: tuple[float, float]  # shortest and longest
    cast_sizes: tuple[int, ...]  # birds in each video
    video_seconds: float
    video_size: tuple[int, int]  # width and height


AMOUNTS: dict[Size, Amounts] = {
    "tiny": Amounts(2, 2, 5, 5, 2, (1.3, 1.7), (2, 2), 2.0, (320, 240)),
    "small": Amounts(3, 3, 8, 8, 3, (3.0, 5.0), (1, 2, 3, 2), 5.0, (480, 360)),
    "standard": Amounts(5, 4, 16, 12, 4, (5.0, 8.0), (1, 2, 3, 4, 2, 3, 1, 2), 8.0, (480, 360)),
}


@dataclass(frozen=True)
class Aviary:
    """Where the parts of a written aviary are.

    A class is an individual. Its folder has the same name in all four trees, and the species is the
    part of the name before the last underscore.
    """

    directory: Path  # holds everything
    size: Size
    seed: int  # the birds and all that is drawn of them follow from it
    class_names: tuple[str, ...]  # individuals, sorted
    species_names: tuple[str, ...]  # species, sorted

    @property
    def images(self) -> Path:
        """Photos to train on and to search in: <class>/photo_01.jpg, ..."""
        return self.directory / "images"

    @property
    def audio(self) -> Path:
        """Recordings to train on and to search in: <class>/recording_01.flac, ..."""
        return self.directory / "audio"

    @property
    def held_out_images(self) -> Path:
        """Other photos of the same individuals, to ask with."""
        return self.directory / "held_out_images"

    @property
    def held_out_audio(self) -> Path:
        """Other recordings of the same individuals, to ask with."""
        return self.directory / "held_out_audio"

    @property
    def videos(self) -> Path:
        """The videos: video_01.mp4, ..."""
        return self.directory / "videos"

    @property
    def truth(self) -> Path:
        """Who is where in the videos, and who sings: JSON."""
        return self.videos / "truth.json"

    @property
    def species_of(self) -> dict[str, str]:
        """The species of each class."""
        return {name: name.rpartition("_")[0] for name in self.class_names}


def inhabitants(size: Size, seed: int) -> tuple[list[Individual], list[Individual]]:
    """The individuals that have class folders, and the strangers that only the videos show."""
    amounts = AMOUNTS[size]
    families = [draw_individuals(species, seed=seed) for species in SPECIES[: amounts.num_species]]
    known = [bird for family in families for bird in family[: amounts.num_individuals]]
    return known, [bird for family in families for bird in family[4:]]


def plan_aviary(directory: Path, size: Size, seed: int) -> Aviary:
    """Where an aviary will be, and who is in it; refuses an unknown size and a negative seed."""
    if size not in AMOUNTS:
        raise ValueError(f"Unknown aviary size '{size}'. Expected one of {', '.join(AMOUNTS)}.")
    if seed < 0:
        raise ValueError(f"The aviary's seed is {seed}. Expected a whole number, 0 or more.")
    known, _ = inhabitants(size, seed)
    class_names = sorted(individual.name for individual in known)
    species_names = sorted({individual.species.name for individual in known})
    return Aviary(directory, size, seed, tuple(class_names), tuple(species_names))
