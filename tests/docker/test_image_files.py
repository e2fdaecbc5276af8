"""The image's files, read and run as far as that goes without an image: the lock's parts, the entry point, no host.

What needs an image (size, user, read-only root, the tests inside) is `docker/check`.
"""

import ast
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
FILES = sorted(path for path in DOCKER.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
DOCKERFILES = [DOCKER / "Dockerfile", DOCKER / "test.Dockerfile"]
SCRIPTS = [path for path in FILES if path.read_text(encoding="utf-8").startswith("#!")]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def load(name: str) -> ModuleType:
    """Import a file of docker/, which is no package."""
    specification = importlib.util.spec_from_file_location(name, DOCKER / f"{name}.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def extras_of(path: Path) -> list[list[str]]:
    """Return the extras that a Dockerfile asks `requirements_of.py` for, call by call."""
    text = path.read_text(encoding="utf-8")
    return [words.split() for words in re.findall(r"python3 requirements_of\.py ([a-z0-9 ]+) >", text)]


def stages(path: Path) -> dict[str, str]:
    """Return the instructions of each stage by its name, lines that go on joined, comments left out."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    found = re.findall(r"^FROM \S+(?: AS (\w+))?\n(.*?)(?=^FROM |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return {name or "last": instructions for name, instructions in found}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_host_of_packages_or_images_and_no_place_of_a_machine_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":  # a page says where the videos come from
        assert not re.search(r"://|\b[\w-]+\.(io|com|org|net)\b", re.sub(r"(kubernetes.io|nvidia.com)/", "", text))
    assert not re.search(r"(?<![\w.$}])/(home|root|Users|mnt|work)/", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_parse_and_can_be_started(path: Path) -> None:
    shell = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").removeprefix("/usr/bin/env ")
    subprocess.run([shell, "-n", str(path)], check=True)
    assert path.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_packages_come_from_the_lock_with_their_hashes(path: Path) -> None:
    installs = re.findall(r"\binstall (?=--quiet).*?(?=&&|$)", "\n".join(stages(path).values()), flags=re.MULTILINE)
    assert installs
    for line in installs:
        assert "--no-deps" in line and ("--require-hashes" in line or "--no-index" in line), line
    assert "pip install" not in path.read_text(encoding="utf-8").replace("/pip --python", "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_its_part_of_the_lock_holds_what_its_extras_name(path: Path) -> None:
    module = load("requirements_of")
    [extras] = extras_of(path)
    part = module.requirements_of(LOCK, PROJECT, extras)
    pins = re.findall(r"^([a-z0-9._-]+)==", part, flags=re.MULTILINE)
    wanted = PROJECT["dependencies"] + [line for name in extras for line in PROJECT["optional-dependencies"][name]]
    assert {module.name_of(line) for line in wanted} <= set(pins)
    assert part.count("--hash=sha256:") >= len(pins)
    assert all(line in LOCK for line in part.splitlines())
    assert {"torch", "triton", "nvidia-cublas", "sympy"} <= set(pins), "what is needed by what is needed"
    assert ("pytest" in pins, "ray" in pins) == ("dev" in extras, False)


def test_only_what_is_needed_is_taken() -> None:
    lock = """\
a==1 \\
    --hash=sha256:00
    # via ours (pyproject.toml)
b==2 ; sys_platform == 'linux' \\
    --hash=sha256:11
    # via
    #   a
    #   other
c==3 \\
    --hash=sha256:22
    # via b
d==4 \\
    --hash=sha256:33
    # via ours (pyproject.toml)
other==5 \\
    --hash=sha256:44
    # via d
"""
    requirements_of = load("requirements_of").requirements_of
    project = {"dependencies": ["a>=1 ; python_version > '3'"], "optional-dependencies": {"more": ["D[x]>=4"]}}
    pins = re.split(r"(?m)^(?=\w+==)", lock)[1:]
    assert requirements_of(lock, project, []) == "".join(pins[:3])
    assert requirements_of(lock, project, ["more"]) == lock
    with pytest.raises(KeyError, match="less"):
        requirements_of(lock, project, ["less"])


def test_files_of_a_gpu_are_dropped_unless_they_are_mapped(tmp_path: Path) -> None:
    module = load("drop_gpu_files")
    libraries = ["nvidia/cublas/lib/libcublas.so", "nvidia/cudnn/lib/libengines.so"]
    for name in (*libraries, "triton/a.py", "cuda/bindings/b.py", "torch/lib/libtorch.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1234")
    module.drop_modules(tmp_path)
    module.drop_libraries(tmp_path, {tmp_path / libraries[0]})
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"libcublas.so", "libtorch.so"}
    assert any(path.name.startswith("libc.so") for path in module.mapped_files())


def test_the_image_is_what_it_promises() -> None:
    names = stages(DOCKER / "Dockerfile")
    assert list(names) == ["python", "packages", "project", "image"], "the last one is what a plain build makes"
    image = names["image"]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", image, flags=re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*CMD \["python", "-m", "extract", "doctor"\]$', image, flags=re.MULTILINE)
    assert 'ENTRYPOINT ["/opt/early-recognition/entrypoint"]' in image
    assert not re.search(r"PIP_|\bpip\b|apt-get|--mount|<<", image)
    titles = re.findall(r"org\.opencontainers\.image\.(\w+)=", image)
    assert {"title", "version", "revision", "licenses"} <= set(titles)
    assert f"ARG VERSION={PROJECT['version']}\n" in image
    assert "--mount" not in "".join(names.values()), "docker's old builder knows none"


def test_what_is_copied_is_in_the_context_and_nothing_else_is() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {rule.removeprefix("!").strip("/") for rule in rules if rule.startswith("!")}
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists() and name.split("/")[0] in kept
    assert all((ROOT / name).exists() for name in kept)


def entrypoint(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the entry point with a `python` that says what it is asked."""
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "python $*"\n')
    python.chmod(0o755)
    (folder / "tensorboard").write_text('#!/bin/sh\necho "tensorboard $*"\n')
    (folder / "tensorboard").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run([DOCKER / "entrypoint", *words], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("manifests check a.csv", ["python -m manifests check a.csv"]),
        ("extract doctor", ["python -m extract doctor"]),
        ("distill sweep x", ["python -m distill sweep x"]),
        ("evaluate --help", ["python -m evaluate --help"]),
        ("demo --seeds 0", ["python -m evaluate reproduce stick-figures --out /out/demo --seeds 0"]),
        (
            "reproduce ucf101 --videos /videos",
            ["python -m evaluate reproduce ucf101 --out /out/ucf101 --get-weights --videos /videos"],
        ),
        ("reproduce", ["python -m evaluate reproduce"]),
        ("reproduce --help", ["python -m evaluate reproduce --help"]),
        ("reproduce --videos /v a", ["python -m evaluate reproduce --videos /v a"]),
        ("tensorboard --logdir /out", ["tensorboard --logdir /out"]),
        ("python -m extract run", ["python -m extract run"]),
    ],
)
def test_the_entry_point_starts(words: str, asked: list[str], tmp_path: Path) -> None:
    done = entrypoint(*words.split(), folder=tmp_path)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, asked, "")


def test_the_entry_point_explains_itself_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    helped = entrypoint(folder=tmp_path)
    assert helped.returncode == 0 and helped.stdout == entrypoint("--help", folder=tmp_path).stdout
    cases = re.findall(r"^([a-z |]+)\)$", (DOCKER / "entrypoint").read_text(encoding="utf-8"), flags=re.MULTILINE)
    verbs = {verb for case in cases for verb in case.split(" | ")}
    assert {"extract", "distill", "evaluate", "manifests", "demo", "reproduce"} <= verbs
    assert all(re.search(rf"\b{verb}\b", helped.stdout) for verb in verbs - {"help", "sh"})
    refused = entrypoint("demonstrate", folder=tmp_path)
    assert refused.returncode == 2 and refused.stderr.startswith("error: demonstrate is none of manifests, extract")


def test_the_files_of_python_are_documented() -> None:
    for path in DOCKER.glob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
