"""The shape of the house: which package may import which, and what each shows to the world."""

import ast
import importlib
import json
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.fresh_process import printed_by

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "media": set(),
    "aviary": {"media"},
    "fused_encoder": {"media"},
    "triplets": {"media", "fused_encoder"},
    "inference": {"media", "fused_encoder"},
    "training": {"media", "fused_encoder", "triplets", "inference"},
    "individuals": {"media", "fused_encoder", "inference"},
    "archives": {"media", "fused_encoder", "inference"},
}
MAY_IMPORT["soundscapes"] = {*MAY_IMPORT} - {"aviary"}
MAY_IMPORT["student"] = {*MAY_IMPORT} - {"aviary"}
MAY_IMPORT["app"] = {*MAY_IMPORT}
MENUS = [name for name in MAY_IMPORT if (ROOT / name / "__init__.pyi").is_file()]


def _module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    _module_name(file): file for package in MAY_IMPORT for file in (ROOT / package).rglob("*.py")
}
TREES = {name: ast.parse(file.read_text("utf-8")) for name, file in MODULES.items()}


def _imported_modules(name: str) -> set[str]:
    """The project's own modules that a file names in its imports, wherever in the file they stand."""
    named = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; the house's style is absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                named.add(inner if inner in MODULES else str(node.module))
    return {module for module in named if module.split(".")[0] in MAY_IMPORT}


def _menu(package: str) -> dict[str, str]:
    """What `__init__.pyi` promises: public name -> module it comes from."""
    tree = ast.parse((ROOT / package / "__init__.pyi").read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(tree.body)
    return {
        alias.asname or alias.name: f"{package}.{node.module}"
        for node in imports
        for alias in node.names
    }


def test_a_package_imports_only_from_floors_below():
    climbs = {
        (name, module)
        for name in MODULES
        for module in _imported_modules(name)
        if module.split(".")[0] not in {_package(name), *MAY_IMPORT[_package(name)]}
    }
    assert climbs == set()


def test_nothing_imports_the_tests_or_the_benchmarks():
    outside = re.compile(r"^\s*(from|import) (tests|benchmarks|examples)\b", re.MULTILINE)
    assert [name for name, file in MODULES.items() if outside.search(file.read_text("utf-8"))] == []


def test_no_two_files_import_each_other_even_in_a_circle():
    graph = {name: _imported_modules(name) - {name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_every_module_that_is_imported_exists():
    imported = {(name, module) for name in MODULES for module in _imported_modules(name)}
    assert {(name, module) for name, module in imported if module not in MODULES} == set()


@pytest.mark.parametrize(
    ("module", "most"),
    [
        ("triplets.prepare", 30),
        ("inference.index.embedding_index", 12),
        ("training.fit", 90),
        ("individuals.count", 60),
    ],
)
def test_a_reader_is_led_to_few_files(module, most):
    seen, waiting = {module}, [module]
    while waiting:
        new = _imported_modules(waiting.pop()) - seen
        seen |= new
        waiting += new
    assert len(seen) <= most


def test_only_media_decodes():
    decoders = {"av", "soundfile", "PIL", "guano", "audioread"}
    calls = ("imread", "imdecode", "VideoCapture", "librosa.load", "decode_image", "decode_wav")
    outside = [name for name in MODULES if _package(name) != "media"]
    assert [name for name in outside if decoders & _libraries(TREES[name])] == []
    assert [name for name in outside if any(c.endswith(calls) for c in _calls(TREES[name]))] == []


def test_only_the_front_ends_name_the_numbers_of_yamnet():
    numbers = {1024, 16_000, 0.48, 0.96, 15_600}
    named = {
        (name, node.value)
        for name in MODULES
        if not name.startswith("fused_encoder.front_ends")
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Constant)
        and type(node.value) in (int, float)
        and node.value in numbers
    }
    assert named == {("training.losses.cross_batch_memory", 1024)}  # embeddings it remembers


TENSORFLOW = "tensorflow keras librosa sklearn"
LIGHT = [  # what is used, one thing after the other, and what must still not be loaded
    ("import fused_encoder.weights", f"{TENSORFLOW} matplotlib cv2 av pooch"),
    (f"import {', '.join({*MAY_IMPORT} - {'aviary'})}", f"{TENSORFLOW} matplotlib cv2 av"),
    ("import app.cli.main", f"{TENSORFLOW} matplotlib cv2 av"),
    ("import individuals.outputs", f"{TENSORFLOW} matplotlib cv2 av pyarrow"),
    ("import aviary", f"{TENSORFLOW} matplotlib"),
    (
        "import student.hearing, student.model_card, student.litert, student.unknown\n"
        "student.hearing.StudentHearing()",
        f"{TENSORFLOW} numba matplotlib",
    ),
    (
        "from inference.index import EmbeddingIndex; EmbeddingIndex.open(folder + '/i').close()\n"
        "from individuals.catalogue import Catalogue; Catalogue.open(folder + '/c').close()\n"
        "import individuals.footage, inference.threshold",
        f"{TENSORFLOW.removesuffix(' sklearn')} matplotlib",
    ),
    ("import media; media.load_image, media.load_waveform, media.iter_moments", "numba resampy"),
    ("pass", TENSORFLOW.removesuffix(" sklearn")),
]


def test_what_needs_no_tensorflow_loads_neither_it_nor_what_else_is_slow(tmp_path):
    program = (
        "import json, sys\nfolder, steps = sys.argv[1], json.loads(sys.argv[2])\n"
        "for step, slow in steps:\n"
        "    exec(step)\n"
        "    loaded = {*slow.split()} & {*sys.modules}\n"
        "    assert not loaded, (step, loaded)"
    )
    printed_by(program, tmp_path, json.dumps(LIGHT))


@pytest.mark.parametrize("package", MENUS)
def test_a_menu_lists_what_is_there_and_has_no_logic(package):
    module, menu = importlib.import_module(package), _menu(package)
    for name, origin in menu.items():
        assert getattr(module, name) is getattr(importlib.import_module(origin), name)
    assert sorted(module.__all__) == sorted(menu)
    assert len(TREES[package].body[1:]) == 2, (
        "after the docstring it does more than attach its menu"
    )


def test_nothing_is_evaluated_pickled_or_a_lambda_layer():
    forbidden = {"eval", "exec", "Lambda", "__import__"}
    for name, tree in TREES.items():
        calls = _calls(tree)
        assert not {call.split(".")[-1] if "Lambda" in call else call for call in calls} & forbidden
        assert not [c for c in calls if c.startswith(("pickle.", "joblib.", "marshal."))], name
        assert "allow_pickle=True" not in ast.unparse(tree), name
        assert "safe_mode=False" not in ast.unparse(tree), name


def test_no_error_is_swallowed_unseen():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                is_broad = caught in {"everything", "Exception", "BaseException"}
                raises_again = isinstance(node.body[-1], ast.Raise)
                assert raises_again or not is_broad, f"{name}:{node.lineno} catches {caught}"


def test_each_file_opens_with_a_sentence_and_is_short_enough_to_read():
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []
    lengths = {name: len(file.read_text("utf-8").splitlines()) for name, file in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_libraries_neither_print_nor_assert():
    for name, tree in TREES.items():
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)], name
        assert _package(name) == "app" or "print" not in _calls(tree), name


def _package(module: str) -> str:
    return module.split(".")[0]


def _calls(tree: ast.AST) -> set[str]:
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in functions}


def _libraries(tree: ast.AST) -> set[str]:
    """The top-level names of everything that a file imports."""
    nodes = list(ast.walk(tree))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {
        name.split(".")[0]
        for name in [*plain, *(str(n.module) for n in nodes if isinstance(n, ast.ImportFrom))]
    }
