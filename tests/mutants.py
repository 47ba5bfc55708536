"""Break the code on purpose, one fault at a time: every fault must turn a test red.

    .venv/bin/python -m tests.mutants [NAME ...]

Works on a copy of the tree. A fault that only built pages show is built in as well. The tests named
for a fault pass without it: that is checked first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools import ROOT

APART = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".pytest_cache", ".hypothesis", "work"
)


@dataclass(frozen=True)
class Mutant:
    """In ``file`` the text ``old``, found once, becomes ``new``; one of ``tests`` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    build: bool = False


EXPLORERS, CORE, JS = (
    "tests/explorers/test_explorers.py",
    "tests/core/test_attention.py",
    "tests/js/test_js.py",
)
GIVEN = "tests/core/test_what_is_given.py"
DOT_PRODUCT, CHECKS = "tests/core/test_dot_product.py", "tests/exercises/test_exercise_checks.py"
GRADE = "tests/exercises/test_grade"

MUTANTS = [
    Mutant(
        "sum over the wrong axis",
        "d2lmini/attention.py",
        "total = terms.sum(-1)[..., None]",
        "total = terms.sum(-2)[..., None, :]",
        (CORE,),
    ),
    Mutant(
        "no maximum subtracted",
        "d2lmini/attention.py",
        "shifted = scores - xp.where(peak > -math.inf, peak, 0.0)",
        "shifted = scores",
        (CORE,),
    ),
    Mutant(
        "sigma for sigma squared",
        "d2lmini/distances.py",
        "kernel.log_ratio(in_sigmas(gap, points.sigma), in_sigmas(middle, points.sigma))",
        "kernel.log_ratio(in_sigmas(gap, points.sigma), middle)",
        (CORE,),
    ),
    Mutant(
        "states merged without the factor of the second",
        "d2lmini/widgets/js/online.js",
        "const [first, second] = [Math.exp(one.M - M), Math.exp(other.M - M)];",
        "const [first, second] = [Math.exp(one.M - M), 1];",
        (JS,),
    ),
    Mutant(
        "a transformer without its temperature",
        "d2lmini/widgets/js/transformer.js",
        "+ bias(j)) / temperature;",
        "+ bias(j));",
        ("tests/js/test_transformer.py",),
    ),
    Mutant(
        "the heatmap of the other head",
        "d2lmini/widgets/js/headparts.js",
        "const own = rowOf(weights, head - 1, 0, 1, m * n);",
        "const own = rowOf(weights, 2 - head, 0, 1, m * n);",
        ("tests/explorers/test_explorer_heads.py",),
    ),
    Mutant(
        "what a right function is asked besides is skipped",
        "d2lmini/exercise_checks/engine.py",
        "if exercise.also and not (",
        "if False and not (",
        (CHECKS,),
    ),
    Mutant(
        "scale of the dot products forgotten",
        "d2lmini/arguments.py",
        "scale = d**-0.5 if scale is None else",
        "scale = 1.0 if scale is None else",
        (DOT_PRODUCT,),
    ),
    Mutant(
        "attention mask turned round",
        "d2lmini/attention.py",
        "total = hide(total, mask)",
        "total = total if mask is None else hide(total, ~mask)",
        (DOT_PRODUCT,),
    ),
    Mutant(
        "bias forgotten",
        "d2lmini/attention.py",
        "scores if bias is None else scores + bias",
        "scores if bias is None else scores + 0 * bias",
        (DOT_PRODUCT, "-k", "factor or torchs"),
    ),
    Mutant(
        "scale rounded to float32",
        "d2lmini/arguments.py",
        'given = given if hasattr(given, "dtype") else as_array(name, given, np)',
        "given = given",
        (DOT_PRODUCT,),
    ),
    Mutant(
        "an overflow passes for a hidden key",
        "d2lmini/arguments.py",
        "fits = fits & (xp.isfinite(total) | (bias == -math.inf))",
        "pass",
        (DOT_PRODUCT,),
    ),
    Mutant(
        "positional kernel without its bandwidth",
        "d2lmini/positions.py",
        "abs(_distance(n)) / float(sigma)",
        "abs(_distance(n)) * float(sigma)",
        ("tests/core/test_positions.py",),
    ),
    Mutant(
        "a token sees what comes after",
        "d2lmini/positions.py",
        "return distance <= 0",
        "return distance >= 0",
        ("tests/core/test_positions.py",),
    ),
    Mutant(
        "weights not zeroed on empty windows",
        "d2lmini/attention.py",
        "xp.where(shifted > floor, xp.exp(xp.clip(shifted, floor, None)), 0.0)",
        "xp.exp(xp.clip(shifted, floor, None))",
        (CORE,),
    ),
    Mutant(
        "0/0 on empty windows",
        "d2lmini/attention.py",
        "return terms / xp.where(total > 0, total, 1.0)",
        "return terms / total",
        (CORE,),
    ),
    Mutant(
        "mask upside down",
        "d2lmini/distances.py",
        "namespace(array).where(mask, array, filler)",
        "namespace(array).where(mask, filler, array)",
        (CORE,),
    ),
    Mutant(
        "sigma of the warning reaches one query only",
        "d2lmini/distances.py",
        "nearest[nearest < math.inf].max()",
        "nearest[nearest < math.inf].min()",
        (CORE,),
    ),
    Mutant(
        "NaN gradient where query and key coincide",
        "d2lmini/distances.py",
        "xp.sqrt(xp.where(nonzero, squares, 1.0))",
        "xp.sqrt(squares)",
        (CORE,),
    ),
    Mutant(
        "boxcar < for <=",
        "d2lmini/kernels.py",
        "xp.where(u <= 1, _constant(u), -math.inf)",
        "xp.where(u < 1, _constant(u), -math.inf)",
        ("tests/core/test_kernels.py",),
    ),
    Mutant(
        "Epanechnikov is triangular",
        "d2lmini/kernels.py",
        "_log((1 - u) * (1 + u), xp)",
        "_log(1 - u, xp)",
        ("tests/core/test_kernels.py",),
    ),
    Mutant(
        "variance for standard deviation of the noise",
        "d2lmini/data.py",
        "rng.normal(0, noise_sd, n)",
        "rng.normal(0, noise_sd**2, n)",
        ("tests/core/test_data.py",),
    ),
    Mutant(
        "heatmap with queries and keys swapped",
        "d2lmini/plots.py",
        "image = axis.pcolormesh(*edges, cells,",
        "image = axis.pcolormesh(*edges[::-1], cells.T,",
        ("tests/core/test_plots.py",),
    ),
    Mutant(
        "windows that end too early",
        "d2lmini/windows.py",
        "DEPTH = 50.0",
        "DEPTH = 15.0",
        ("tests/core/test_smoothing.py",),
    ),
    Mutant(
        "the fast Gauss transform with half of its terms",
        "d2lmini/fast_gauss.py",
        "NODES = 16",
        "NODES = 8",
        ("tests/core/test_smoothing.py",),
    ),
    Mutant(
        "cumulative sums with half of their digits",
        "d2lmini/prefix_sums.py",
        "2.0 ** -(60 - ",
        "2.0 ** -(30 - ",
        ("tests/core/test_smoothing.py",),
    ),
    Mutant(
        "what rounding leaves of an empty window is believed",
        "d2lmini/prefix_sums.py",
        " | (count == 0)",
        "",
        ("tests/core/test_smoothing.py",),
    ),
    Mutant(
        "each heatmap on a scale of its own",
        "d2lmini/plots.py",
        "vmin=low, vmax=top",
        "vmin=low, vmax=np.max(cells)",
        ("tests/core/test_plots.py",),
    ),
    Mutant(
        "plots loaded with the package",
        "d2lmini/__init__.py",
        "from .kernels import KERNELS, Kernel",
        "from . import plots\nfrom .kernels import KERNELS, Kernel",
        ("tests/core/test_package.py", "-k", "heavy"),
    ),
    Mutant(
        "palette not shipped",
        "pyproject.toml",
        'd2lmini = ["palette.json", ',
        "d2lmini = [",
        ("tests/core/test_package.py", "-k", "every_file"),
    ),
    Mutant(
        "unexecuted cell",
        "chapters/02_nadaraya_watson.ipynb",
        '"execution_count": 12,',
        '"execution_count": null,',
        ("tests/book/test_notebooks.py",),
    ),
    Mutant(
        "a stored output that the code does not print",
        "chapters/02_nadaraya_watson.ipynb",
        "30 jumps, the largest 0.55",
        "30 jumps, the largest 0.56",
        (
            "--nbval",
            "--nbval-sanitize-with",
            "tests/nbval_sanitize.cfg",
            "chapters/02_nadaraya_watson.ipynb",
        ),
    ),
    Mutant(
        "javascript kernel differs from Python's",
        "d2lmini/widgets/js/maths.js",
        "row[i] = Math.max(0, 1 - u * u);",
        "row[i] = Math.max(0, 1 - u);",
        (JS,),
    ),
    Mutant(
        "sigma for sigma squared in JavaScript",
        "d2lmini/widgets/js/maths.js",
        "0.5 / Math.max(width, TINY) ** 2",
        "0.5 / Math.max(width, TINY)",
        (JS,),
    ),
    Mutant(
        "weights not zeroed on empty windows in JavaScript",
        "d2lmini/widgets/js/maths.js",
        "const share = total > 0 ? 1 / total : 0;",
        "const share = 1 / total;",
        (JS,),
    ),
    Mutant(
        "a point votes on itself in leave-one-out",
        "d2lmini/all_pairs.py",
        "            if leave_out:\n                weights[on_itself] = 0.0\n",
        "",
        ("tests/core/test_bandwidth.py",),
    ),
    Mutant(
        "empty windows admitted in leave-one-out",
        "d2lmini/all_pairs.py",
        "np.where(np.isnan(squares), math.inf, squares / values.size)",
        "squares / values.size",
        ("tests/core/test_bandwidth.py",),
    ),
    Mutant(
        "near keys taken for far ones, and left out",
        "d2lmini/all_pairs.py",
        "NOTHING = -50.0",
        "NOTHING = -5.0",
        ("tests/core/test_bandwidth.py",),
    ),
    Mutant(
        "no care for queries far from all keys",
        "d2lmini/distances.py",
        "NEAR = 8.0",
        "NEAR = 1e300",
        (CORE,),
    ),
    Mutant(
        "worst bandwidth selected",
        "d2lmini/bandwidth.py",
        "    best = int(errors.argmin())",
        "    best = int(errors.argmax())",
        ("tests/core/test_bandwidth.py",),
    ),
    Mutant(
        "noise sd for its variance",
        "d2lmini/bandwidth.py",
        "variance[rows] = noise_sd**2 *",
        "variance[rows] = noise_sd *",
        ("tests/core/test_bandwidth.py",),
    ),
    Mutant(
        "local line without its slope",
        "d2lmini/local_line.py",
        "tilt = share * (columns * offset).sum(0)",
        "tilt = 0.5 * share * (columns * offset).sum(0)",
        ("tests/core/test_local_linear.py",),
    ),
    Mutant(
        "JavaScript leave-one-out keeps the point",
        "d2lmini/widgets/js/maths.js",
        "if (leftOut && j < to) row[j] = 0;",
        "",
        ("tests/explorers/test_widget_bandwidth.py",),
    ),
    Mutant(
        "heatmap of other keys than its columns",
        "d2lmini/widgets/js/maths.js",
        "const i = columns[c];",
        "const i = c;",
        (JS,),
    ),
    Mutant(
        "picture kept when the bandwidth moves",
        "d2lmini/widgets/js/draw.js",
        "part !== last?.given[i]",
        "i < 3 && part !== last?.given[i]",
        (f"{EXPLORERS}::test_sigma_by_keyboard_gives_the_number_that_python_gives",),
        build=True,
    ),
    Mutant(
        "causal mask upside down in JavaScript",
        "d2lmini/widgets/js/tokens.js",
        "causal: (i, j) => j <= i",
        "causal: (i, j) => j >= i",
        ("tests/explorers/test_widget_attention.py",),
    ),
    Mutant(
        "temperature sigma for sigma squared in JavaScript",
        "d2lmini/widgets/js/tokens.js",
        "(query, key) / sigma / sigma",
        "(query, key) / sigma",
        ("tests/explorers/test_widget_attention.py",),
    ),
    Mutant(
        "table of weights with queries and keys swapped",
        "d2lmini/widgets/js/sentence.js",
        "text(weights[i][j])",
        "text(weights[j][i])",
        ("tests/explorers/test_explorer_attention.py",),
    ),
    Mutant(
        "learned w not squared",
        "d2lmini/learning.py",
        "beyond = ((scaled - p) * (scaled + p)).sum(-1)",
        "beyond = (abs(scaled) - abs(p)).sum(-1)",
        ("tests/core/test_learning.py",),
    ),
    Mutant(
        "softmax over the queries",
        "d2lmini/learning.py",
        "self.w.to(difference.dtype)), dim=-1)",
        "self.w.to(difference.dtype)), dim=0)",
        ("tests/core/test_learning.py",),
    ),
    Mutant(
        "hidden entries are used",
        "d2lmini/arguments.py",
        "if np.ma.is_masked(given):",
        "if False:",
        (GIVEN,),
    ),
    Mutant(
        "an array of components, queries and keys",
        "d2lmini/distances.py",
        "    unit, squares = xp.where(nonzero, size, 1.0), 0.0\n",
        "    whole = keys.T[:, None, :] - queries.T[:, :, None]\n"
        "    unit, squares = xp.where(nonzero, size, 1.0), 0.0 * whole[0]\n",
        (GIVEN,),
    ),
    Mutant(
        "pairs keep the point itself",
        "d2lmini/learning.py",
        "(column >= torch.arange",
        "(column > torch.arange",
        ("tests/core/test_learning.py",),
    ),
    Mutant(
        "summed loss for mean loss",
        "d2lmini/learning.py",
        "- values) ** 2).mean()",
        "- values) ** 2).sum()",
        ("tests/core/test_learning.py",),
    ),
    Mutant(
        "dead slider in the built page",
        "book/static/host/host.js",
        'model.set("value", fromInput(Number(input.value)))',
        "void 0",
        (f"{EXPLORERS}::test_sigma_by_keyboard_gives_the_number_that_python_gives",),
        build=True,
    ),
    Mutant(
        "link carries one way only",
        "book/static/host/host.js",
        'if (model.name === "LinkModel") b.on',
        "if (false) b.on",
        (f"{EXPLORERS}::test_the_link_works_both_ways",),
        build=True,
    ),
    Mutant(
        "external script on every page",
        "book/static/print.js",
        "  const root = document.documentElement;",
        "  const root = document.documentElement;\n"
        '  const outside = document.createElement("script");\n'
        '  outside.src = "//example.org/count.js";\n'
        "  document.head.append(outside);",
        ("tests/book/test_pages.py", "-k", "nothing_from_outside and intro"),
        build=True,
    ),
    Mutant(
        "explorer not linked to its slider",
        "d2lmini/widgets/base.py",
        'ipywidgets.jslink((self.sigma_slider, "value"), (view, "sigma"))',
        'ipywidgets.jsdlink((view, "sigma"), (self.sigma_slider, "value"))',
        ("tests/explorers/test_widgets.py",),
    ),
    Mutant(
        "any answer passes",
        "d2lmini/exercise_checks/compare.py",
        "    if not wrong.any():",
        "    if not wrong.all():",
        (CHECKS,),
    ),
    Mutant(
        "a check tells the value it asks for",
        "d2lmini/exercise_checks/engine.py",
        "exercise.returns, reveal=False)",
        "exercise.returns, reveal=True)",
        (CHECKS,),
    ),
    Mutant(
        "an endless loop goes on",
        "d2lmini/exercise_checks/limits.py",
        "        while not thread.over and thread.is_alive()",
        "        while False and thread.is_alive()",
        (CHECKS, "-k", "loop_is_ended"),
    ),
    Mutant(
        "a check leaves other random numbers behind",
        "d2lmini/exercise_checks/limits.py",
        "np.random.set_state(numpy)",
        "pass",
        (CHECKS,),
    ),
    Mutant(
        "a reader's text becomes markup",
        "d2lmini/exercise_checks/show.py",
        'f"{escape(_few_lines(result.printed))}</pre>"',
        'f"{_few_lines(result.printed)}</pre>"',
        (CHECKS,),
    ),
    Mutant(
        "a file known by its shown name",
        "d2lmini/grade/reading.py",
        "return quoted(Path(os.path.relpath(path, folder)).as_posix())",
        "return safe(Path(os.path.relpath(path, folder)).as_posix())",
        (f"{GRADE}_files.py",),
    ),
    Mutant(
        "events taken as they come",
        "d2lmini/grade/wire.py",
        'if fields is None or set(event) != {"event", *fields}:',
        "if fields is None:",
        (f"{GRADE}_wire.py", "-k", "event"),
    ),
    Mutant(
        "cases not tried on the reference",
        "d2lmini/grade/cases.py",
        "if problem := form.lengths(case) or _refused(exercise, case):",
        "if problem := form.lengths(case):",
        (f"{GRADE}_cases.py",),
    ),
    Mutant(
        "nobody adopts what a notebook abandons",
        "d2lmini/grade/family.py",
        "prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)",
        "pass",
        (f"{GRADE}_hostile.py", "-k", "abandoned"),
    ),
    Mutant(
        "the best curve takes values for the truth",
        "d2lmini/in_context.py",
        "NOISE_SD**2 * torch.eye",
        "1e-6 * torch.eye",
        ("tests/core/test_in_context.py",),
    ),
    Mutant(
        "a head's distance is not weighted",
        "d2lmini/reading_heads.py",
        "np.sum(weights * gaps, -1)",
        "np.mean(gaps, -1)",
        ("tests/core/test_reading_heads.py",),
    ),
]


def run(copy: Path, *command: str) -> subprocess.CompletedProcess:
    """Run Python in the copy, which comes before the installed project on the path."""
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("CI", None)
    return subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
    )


def build(copy: Path) -> str:
    """Build the book of the copy; what went wrong, or nothing."""
    done = run(copy, "-m", "tools.build")
    return done.stderr[-400:] if done.returncode else ""


def tests(copy: Path, arguments: tuple[str, ...]) -> subprocess.CompletedProcess:
    return run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments)


def survives(mutant: Mutant, copy: Path) -> str:
    """Why the mutant is not caught, or nothing if it is."""
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return f"{mutant.file} holds the text to be broken {text.count(mutant.old)} times, not once"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        if mutant.build and (wrong := build(copy)):
            return f"the book was not built, so no test ran: {wrong}"
        done = tests(copy, mutant.tests)
    finally:
        file.write_text(text, encoding="utf-8")
    if done.returncode == 0:
        return "every test passed"
    return (
        "" if done.returncode == 1 else f"pytest ended with {done.returncode}: {done.stdout[-400:]}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Break the code on purpose: each fault must turn a test red."
    )
    parser.add_argument("names", nargs="*", help="only the mutants whose name holds one of these")
    names = parser.parse_args().names
    chosen = [m for m in MUTANTS if not names or any(name in m.name for name in names)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "tree")
        shutil.copytree(ROOT, copy, ignore=APART, symlinks=True)
        if wrong := build(copy):
            sys.exit(f"the book does not build as it is: {wrong}")
        for arguments in dict.fromkeys(m.tests for m in chosen):
            if (done := tests(copy, arguments)).returncode:
                sys.exit(f"{' '.join(arguments)} fails without any mutant:\n{done.stdout[-2000:]}")
        alive = 0
        for number, mutant in enumerate(chosen, 1):
            started = time.time()
            why = survives(mutant, copy)
            alive += bool(why)
            verdict = f"SURVIVES: {why}" if why else "caught"
            took = f"{time.time() - started:.0f} s"
            print(f"{number:3d}/{len(chosen)}  {mutant.name}: {verdict}  ({took})", flush=True)
    print(f"{len(chosen) - alive} passed, {alive} failed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
