import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.losses.pair_loss import flatten_members, pair_masks


def rows_of(masks):
    return [[np.flatnonzero(row).tolist() for row in np.asarray(mask)] for mask in masks]


@pytest.mark.parametrize("num_sources", [0, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_agree_with_nested_loops(seed, num_sources, random_batch, pairs_of):
    labels, _ = random_batch(seed, num_sources=num_sources)
    assert rows_of(pair_masks(labels, labels)) == list(pairs_of(labels))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 3)), min_size=1, max_size=8))
def test_no_pair_is_both_and_pairs_are_mutual(rows):
    labels = np.array(rows, dtype=np.int32)
    positive, negative = (np.asarray(mask) for mask in pair_masks(labels, labels))
    assert not (positive & negative).any()
    assert (positive == positive.T).all()
    assert (negative == negative.T).all()


def test_items_that_share_a_photo_or_a_recording_are_in_no_pair():
    labels = np.array([[0, 7, 1], [0, 7, 2], [1, 8, 2], [1, 9, 3], [0, 5, 5], [-1, 6, 6]], np.int32)
    positives, negatives = rows_of(pair_masks(labels, labels))
    assert positives == [[4], [4], [3], [2], [0, 1], []]  # the last one's class is unknown
    assert negatives == [[2, 3], [3], [0, 4], [0, 1, 4], [2, 3], []]


def test_the_first_references_are_the_anchors_and_the_others_are_not():
    anchors, more = np.array([[0], [0]], dtype=np.int32), np.array([[0], [1]], dtype=np.int32)
    positives, negatives = rows_of(pair_masks(anchors, np.concatenate([anchors, more])))
    assert positives == [[1, 2], [0, 2]]
    assert negatives == [[3], [3]]


@pytest.mark.parametrize(
    ("shape", "embeddings", "expected"),
    [
        ((4,), (4, 5), (4, 1)),
        ((4, 3), (4, 5), (4, 3)),
        ((4, 3), (4, 3, 5), (12, 1)),
        ((4, 3, 1), (4, 3, 5), (12, 1)),
        ((4, 3, 3), (4, 3, 5), (12, 3)),
    ],
)
def test_labels_of_every_form_become_one_row_an_item(shape, embeddings, expected):
    rows, vectors = flatten_members(np.zeros(shape), np.zeros(embeddings))
    assert (tuple(rows.shape), tuple(vectors.shape)) == (expected, (expected[0], 5))


def test_ids_up_to_2_to_the_24_survive_the_float32_that_keras_makes_of_them():
    ids = np.array([[0, 2**24 - 1], [0, 2**24 - 2]], dtype=np.float32)
    rows, _ = flatten_members(ids, np.zeros((2, 5)))
    assert np.asarray(rows)[:, 1].tolist() == [2**24 - 1, 2**24 - 2]
