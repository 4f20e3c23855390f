import numpy as np
import pytest

from inference.embeddings import Embeddings, check_embeddings, concatenate_embeddings


@pytest.fixture
def embeddings() -> Embeddings:
    return Embeddings.of(np.eye(3), "wren-1")


def test_slices_views_and_copies_keep_the_fingerprint(embeddings: Embeddings) -> None:
    for part in (embeddings[1:], embeddings[0], embeddings[[0, 2]], embeddings.copy()):
        assert part.fingerprint == "wren-1"


def test_the_result_of_arithmetic_is_a_plain_array(embeddings: Embeddings) -> None:
    for result in (embeddings @ embeddings.T, embeddings * 2, embeddings.mean(axis=0)):
        assert type(result) is np.ndarray


def test_of_converts_to_float32_and_keeps_a_fingerprint_that_is_there(
    embeddings: Embeddings,
) -> None:
    again = Embeddings.of(embeddings.astype(np.float64))
    assert (again.dtype, again.fingerprint) == (np.float32, "wren-1")
    Embeddings.of(embeddings, "robin-2")
    assert embeddings.fingerprint == "wren-1"
    assert Embeddings.of([[1.0, 0.0]]).fingerprint is None


def test_concatenation_keeps_the_one_fingerprint(embeddings: Embeddings) -> None:
    joined = concatenate_embeddings([np.eye(3), embeddings])
    assert (joined.shape, joined.fingerprint) == ((6, 3), "wren-1")


def test_embeddings_of_two_encoders_cannot_be_joined(embeddings: Embeddings) -> None:
    with pytest.raises(ValueError, match=r"2 encoders cannot be joined.*robin-2, wren-1"):
        concatenate_embeddings([embeddings, Embeddings.of(np.eye(3), "robin-2")])
    with pytest.raises(ValueError, match="at least one part, received none"):
        concatenate_embeddings([])


def test_everything_wrong_with_embeddings_is_told_at_once() -> None:
    wrong = [[np.nan, 0.0], [1.0, 0.0], [3.0, 4.0]]
    with pytest.raises(
        ValueError, match=r"NaN .* 1 of 3 rows .*row 0.*not of unit length.*row 2.*length 5"
    ):
        check_embeddings(wrong)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (3, 0)])
def test_only_two_dimensional_embeddings_pass(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \[num, size\], received"):
        check_embeddings(np.zeros(shape))
    assert check_embeddings(np.empty((0, 4))).shape == (0, 4)
    with pytest.raises(TypeError, match="must be real numbers"):
        check_embeddings([["wren"]])  # type: ignore[list-item]
