"""Patterns of pairs of embeddings."""

import pytest

from inference.modalities import PAIR_PATTERNS, pair_pattern


def test_there_are_six_patterns_whatever_the_order():
    assert len(PAIR_PATTERNS) == 6
    assert pair_pattern("fused", "image") == pair_pattern("image", "fused") == "image-fused"
    with pytest.raises(ValueError, match=r"Unknown modality .smell.\. Expected one of image"):
        pair_pattern("image", "smell")
