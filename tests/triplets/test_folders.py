"""The scan: which classes there are, and all that is wrong with the folders in one message."""

from pathlib import Path

import pytest

from triplets import LabelledFiles, scan_folders, source_by_pattern


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Two classes, wren and robin, that can be trained on."""
    for name in ("robin", "wren"):
        _fill(tmp_path / "images" / name, "a.jpg", "b.png")
        _fill(tmp_path / "audio" / name, "a.wav", "b.ogg", "c.flac")
    return tmp_path / "images", tmp_path / "audio"


def _fill(folder: Path, *names: str, content: bytes = b"x") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(content)


def _problems(image_dir: Path, audio_dir: Path) -> list[str]:
    with pytest.raises(ValueError, match="cannot be used yet") as error:
        scan_folders(image_dir, audio_dir)
    return str(error.value).split("\n  - ")[1:]


def test_classes_are_the_sorted_folder_names_and_files_are_sorted(trees):
    folders = scan_folders(*map(str, trees))
    assert folders.class_names == ("robin", "wren")
    assert [(f.path.name, f.class_index) for f in folders.images] == [
        ("a.jpg", 0), ("b.png", 0), ("a.jpg", 1), ("b.png", 1),
    ]  # fmt: skip
    assert [f.path.name for f in folders.recordings] == ["a.wav", "b.ogg", "c.flac"] * 2


def test_species_may_nest_individuals(trees):
    for root, extension in zip(trees, ("jpg", "wav"), strict=True):
        for individual in ("blue_leg", "red_leg"):
            _fill(root / "sparrow" / individual, f"1.{extension}", f"2.{extension}")
    names = scan_folders(*trees).class_names
    assert names == ("robin", "sparrow/blue_leg", "sparrow/red_leg", "wren")


def test_files_and_folders_inside_one_class_are_refused(trees):
    images, audio = trees
    _fill(images / "wren" / "young", "1.jpg", "2.jpg")
    _fill(audio / "wren" / "young", "1.wav", "2.wav")
    problems = _problems(images, audio)
    assert len(problems) == 2
    assert all("holds both files and further class folders" in problem for problem in problems)


def test_what_is_no_folder_is_named(trees, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No folder of recordings at '.*nowhere'"):
        scan_folders(trees[0], tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="No folder of images at"):
        scan_folders(trees[0] / "wren" / "a.jpg", trees[1])


def test_empty_trees_are_said_to_be_empty_and_nothing_else(tmp_path):
    (tmp_path / "images" / "wren").mkdir(parents=True)
    (tmp_path / "audio").mkdir()
    problems = _problems(tmp_path / "images", tmp_path / "audio")
    assert len(problems) == 2
    assert all("holds no class folder with any of" in problem for problem in problems)
    assert ".flac" in problems[1]


def test_a_class_may_have_photos_only_or_recordings_only_which_is_told(trees, caplog):
    _fill(trees[0] / "owl", "1.jpg", "2.jpg")
    _fill(trees[1] / "crow", "1.wav", "2.wav")
    folders = scan_folders(*trees)
    assert folders.class_names == ("crow", "owl", "robin", "wren")
    assert {file.class_index for file in folders.images} == {1, 2, 3}
    assert {file.class_index for file in folders.recordings} == {0, 2, 3}
    assert "Classes with photos only (is a name misspelt?): 'owl'" in caplog.text
    assert "Classes with recordings only (is a name misspelt?): 'crow'" in caplog.text


def test_one_of_the_two_trees_may_be_left_out(trees):
    images, audio = trees
    both = scan_folders(images, audio)
    assert scan_folders(images) == LabelledFiles(both.class_names, both.images, ())
    assert scan_folders(None, audio) == LabelledFiles(both.class_names, (), both.recordings)
    with pytest.raises(ValueError, match="received neither"):
        scan_folders()


def test_a_class_with_one_file_of_each_kind_is_named(trees):
    (trees[0] / "wren" / "a.jpg").unlink()
    assert len(scan_folders(*trees).images) == 3  # it has enough recordings
    for name in ("b.ogg", "c.flac"):
        (trees[1] / "wren" / name).unlink()
    (problem,) = _problems(*trees)
    assert problem.endswith("Add one, or move the folder out of '" + str(trees[1]) + "'.")
    assert "has 1 recording. Each class needs at least 2" in problem


def test_empty_files_do_not_count(trees):
    _fill(trees[1] / "robin", "b.ogg", "c.flac", content=b"")
    _fill(trees[0] / "robin", "b.png", content=b"")
    (problem,) = _problems(*trees)
    assert "has 1 recording (and 2 empty)" in problem


def test_the_source_of_a_file_is_told_by_its_name_or_its_folder(tmp_path):
    _fill(tmp_path / "nyala" / "ada" / "may", "12_a.jpg", "12_b.jpg", "loose.jpg")
    _fill(tmp_path / "nyala" / "bob" / "june", "13_a.jpg", "14_a.jpg")
    named = scan_folders(tmp_path, source_of=source_by_pattern("^([0-9]+)_"))
    own = str(tmp_path / "nyala" / "ada" / "may" / "loose.jpg")
    assert [file.source for file in named.images] == ["12", "12", own, "13", "14"]
    by_folder = scan_folders(tmp_path, source_of="folder")
    assert by_folder.class_names == ("nyala/ada", "nyala/bob")
    assert {file.source for file in by_folder.images} == {"nyala/ada/may", "nyala/bob/june"}


def test_a_file_outside_of_any_source_folder_is_named(trees):
    with pytest.raises(ValueError, match="lies in no folder of a source") as error:
        scan_folders(*trees, source_of="folder")
    assert str(trees[0] / "robin" / "a.jpg") in str(error.value)


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"--source '\(' is no regular expression"):
        source_by_pattern("(")


def test_the_number_of_files_that_a_class_needs_can_be_chosen(trees):
    with pytest.raises(ValueError, match="Each class needs at least 4"):
        scan_folders(*trees, min_sources_per_class=4)


def test_names_that_differ_only_in_case_are_refused(trees):
    for root, extension in zip(trees, ("jpg", "wav"), strict=True):
        _fill(root / "Wren", f"1.{extension}", f"2.{extension}")
    (problem,) = _problems(*trees)
    names = "The class names 'Wren' and 'wren' differ only in case, '_', '-', space or Unicode form"
    assert problem == f"{names}. Rename to one."


def test_names_that_differ_only_in_their_joints_are_refused_across_the_trees(trees):
    _fill(trees[0] / "house_sparrow", "1.jpg", "2.jpg")
    _fill(trees[1] / "house sparrow", "1.wav", "2.wav")
    _fill(trees[1] / "house-sparrow", "1.wav", "2.wav")
    problems = _problems(*trees)
    assert "'house sparrow' and 'house-sparrow' and 'house_sparrow' differ only" in problems[0]


def test_media_beside_the_class_folders_are_refused_by_name(trees):
    _fill(trees[0], "lost.jpg", "stray.JPEG")
    (problem,) = _problems(*trees)
    assert "holds 2 files beside its class folders, such as 'lost.jpg'" in problem


def test_hidden_files_and_files_of_other_kinds_are_passed_over(trees):
    before = scan_folders(*trees)
    for root in trees:
        _fill(root, ".DS_Store", "README.md", "._x.jpg", ".x.wav")
        _fill(root / "wren", ".a.jpg", ".a.wav", "notes.txt", "Thumbs.db")
        _fill(root / ".cache", "1.jpg", "2.jpg", "1.wav", "2.wav")
    assert scan_folders(*trees) == before


def test_extensions_may_be_upper_case(trees):
    _fill(trees[0] / "wren", "C.JPG", "D.Png")
    assert sum(file.class_index == 1 for file in scan_folders(*trees).images) == 4


def test_all_problems_come_in_one_message(trees):
    images, audio = trees
    _fill(images, "lost.jpg")
    _fill(images / "owl", "1.jpg", "2.jpg")
    _fill(audio / "Robin", "1.wav", "2.wav")
    _fill(images / "finch", "a.jpg", content=b"")
    _fill(audio / "wren" / "young", "1.wav")
    text = "\n".join(_problems(images, audio))
    for part in ("beside its class", "'Robin' and 'robin'", "(and 1 empty)", "both"):
        assert part in text


def test_links_that_lead_back_end(trees):
    before = scan_folders(*trees)
    (trees[0] / "wren" / "again").symlink_to(trees[0], target_is_directory=True)
    (trees[1] / "self").symlink_to(trees[1], target_is_directory=True)
    _fill(trees[0].parent / "outside", "notes.txt")
    (trees[0].parent / "outside" / "back").symlink_to(trees[0], target_is_directory=True)
    (trees[0] / "out").symlink_to(trees[0].parent / "outside", target_is_directory=True)
    assert scan_folders(*trees).class_names == before.class_names


def test_linked_class_folders_are_classes_even_where_two_share_their_files(trees):
    for root in trees:
        (root / "jenny").symlink_to(root / "wren", target_is_directory=True)
    folders = scan_folders(*trees)
    assert folders.class_names == ("jenny", "robin", "wren")
    assert folders.images[0].path == trees[0] / "jenny" / "a.jpg"


def test_names_in_any_script_and_very_long_ones_are_read(trees):
    long_name = "é" * 120
    for root, extension in zip(trees, ("jpg", "wav"), strict=True):
        for name in ("北椋鳥", long_name):
            _fill(root / name, f"{'x' * 250}.{extension}", f"крапивник.{extension}")
    assert scan_folders(*trees).class_names == ("robin", "wren", long_name, "北椋鳥")


def test_files_of_kinds_that_are_not_read_are_told_of(trees, caplog):
    for root, extension in zip(trees, ("jpg", "wav"), strict=True):
        for name in ("robin", "wren"):
            _fill(root / name, f"1.{extension}", f"2.{extension}")
    (trees[0] / "wren" / "raw.CR2").write_bytes(b"x")
    (trees[0] / "wren" / "phone.heic").write_bytes(b"x")
    scan_folders(*trees)
    assert "their kind is not read here: 1 .cr2, 1 .heic." in caplog.text
