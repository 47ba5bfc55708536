"""The package as a whole: what it imports and exposes, that it installs alone and is tidy."""

import ast
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import d2lmini
from tools import ROOT

PACKAGE = ROOT / "d2lmini"
HEAVY = ("torch", "matplotlib", "ipywidgets", "anywidget", "scipy", "pandas", "sklearn")

# Each may import those above it: kernels <- arguments <- data, distances <- attention <- the rest.
# plots knows arrays only; widgets may use kernels and data; exercise_checks may use anything, grade
# alone imports it.
_CHECKS = {"kernels", "arguments"}
_CORE = _CHECKS | {"data", "distances", "attention", "memory"}
_SUMS = {"kernels", "line", "distances", "windows"}
MAY_IMPORT = {
    "kernels": set(),
    "arguments": {"kernels"},
    "data": {"arguments"},
    "distances": _CHECKS,
    "memory": {"kernels"},
    "attention": _CHECKS | {"distances", "memory"},
    "local_line": _CORE,
    "line": set(),
    "windows": _SUMS,
    "fast_gauss": _SUMS,
    "prefix_sums": _SUMS,
    "all_pairs": _CORE | {"line"},
    "smoothing": _CORE | _SUMS | {"all_pairs", "fast_gauss", "prefix_sums"},
    "along_line": _CORE | _SUMS | {"smoothing", "fast_gauss", "prefix_sums"},
    "bandwidth": _CORE | {"all_pairs", "along_line"},
    "progress_bar": set(),
    "learning": _CORE | {"progress_bar"},
    "plots": set(),
    "positions": _CHECKS,
    "widgets": {"arguments", "data", "kernels", "widgets"},
    "grade": {"__version__", "exercise_checks", "grade"},
}
CORE = [PACKAGE / f"{name}.py" for name in MAY_IMPORT if (PACKAGE / f"{name}.py").exists()]


def python(code, **keywords):
    """Run code in a fresh interpreter, away from the repository; its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, **keywords)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_brings_in_nothing_heavy(tmp_path):
    code = (
        "import sys, d2lmini as d\n"
        "e, w = d.nadaraya_watson([0.0, 1.0], [0.0, 1.0], [1.0, 2.0], 'tricube', 2)\n"
        "d.data.sine(); d.masked_softmax([0.0, 1.0]); d.attention_pooling(w, e)\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    assert python(code, cwd=tmp_path) == "[]"


def test_submodules_load_when_they_are_first_used(tmp_path):
    code = (
        "import sys, d2lmini\n"
        "assert 'd2lmini.plots' not in sys.modules and 'd2lmini.widgets' not in sys.modules\n"
        "d2lmini.plots.fit; d2lmini.widgets.Smoother; d2lmini.attention; d2lmini.kernels\n"
        "assert 'torch' not in sys.modules\n"
        "print('loaded')"
    )
    assert python(code, cwd=tmp_path) == "loaded"


def test_star_import_stays_light(tmp_path):
    code = f"from d2lmini import *\nimport sys\nprint(data.sine(), set({HEAVY}) & set(sys.modules))"
    assert python(code, cwd=tmp_path) == "Sample('sine', n=40, m=500, noise_sd=1) set()"


def test_public_names():
    assert d2lmini.__all__ == sorted(d2lmini.__all__, key=lambda n: (not n.isupper(), n))
    for name in (*d2lmini.__all__, *d2lmini._SUBMODULES, "__version__"):
        assert name in dir(d2lmini)
        assert getattr(d2lmini, name) is not None
    with pytest.raises(AttributeError, match="module 'd2lmini' has no attribute 'transformer'"):
        d2lmini.transformer  # noqa: B018
    assert not hasattr(d2lmini, "namespace")


def module_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Modules of d2lmini that the file imports, anywhere in it, by their first name."""
    parts = ("d2lmini", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("d2lmini.")}
    return found


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_dependencies_run_one_way(path):
    module = module_of(path)
    if module == "exercise_checks":
        assert "grade" not in imported(path)
    else:
        assert imported(path) <= MAY_IMPORT[module]


@pytest.mark.parametrize("path", [PACKAGE / "__init__.py", *FILES], ids=lambda p: p.name)
def test_torch_is_imported_by_learning_alone(path):
    if module_of(path) in ("learning", "exercise_checks", "grade"):
        return
    code = path.read_text(encoding="utf-8").replace("if TYPE_CHECKING:\n    import torch\n", "")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            assert not any(name.split(".")[0] == "torch" for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_function_fits_a_screen_and_a_public_one_is_documented(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            words = len((ast.get_docstring(node) or "").splitlines())
            assert node.end_lineno - node.lineno - words < 40, node.name
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_in_the_core_every_function_is_short_and_every_public_one_is_typed(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, node.name
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert all(argument.annotation for argument in given), node.name
            assert node.returns, node.name


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of the tree, built and installed alone into an empty folder."""
    tree, target = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, tree / "d2lmini", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target]
    if find_spec("setuptools") and int(version("setuptools").split(".")[0]) >= 77:
        command.append("--no-build-isolation")
    done = subprocess.run([*command, "."], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_the_installed_package_holds_every_file(installed):
    kept = {p.relative_to(PACKAGE) for p in PACKAGE.rglob("*") if p.suffix in
            (".py", ".js", ".css", ".json") and "__pycache__" not in p.parts}  # fmt: skip
    got = {p.relative_to(installed / "d2lmini") for p in (installed / "d2lmini").rglob("*")}
    assert kept <= got
    (info,) = installed.glob("d2lmini-*.dist-info")
    assert info.name == f"d2lmini-{d2lmini.__version__}.dist-info"
    metadata = (info / "METADATA").read_text(encoding="utf-8")
    assert "License-Expression: MIT" in metadata
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert all(re.fullmatch(r"[\w -]+: [\w-]+(>=[\d.]+)?( *;.*)?", line) for line in needs), needs
    assert "Requires-Dist: ipywidgets>=7.7" in needs
    assert 'Requires-Dist: torch; extra == "torch"' in needs


def test_an_environment_with_numpy_alone_can_use_it(installed, tmp_path):
    venv.create(tmp_path / "empty", with_pip=False, symlinks=os.name != "nt")
    folder = "Scripts" if os.name == "nt" else "bin"
    site = installed.parent / "numpy_only"
    site.mkdir()
    source = Path(np.__file__).parent
    for path in source.parent.glob("numpy*"):  # numpy, numpy.libs
        (site / path.name).symlink_to(path, target_is_directory=path.is_dir())
    code = (
        "import sys, d2lmini\n"
        "for name in ('torch', 'matplotlib', 'ipywidgets'):\n"
        "    try:\n"
        "        __import__(name)\n"
        "    except ImportError:\n"
        "        continue\n"
        "    raise SystemExit(name + ' is there: the environment is not empty')\n"
        "s = d2lmini.data.sine_power()\n"
        "print(d2lmini.nadaraya_watson(s.queries, s.keys, s.values)[0].shape, d2lmini.__file__)"
    )
    done = subprocess.run([tmp_path / "empty" / folder / "python", "-W", "error", "-c", code],
                          cwd=tmp_path, capture_output=True, text=True,
                          env={"PYTHONPATH": os.pathsep.join(map(str, (installed, site))),
                               "PATH": os.environ["PATH"]})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:1] == ["(50,)"]
    assert str(installed) in done.stdout
