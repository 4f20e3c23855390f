"""Where results go is looked at before slow work."""

import pytest

from app.cli.outcome import check_destination


def test_a_new_folder_is_made_and_an_earlier_result_may_be_replaced(tmp_path):
    check_destination(tmp_path / "new" / "run", "run.json")
    (tmp_path / "new" / "run" / "run.json").write_text("{}")
    check_destination(tmp_path / "new" / "run", "run.json")
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == ["run.json"]


def test_other_things_and_files_are_left_as_they_are(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=r"holds other things \(no run.json\); it is left"):
        check_destination(tmp_path, "run.json")
    with pytest.raises(FileExistsError, match=r"is a file\. Choose another --out"):
        check_destination(tmp_path / "photo.jpg", "run.json")
