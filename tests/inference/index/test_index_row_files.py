"""Rows of an index to Parquet and CSV and back, exactly."""

import csv

import numpy as np
import pytest

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, export_rows, import_rows, row_files
from tests.inference.vectors import random_unit as embeddings

FORMATS = ["parquet", "csv"]
METADATA = [
    {"species": "Zaunkönig", "n": 1, "weight_g": 0.1 + 0.2, "is_adult": True, "site": None},
    {},
    {'comma, and "quotes"'.replace('"', "'"): "line\nbreak;\ttab, \"quoted\" 'é'"},
    {"large": 2**63 - 1, "small": -1e-300, "text number": "007", "empty": ""},
]
IDS = ["=HYPERLINK('x')", "é/ü 1.jpg", 'with "quotes", comma', "'--1"]


def rows_of(index: EmbeddingIndex) -> list:
    return [
        (row.id, row.embedding.tobytes(), row.metadata, [type(v) for v in row.metadata.values()])
        for row in index
    ]


@pytest.fixture
def index(tmp_path):
    index = EmbeddingIndex.open(tmp_path / "birds.index")
    index.add(IDS, Embeddings.of(embeddings(4), "wren-1"), METADATA)
    return index


@pytest.fixture(params=FORMATS)
def file(tmp_path, request):
    return tmp_path / f"rows.{request.param}"


def test_the_same_rows_come_back_exactly(index, file, tmp_path, monkeypatch):
    monkeypatch.setattr(row_files, "ROWS_AT_ONCE", 3)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        import_rows(index, file)
    assert export_rows(index, file) == 4
    with EmbeddingIndex.open(tmp_path / "other.index") as other:
        assert import_rows(other, file) == 4
        assert rows_of(other) == rows_of(index)
        assert other.fingerprint == "wren-1"
        assert import_rows(other, file) == 0


def test_any_float32_survives(tmp_path, file):
    tiny = np.array([[1, 1e-45, -0.0, 1.17549435e-38], [0.1, 0.2, -0.3, 0.9273618495]], np.float32)
    with EmbeddingIndex.open(tmp_path / "a") as index, EmbeddingIndex.open(tmp_path / "b") as other:
        index.add(["a", "b"], tiny)
        export_rows(index, file)
        import_rows(other, file)
        assert rows_of(other) == rows_of(index)


def test_other_programs_can_read_parquet(index, tmp_path):
    from pyarrow import parquet

    export_rows(index, tmp_path / "rows.parquet")
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table.column_names == ["id", "embedding", "metadata"]
    assert np.allclose(np.stack(table["embedding"].to_pylist()), embeddings(4))


def test_other_programs_can_read_csv(index, tmp_path):
    export_rows(index, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    as_text = [f"'{IDS[0]}", *IDS[1:3], f"'{IDS[3]}"]  # to a spreadsheet
    assert [row["id"] for row in rows] == as_text
    assert np.allclose([[float(row[f"e{n}"]) for n in range(16)] for row in rows], embeddings(4))


def test_a_parquet_file_without_our_notes_is_of_no_encoder(tmp_path):
    import pyarrow as arrow
    from pyarrow import parquet

    table = arrow.table({"id": ["a"], "embedding": [[0.6, 0.8]], "metadata": ['{"n": 1}']})
    parquet.write_table(table, tmp_path / "rows.parquet")
    with EmbeddingIndex.open(tmp_path / "a") as index:
        assert import_rows(index, tmp_path / "rows.parquet") == 1
        assert (index.fingerprint, index.get(["a"])[0].metadata) == (None, {"n": 1})


def test_rows_of_another_encoder_are_refused(index, file, tmp_path):
    export_rows(index, file)
    with EmbeddingIndex.open(tmp_path / "other.index") as other:
        other.add(["x"], Embeddings.of(embeddings(1, seed=1), "robin-2"))
        with pytest.raises(ValueError, match=r"of the encoder robin-2, received .* wren-1"):
            import_rows(other, file)
        assert len(other) == 1


def test_a_failed_export_leaves_what_was_there(index, file, monkeypatch):
    file.write_text("mine", "utf-8")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_files, "_text", broken)
    with pytest.raises(OSError, match="No space left"):
        export_rows(index, file)
    assert file.read_text("utf-8") == "mine"
    assert [name for name in file.parent.iterdir() if ".part" in name.name] == []


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.parquet.gz"])
def test_another_ending_is_refused(index, tmp_path, name):
    for call in (export_rows, import_rows):
        with pytest.raises(ValueError, match=r"ends in .parquet or .csv, received"):
            call(index, tmp_path / name)


def test_damaged_parquet_is_refused(index, tmp_path):
    file = tmp_path / "rows.parquet"
    export_rows(index, file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match="no readable Parquet file"):
        import_rows(index, file)


def test_parquet_with_other_columns_is_refused(index, tmp_path):
    import pyarrow as arrow
    from pyarrow import parquet

    parquet.write_table(arrow.table({"id": ["a"], "vector": [[1.0]]}), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="has no embedding, metadata, but id, vector"):
        import_rows(index, tmp_path / "rows.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs the columns id, metadata, fingerprint, e0, e1, ...; received none"),
        ("name,x\na,1\n", "received name, x"),
        ("id,metadata,fingerprint,e0,e2\n", "received id, metadata, fingerprint, e0, e2"),
        ("id,metadata,fingerprint,e0,e1\na,{},,1\n", "row 2: expected 5 cells, received 4"),
        ("id,metadata,fingerprint,e0,e1\na,{},,1,x\n", "rows 2 to 2: could not convert"),
        ("id,metadata,fingerprint,e0,e1\na,{},,1,\n", "rows 2 to 2: could not convert"),
        ("id,metadata,fingerprint,e0,e1\na,{,,1,0\n", "the column metadata is not JSON"),
        ("id,metadata,fingerprint,e0,e1\na,[1],,1,0\n", r"metadata\[0\] must be a dict"),
        ("id,metadata,fingerprint,e0,e1\na,{},,1,1\n", "not of unit length"),
        ("id,metadata,fingerprint,e0,e1\na,{},x,1,0\nb,{},y,1,0\n", r"several encoders \(x, y\)"),
        ("id,metadata,fingerprint,e0,e1\na,{},,1,0\na,{},,1,0\n", "more than once: 'a'"),
    ],
)
def test_bad_csv_is_refused(tmp_path, text, message):
    (tmp_path / "rows.csv").write_text(text, "utf-8")
    expected = pytest.raises((ValueError, TypeError), match=message)
    with EmbeddingIndex.open(tmp_path / "a") as index, expected:
        import_rows(index, tmp_path / "rows.csv")
