from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.sides import split_gallery_queries
from triplets import PreparedFile, PreparedMedia


def media(*num_files: tuple[int, int]) -> PreparedMedia:
    """So many photos and recordings of each class."""
    sides = ([], [])
    for index, numbers in enumerate(num_files):
        for side, kind, number in zip(sides, ("photo", "recording"), numbers, strict=True):
            for i in range(number):
                name = f"{kind} {i} of {index}"
                side.append(PreparedFile(Path(name), index, name, Path(name)))
    return PreparedMedia(tuple(f"class {i}" for i in range(len(num_files))), *map(tuple, sides))


@given(
    st.lists(st.tuples(st.integers(2, 6), st.integers(2, 6)), min_size=1, max_size=4),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_every_class_is_on_both_sides_and_no_file_is(num_files, fraction, seed):
    given_media = media(*num_files)
    gallery, queries = split_gallery_queries(given_media, query_fraction=fraction, seed=seed)
    for kind in ("images", "recordings"):
        known, asking = getattr(gallery, kind), getattr(queries, kind)
        assert sorted((*known, *asking), key=str) == sorted(getattr(given_media, kind), key=str)
        for side in (known, asking):
            assert {file.class_index for file in side} == set(range(len(num_files)))


def test_the_same_seed_splits_the_same_and_another_otherwise():
    first, again, other = (split_gallery_queries(media((6, 6)), seed=s)[1] for s in (1, 1, 2))
    assert first == again != other


def test_copies_of_a_file_stay_together():
    given_media = media((3, 2))
    twin = replace(given_media.images[0], path=Path("twin"))
    given_media = replace(given_media, images=(*given_media.images, twin))
    for side in split_gallery_queries(given_media):
        names = {str(file.path) for file in side.images}
        assert len(names & {"twin", "photo 0 of 0"}) in (0, 2)


def test_classes_that_are_too_small_come_in_one_message():
    with pytest.raises(
        ValueError, match=r"(?s)'class 0' has photos of 1.*'class 2' has recordings of 1"
    ):
        split_gallery_queries(media((1, 2), (2, 2), (2, 1)))
