"""Patterns of pairs of embeddings."""

import pytest

from inference.modalities import PAIR_PATTERNS, pair_pattern


def test_a_pattern_does_not_depend_on_the_order():
    assert pair_pattern("fused", "image") == pair_pattern("image", "fused") == "image-fused"


def test_there_are_six_patterns():
    assert len(PAIR_PATTERNS) == 6


def test_an_unknown_modality_is_named():
    with pytest.raises(
        ValueError, match=r"Unknown modality .smell.\. Expected one of image, audio"
    ):
        pair_pattern("image", "smell")
