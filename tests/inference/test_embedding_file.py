import numpy as np
import pytest

from inference import Embeddings
from inference.embedding_file import EmbeddingFile, load_embeddings, save_embeddings


@pytest.fixture
def rows() -> EmbeddingFile:
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


def test_embeddings_of_an_unknown_encoder_stay_so(tmp_path):
    rows = EmbeddingFile((), Embeddings.of(np.zeros((0, 4))), ())
    loaded = load_embeddings(save_embeddings(tmp_path / "none.npz", rows))
    assert (loaded.ids, loaded.embeddings.shape) == ((), (0, 4))
    assert loaded.embeddings.fingerprint is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.98])
def test_a_truncated_file_is_refused(rows, tmp_path, share):
    path = save_embeddings(tmp_path / "birds.npz", rows)
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(ValueError, match=r"birds\.npz' does not hold embeddings .*write it again"):
        load_embeddings(path)


def test_a_flipped_bit_is_noticed(rows, tmp_path):
    path = save_embeddings(tmp_path / "birds.npz", rows)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x93NUMPY") + 140] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(ValueError, match="does not hold embeddings"):
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
    with pytest.raises(ValueError, match=r"ends in \.npz, received .*birds\.csv"):
        save_embeddings(
            tmp_path / "birds.csv", EmbeddingFile((), Embeddings.of(np.zeros((0, 4))), ())
        )
