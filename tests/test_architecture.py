"""The shape of the house: which package may import which, and what each shows to the world."""

import ast
import importlib
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_from_floors_below(package):
    allowed = MAY_IMPORT[package] | {package}
    climbs = {
        (name, module)
        for name in MODULES
        for module in (_imported_modules(name) if name.split(".")[0] == package else ())
        if module.split(".")[0] not in allowed
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
    missing = {
        (name, module)
        for name in MODULES
        for module in _imported_modules(name)
        if module not in MODULES
    }
    assert missing == set()


def test_importing_the_packages_and_the_command_line_loads_no_tensorflow():
    program = (
        "import sys, fused_encoder, triplets, training, inference, individuals, archives, app.cli.main\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'sklearn', 'matplotlib', 'cv2', 'av'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


@pytest.mark.parametrize("package", MENUS)
def test_each_name_on_a_menu_is_there_and_comes_from_where_it_says(package):
    module = importlib.import_module(package)
    for name, origin in _menu(package).items():
        assert getattr(module, name) is getattr(importlib.import_module(origin), name)


@pytest.mark.parametrize("package", MENUS)
def test_all_lists_the_whole_menu(package):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(_menu(package))
    assert set(module.__all__) <= set(dir(module))


def test_each_menu_is_a_package_without_logic():
    for package in MENUS:
        statements = TREES[package].body[1:]  # after the docstring
        assert len(statements) == 2, f"{package}/__init__.py does more than attach its menu"


def _calls(tree: ast.AST) -> set[str]:
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in functions}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_evaluated_pickled_or_a_lambda_layer(name):
    calls = {call.split(".")[-1] if "Lambda" in call else call for call in _calls(TREES[name])}
    assert not calls & {"eval", "exec", "Lambda", "__import__"}
    assert not [call for call in calls if call.startswith(("pickle.", "joblib.", "marshal."))]
    assert "allow_pickle=True" not in ast.unparse(TREES[name])
    assert "safe_mode=False" not in ast.unparse(TREES[name])


@pytest.mark.parametrize("name", MODULES)
def test_no_error_is_swallowed_unseen(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            raises_again = isinstance(node.body[-1], ast.Raise)
            is_broad = caught in {"everything", "Exception", "BaseException"}
            assert raises_again or not is_broad, f"line {node.lineno} catches {caught}"


@pytest.mark.parametrize("name", MODULES)
def test_each_file_says_its_place_and_is_short_enough_to_read(name):
    text = MODULES[name].read_text("utf-8")
    assert ast.get_docstring(TREES[name]), "a module opens with one sentence"
    assert len(text.splitlines()) <= 300
    assert not [node for node in ast.walk(TREES[name]) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("app")])
def test_libraries_log_and_never_print(name):
    assert "print" not in _calls(TREES[name])
