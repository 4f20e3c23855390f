"""A long fuzz by hand: damages every kind of file, reads it, and keeps what does harm.

python -m tests.bad_inputs.sweep FOLDER NUM_FILES SEED [EXTENSION...]
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from tests.bad_inputs.checksums import with_right_checksums
from tests.bad_inputs.damage import damaged, good_files, random_damages
from tests.bad_inputs.rare_media import rare_files
from tests.bad_inputs.reader import Outcome, Reader


def main() -> None:
    """Reads as many damaged files as asked for; prints a table of outcomes and the harmful ones."""
    folder, num_files, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[4:]
    files = good_files() | rare_files()
    files = {name: file for name, file in files.items() if not chosen or name in chosen}
    outcomes: Counter[tuple[str, str]] = Counter()
    slowest: dict[str, float] = {}
    largest: dict[str, float] = {}
    with Reader() as reader:
        for number in range(num_files):
            extension = list(files)[number % len(files)]
            rng = np.random.default_rng([seed, number])
            content = damaged(files[extension], random_damages(rng, len(files[extension])))
            if rng.random() < 0.5:
                content = with_right_checksums(content)
            path = folder / f"{seed}-{number}{extension}"
            path.write_bytes(content)
            outcome = reader.read(path)
            outcomes[extension, outcome.what] += 1
            slowest[extension] = max(slowest.get(extension, 0), outcome.took_seconds)
            largest[extension] = max(largest.get(extension, 0), outcome.amount)
            if not _tell(path, outcome):
                path.unlink()
    for (extension, what), count in sorted(outcomes.items()):
        print(f"{extension:18}{what:10}{count:8}")  # noqa: T201
    for extension in files:
        print(  # noqa: T201
            f"{extension:18}slowest {slowest[extension]:.2f} s, largest {largest[extension]:.0f}"
        )


def _tell(path: Path, outcome: Outcome) -> bool:
    """Whether it is worth keeping: a fault, slow, or very large."""
    is_strange = outcome.is_fault or outcome.took_seconds > 2 or outcome.amount > 10_000_000
    if is_strange:
        print(path.name, outcome, flush=True)  # noqa: T201
    return is_strange


if __name__ == "__main__":
    main()
