"""The rules of the tree, checked on every file: layers, safe loading, docstrings, the places of tests."""

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("common", "manifests", "extract", "distill", "evaluate")  # a package imports only those before it
COMMAND_LINES = PACKAGES[1:]
START = ROOT / "early_recognition.py"
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALL_CODE = sorted([START, *SOURCES, *(ROOT / "tests").rglob("*.py")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(parse(path)))


@pytest.fixture(scope="module", autouse=True)
def trees_are_kept_for_this_file_only() -> Iterator[None]:
    yield
    nodes_of.cache_clear()
    parse.cache_clear()


def imported_packages(path: Path) -> set[str]:
    """Return the packages that a file imports from, inside functions too."""
    names = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)}: relative import in line {node.lineno}"
            names.append(node.module or "")
    return {name.split(".")[0] for name in names} & set(PACKAGES)


T = TypeVar("T", bound=Collection[str])


def those_with(found: Mapping[str, T]) -> dict[str, T]:
    """Return the files that break a rule, with what breaks it: one test looks at all files and names all of these."""
    return {name: each for name, each in found.items() if each}


def test_every_package_is_checked() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES)
    packages = [imported_packages(path) for path in SOURCES if name_of(path).startswith("evaluate/")]
    assert set().union(*packages) == set(PACKAGES)


def test_imports_go_one_way() -> None:
    against = {}
    for path in SOURCES:
        package = path.relative_to(ROOT).parts[0]
        against[name_of(path)] = imported_packages(path) - {*PACKAGES[: PACKAGES.index(package) + 1]}
    assert those_with(against) == {}


MODULES = {module_of(path): path for path in SOURCES}


def statements_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported: none of functions, none for type checkers only."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield node
        for name in ("body", "orelse", "finalbody", "handlers"):
            waiting += getattr(node, name, [])


def imported_modules(statements: Iterable[ast.AST]) -> set[str]:
    """Return the modules of the tree that these statements import by name."""
    found = set()
    for node in statements:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else module for name in names}
    return found & MODULES.keys()


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the nodes of a circle in a graph, the first one again at the end; empty if there is none."""
    finished: set[str] = set()

    def visit(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in finished:
            return []
        for other in sorted(graph[node]):
            if found := visit(other, [*way, node]):
                return found
        finished.add(node)
        return []

    for node in sorted(graph):
        if found := visit(node, []):
            return found
    return []


def test_a_circle_is_recognised() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]
    code = "import os\nif TYPE_CHECKING:\n  import common.files\ndef f(): import common.locks\n"
    code += "try:\n  import common.hdf5\nexcept ImportError: from common import errors\n"
    assert imported_modules(statements_at_import(ast.parse(code))) == {"common.hdf5", "common.errors"}


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: imported_modules(statements_at_import(parse(path))) for name, path in MODULES.items()}
    assert circle(graph) == []


def is_command(module: str) -> bool:
    """Return whether a module may use typer and import commands."""
    return module.split(".")[1:2] in (["commands"], ["__main__"])


def test_typer_and_commands_are_for_commands() -> None:
    """A library takes no types of typer, does not print its help, and imports nothing of the command line."""
    against = {}
    for module, path in MODULES.items():
        if not is_command(module):
            against[module] = [name for name in imported_modules(nodes_of(path)) if is_command(name)]
        if not is_command(module) and not module.startswith("common."):
            against[module] += [name for name in imports(path) if name.split(".")[0] in ("typer", "click")]
    assert those_with(against) == {}


@pytest.mark.parametrize("package", COMMAND_LINES)
def test_the_start_of_a_package_is_the_common_one(package: str) -> None:
    body = parse(ROOT / package / "__main__.py").body
    assert [ast.unparse(node) for node in body[1:]] == [
        "from early_recognition import start",
        f"if __name__ == '__main__':\n    start('{package}')",
    ]


HEAVY = {"torch", "torchvision", "timm", "h5py", "matplotlib", "scipy", "av", "tensorboard"}
HELP = """
import contextlib, io, sys
import typer.main
from typer.testing import CliRunner
from {module} import app

def helps(command, *words):
    for name, below in getattr(command, "commands", {{}}).items():
        yield from helps(below, *words, name)
    yield [*words, "--help"]

with contextlib.redirect_stdout(io.StringIO()):
    first = CliRunner().invoke(app, ["--help"])
for words in helps(typer.main.get_command(app)):
    assert CliRunner().invoke(app, words).exit_code == 0, words
print(*{{name.partition(".")[0] for name in sys.modules}})
"""


@pytest.mark.parametrize(
    "module", ["evaluate.commands.early_recognition", *(f"{package}.commands.app" for package in COMMAND_LINES)]
)
def test_help_loads_nothing_heavy(module: str) -> None:
    """So help appears at once. How many seconds that takes depends on the machine and is not tested."""
    command = [sys.executable, "-c", HELP.format(module=module)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in loaded
    assert not set(loaded) & HEAVY


def test_packages_are_typed_and_light() -> None:
    """`import distill` loads nothing; `distill.train` does."""
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file()
    loaded = loaded_with([*PACKAGES])
    assert set(PACKAGES) <= loaded
    assert not loaded & {*HEAVY, "numpy", "pandas", "typer"}


def loaded_with(modules: list[str]) -> set[str]:
    """Return the top-level names of all that is loaded when these modules are imported in a fresh process."""
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    return set(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split())


def test_manifests_load_no_torch_no_hdf5_no_other_package() -> None:
    modules = [module_of(path) for path in SOURCES if name_of(path).startswith("manifests/")]
    assert "manifests.stick_figures.data_set" in modules
    loaded = loaded_with(modules)
    assert "pandas" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "h5py", "safetensors", *PACKAGES[2:]}


def test_the_decode_worker_starts_without_torch() -> None:
    loaded = loaded_with(["extract.decoding.decode_worker"])
    assert "av" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "h5py", "pandas", "scipy"}


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, and every name with its module; inside functions too."""
    names: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_only_processes_of_their_own_read_matlab_files() -> None:
    """SciPy's reader has crashed on damaged files. A worker may die, and a process that reads labels; no other may."""
    of_file = {name_of(path): imports(path) for path in SOURCES}

    def importers(name: str) -> set[str]:
        return {file for file, names in of_file.items() if any(f"{found}.".startswith(f"{name}.") for found in names)}

    names = ("scoring/statistics", "decisions/judgement", "decisions/kernel", "decisions/temperature")
    statistics = {f"evaluate/{name}.py" for name in names}
    matlab = {"extract/skeletons/matlab.py", "manifests/datasets/matlab_cells.py"}
    assert importers("scipy") == matlab | statistics
    assert importers("scipy.io") == matlab
    assert importers("extract.skeletons.matlab") == {"extract/skeletons/readers.py"}
    assert importers("extract.skeletons.readers.read_skeleton") == {"extract/skeletons/segment_points.py"}
    # `phase_times` measures on clips that the benchmark has written; those are no MATLAB files.
    decoding = {"extract/decoding/decode_worker.py", "extract/benchmark/phase_times.py"}
    assert importers("extract.skeletons.segment_points.decode_skeleton") == decoding


def test_scipy_is_loaded_only_when_it_is_used() -> None:
    """Loading it takes a second, and of what imports it every process starts without it."""
    loaded = loaded_with(["evaluate.scoring.statistics", "evaluate.decisions.judgement", "extract.skeletons.readers"])
    assert "numpy" in loaded
    assert "scipy" not in loaded and "sklearn" not in loaded


def attributes(nodes: Iterable[ast.AST], module: str) -> Iterator[ast.Attribute]:
    """Yield every `module.something` among the nodes of a tree."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module:
            yield node


def unsafe_loads(nodes: Collection[ast.AST]) -> list[str]:
    """Return what could run code out of a data file: torch.load unless weights_only=True, pickle's loaders."""
    safe = {
        id(node.func)
        for node in nodes
        if isinstance(node, ast.Call)
        and any(
            word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        )
    }
    found = [
        f"torch.load in line {node.lineno}"
        for node in attributes(nodes, "torch")
        if node.attr == "load" and id(node) not in safe
    ]
    found += [
        f"pickle.{node.attr} in line {node.lineno}"
        for node in attributes(nodes, "pickle")
        if node.attr in ("load", "loads", "Unpickler")
    ]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in ("torch", "pickle"):
            found += [f"{node.module}.{alias.name} by name" for alias in node.names if alias.name.startswith("load")]
    return found


@pytest.mark.parametrize(
    ("code", "unsafe"),
    [
        ("torch.load(path, map_location='cpu', weights_only=True)", False),
        ("torch.load(path)", True),
        ("torch.load(path, weights_only=False)", True),
        ("torch.load(path, weights_only=flag)", True),
        ("read = torch.load", True),
        ("from torch import load", True),
        ("pickle.load(file)", True),
        ("pickle.loads(data)", True),
        ("pickle.dumps(data)", False),
        ("json.load(file)", False),
    ],
)
def test_unsafe_loading_is_recognised(code: str, unsafe: bool) -> None:
    assert bool(unsafe_loads([*ast.walk(ast.parse(code))])) == unsafe


def test_no_file_is_read_that_could_run_code() -> None:
    assert those_with({name_of(path): unsafe_loads(nodes_of(path)) for path in ALL_CODE}) == {}


def test_there_is_a_torch_load_to_look_at() -> None:
    assert any(node.attr == "load" for path in SOURCES for node in attributes(nodes_of(path), "torch"))


SAVES_TENSORS = "common/tensor_bytes.py"


def safetensors_saves(nodes: Iterable[ast.AST]) -> list[str]:
    """Return where nodes of a tree import one of safetensors' functions that save, or a whole module of them."""
    found = []
    for node in nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "safetensors":
            found += [name for name in names if re.match(r"save|serialize|numpy$|torch$|\*", name)]
        elif isinstance(node, ast.Import):
            found += [name for name in names if name.split(".")[0] == "safetensors"]
    return found


@pytest.mark.parametrize(
    ("code", "saves"),
    [
        ("from safetensors.numpy import save", True),
        ("from safetensors.torch import load_file, save_file as write", True),
        ("from safetensors.torch import save_model", True),
        ("from safetensors import serialize_file", True),
        ("from safetensors import numpy", True),
        ("from safetensors.torch import *", True),
        ("import safetensors.torch", True),
        ("from safetensors.torch import load_file", False),
        ("from safetensors import SafetensorError, safe_open", False),
        ("from torch import save", False),
    ],
)
def test_saving_with_safetensors_is_recognised(code: str, saves: bool) -> None:
    assert bool(safetensors_saves(ast.walk(ast.parse(code)))) == saves


def test_one_file_saves_with_safetensors() -> None:
    """It hands the library arrays in C order only: others are scrambled without an error."""
    saves = those_with({name_of(path): safetensors_saves(nodes_of(path)) for path in SOURCES})
    assert saves.keys() == {SAVES_TENSORS}, saves


def without_docstring(tree: ast.Module) -> list[str]:
    """Return the module, public functions, classes and methods that have no docstring."""
    missing = [] if ast.get_docstring(tree) else ["the file itself"]

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name[0] != "_":
                overloads = any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
                if not ast.get_docstring(node) and not overloads:  # the function after its overloads has one
                    missing.append(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    look(node.body, f"{prefix}{node.name}.")

    look(tree.body, "")
    return missing


def test_a_missing_docstring_is_recognised() -> None:
    code = '"""File."""\nclass A:\n  """A."""\n  def b(self): ...\n  def _c(self): ...\ndef d():\n  def e(): ...\n'
    code += "@overload\ndef f(): ...\ndef f(): ...\n"
    assert without_docstring(ast.parse(code)) == ["A.b", "d", "f"]


def test_everything_public_has_a_docstring() -> None:
    assert those_with({name_of(path): without_docstring(parse(path)) for path in SOURCES}) == {}


TESTS = ROOT / "tests"
# Tests of several files together, so that none of them is the one to mirror.
TOGETHER = {
    "distill/commands/test_train_command.py",
    "distill/methods/test_classical.py",
    "distill/methods/test_methods_train.py",
    "evaluate/decisions/test_rules.py",
    "evaluate/report/test_report_in_browser.py",
    "evaluate/report/test_report_numbers.py",
    "evaluate/scoring/test_null_simulation.py",
    "evaluate/test_careless_users.py",
    "evaluate/test_evaluate_cli.py",
    "evaluate/test_every_method.py",
    "evaluate/test_folder_to_table.py",
    "evaluate/test_segment_seconds.py",
    "extract/poses/test_real_models.py",
    "evaluate/test_skeletons_to_table.py",
    "extract/decoding/test_decord.py",
    "extract/decoding/test_nvdec.py",
    "extract/skeletons/test_skeleton_readers.py",
    "extract/test_causality.py",
    "extract/test_kill.py",
    "extract/test_no_locks.py",
    "extract/test_pieces_of_videos.py",
    "extract/test_skeleton_extraction.py",
    "extract/va_cnn/test_skeleton_commands.py",
    "test_api.py",
    "test_lock.py",
    "test_tree.py",
}
FAULTS = ("extract/faults/", "evaluate/watch/faults/")  # runs on faulty videos, streams, machines and disks


def mirrored(test: Path) -> bool:
    """Return whether a test is where its source is: `tests/a/test_b.py` for `a/b.py`, the folder `a/b` or all of `a`.

    The name may begin with the folder's. Of a folder that is no package, only the folder is mirrored.
    """
    folder = ROOT / test.parent.relative_to(TESTS)
    name = test.stem.removeprefix("test_")
    if not (folder / "__init__.py").is_file() and folder != ROOT:
        return folder.is_dir()
    short = name.removeprefix(folder.name).removeprefix("_")
    return any(one == "" or (folder / f"{one}.py").is_file() or (folder / one).is_dir() for one in (name, short))


def test_tests_mirror_the_tree() -> None:
    elsewhere = {test.relative_to(TESTS).as_posix() for test in TESTS.rglob("test_*.py") if not mirrored(test)}
    assert {name for name in elsewhere - TOGETHER if not name.startswith(FAULTS)} == set()
