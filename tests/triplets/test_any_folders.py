"""Scanning class folders of photos, of recordings, or both, where a class may have one kind only."""

import pytest

from triplets.folders import scan_any_folders, scan_folders


def make(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")
    return root


def test_a_class_may_have_photos_alone_or_recordings_alone(tmp_path):
    images = make(tmp_path / "images", "wren/1.jpg", "nyala/ada/1.jpg")
    audio = make(tmp_path / "audio", "wren/1.wav", "crow/1.wav")
    folders = scan_any_folders(images, audio)
    assert folders.class_names == ("crow", "nyala/ada", "wren")
    assert [file.class_index for file in folders.images] == [1, 2]
    assert [file.class_index for file in folders.recordings] == [0, 2]


def test_where_both_have_every_class_it_finds_what_scan_folders_finds(tmp_path):
    images = make(tmp_path / "images", "wren/1.jpg", "crow/1.jpg")
    audio = make(tmp_path / "audio", "wren/1.wav", "crow/1.wav")
    assert scan_any_folders(images, audio) == scan_folders(images, audio, min_sources_per_class=1)


def test_all_problems_come_in_one_message(tmp_path):
    images = make(tmp_path / "images", "wren/1.jpg", "Wren/1.jpg", "loose.jpg")
    (tmp_path / "audio").mkdir()
    with pytest.raises(ValueError, match="cannot be used yet") as error:
        scan_any_folders(images, tmp_path / "audio")
    for part in ("differ only in case", "beside its class folders", "holds no class folder"):
        assert part in str(error.value)


def test_no_folder_at_all_is_refused():
    with pytest.raises(ValueError, match="received neither"):
        scan_any_folders()
