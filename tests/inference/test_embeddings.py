import numpy as np
import pytest

from inference.embedding_file import EmbeddingFile, load_embeddings, save_embeddings
from inference.embeddings import Embeddings, check_embeddings, concatenate_embeddings


@pytest.fixture
def embeddings():
    return Embeddings.of(np.eye(3), "wren-1")


def test_slices_views_and_copies_keep_the_fingerprint(embeddings):
    for part in (embeddings[1:], embeddings[0], embeddings[[0, 2]], embeddings.copy()):
        assert part.fingerprint == "wren-1"


def test_the_result_of_arithmetic_is_a_plain_array(embeddings):
    for result in (embeddings @ embeddings.T, embeddings * 2, embeddings.mean(axis=0)):
        assert type(result) is np.ndarray


def test_of_converts_to_float32_and_keeps_a_fingerprint_that_is_there(embeddings):
    again = Embeddings.of(embeddings.astype(np.float64))
    assert (again.dtype, again.fingerprint) == (np.float32, "wren-1")
    Embeddings.of(embeddings, "robin-2")
    assert embeddings.fingerprint == "wren-1"
    assert Embeddings.of([[1.0, 0.0]]).fingerprint is None


def test_concatenation_keeps_the_one_fingerprint(embeddings):
    joined = concatenate_embeddings([np.eye(3), embeddings])
    assert (joined.shape, joined.fingerprint) == ((6, 3), "wren-1")


def test_embeddings_of_two_encoders_cannot_be_joined(embeddings):
    with pytest.raises(ValueError, match=r"2 encoders cannot be joined.*robin-2, wren-1"):
        concatenate_embeddings([embeddings, Embeddings.of(np.eye(3), "robin-2")])
    with pytest.raises(ValueError, match="at least one part, received none"):
        concatenate_embeddings([])


def test_everything_wrong_with_embeddings_is_told_at_once():
    wrong = [[np.nan, 0.0], [1.0, 0.0], [3.0, 4.0]]
    with pytest.raises(ValueError, match=r"NaN .* 1 of 3 rows .*row 0.*not of unit length.*row 2"):
        check_embeddings(wrong)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (3, 0)])
def test_only_two_dimensional_embeddings_pass(shape):
    with pytest.raises(ValueError, match=r"shape \[num, size\], received"):
        check_embeddings(np.zeros(shape))
    assert check_embeddings(np.empty((0, 4))).shape == (0, 4)
    with pytest.raises(TypeError, match="must be real numbers"):
        check_embeddings([["wren"]])  # type: ignore[list-item]


@pytest.fixture
def rows():
    return EmbeddingFile(
        ("Zaunkönig/šoja.jpg", "鳥.wav"),
        Embeddings.of(np.eye(2, 8), "wren-1"),
        ({"class": "Zaunkönig", "image": "šoja.jpg"}, {"class": None, "n": 3, "x": 0.5}),
    )


def test_rows_come_back_as_they_were_saved(rows, tmp_path):
    for _ in range(2):
        loaded = load_embeddings(save_embeddings(tmp_path / "new" / "birds.npz", rows))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["birds.npz"]
    assert (loaded.ids, loaded.metadata) == (rows.ids, rows.metadata)
    assert loaded.embeddings.fingerprint == "wren-1"
    np.testing.assert_array_equal(loaded.embeddings, rows.embeddings)
    none = EmbeddingFile((), Embeddings.of(np.zeros((0, 4))), ())
    loaded = load_embeddings(save_embeddings(tmp_path / "none.npz", none))
    assert (loaded.ids, loaded.embeddings.shape) == ((), (0, 4))
    assert loaded.embeddings.fingerprint is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.98, 1.0])
def test_a_file_that_is_cut_or_has_a_flipped_bit_is_refused(rows, tmp_path, share):
    path = save_embeddings(tmp_path / "birds.npz", rows)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x93NUMPY") + 140] ^= 0x40 if share == 1.0 else 0
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(ValueError, match=r"birds\.npz' does not hold embeddings .*write it again"):
        load_embeddings(path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("not numbers")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("text.npz", "other.npz", "array.npy"):
        with pytest.raises(ValueError, match="does not hold embeddings"):
            load_embeddings(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        load_embeddings(tmp_path / "gone.npz")
    none = EmbeddingFile((), Embeddings.of(np.zeros((0, 4))), ())
    with pytest.raises(ValueError, match=r"ends in \.npz, received .*birds\.csv"):
        save_embeddings(tmp_path / "birds.csv", none)
