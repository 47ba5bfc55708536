"""Show a result: as text everywhere, in a notebook as HTML that a screen reader announces.

The HTML has inline styles only and takes its colours from the page, so it reads the same in
JupyterLab, VS Code, Colab and the book, light or dark. What comes from the reader is escaped.
"""

from __future__ import annotations

import base64
import io
import re
import reprlib
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .compare import LARGEST, as_numbers, detached, size_of
from .engine import DIFFERS, NOT_YET, PASSED, Exercise, Result

SIGNS = {PASSED: "✓", NOT_YET: "…", DIFFERS: "✗"}
EDGES = {PASSED: "#00916A", NOT_YET: "#7B8794", DIFFERS: "#D55E00"}
LONGEST = 600
EXPECTED, GOT = "expected", "your result"

_BOX = (
    "border:1px solid #7B8794;border-left:6px {line} {edge};border-radius:4px;color:inherit;"
    "padding:.6em .9em;margin:.3em 0;max-width:46em;line-height:1.5;overflow-wrap:anywhere"
)
_MONO = (
    "margin:0;padding:0;border:0;background:transparent;color:inherit;"
    "overflow-wrap:anywhere;font-family:monospace;font-size:.92em;line-height:1.4;text-align:left"
)
_CELL = (
    "padding:.15em .9em .15em 0;text-align:left;vertical-align:top;border:0;"
    "background:transparent;color:inherit"
)


# Text ---------------------------------------------------------------------------------------------


def as_text(result: Result) -> str:
    """The result in words, a few lines; the same on every run and machine."""
    lines = [f"{result.name}: {result.status}. {result.message}"]
    if result.status == PASSED:
        return lines[0]
    if rows := rows_of(result):
        lines.append(f"{_caption(result)}:")
        lines += [f"  {name} = {_indented(text, 4)}" for name, text in rows]
    if result.printed:
        lines.append(f"Printed:\n  {_indented(_few_lines(result.printed), 2)}")
    return "\n".join(lines)


def rows_of(result: Result) -> list[tuple[str, str]]:
    """What to show of the failing case, by name: the arguments, what was expected, what came."""
    rows = [(name, shortened(value)) for name, value in (result.case or {}).items()]
    difference = result.difference
    if difference is not None and difference.expected is not None:
        rows += [(EXPECTED, shortened(difference.expected)), (GOT, shortened(difference.got))]
    return rows


def _caption(result: Result) -> str:
    return "What differs" if result.case is None else "Smallest case that fails"


def shortened(value: Any) -> str:
    """A value as text of at most LONGEST characters, numbers to four digits, no addresses."""
    try:
        text = _as_written(value)
    except Exception:
        text = f"a {type(value).__name__} that cannot be shown"
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _as_written(value: Any) -> str:
    if hasattr(value, "detach"):
        value = detached(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(_as_written(part) for part in value[:8]) + ")"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    if isinstance(value, list) and size_of(value) > LARGEST:
        return f"a list with {size_of(value)} entries"
    if isinstance(value, list | np.ndarray):
        array = np.asarray(value)
        if array.dtype.kind in "biufc" and array.size:
            return _array_as_written(array)
    shorten = reprlib.Repr()  # its limits can be given as arguments from Python 3.12 on only
    shorten.maxother = shorten.maxstring = LONGEST
    return shorten.repr(value)


def _array_as_written(array: np.ndarray) -> str:
    """One line for a vector, aligned rows for a matrix; long ones shortened in the middle."""
    if array.ndim == 1 and array.dtype.kind != "c":
        ends = array if len(array) <= 24 else [*array[:5], *array[-5:]]
        shown = [_as_written(v) if array.dtype.kind == "b" else f"{v + 0:.4g}" for v in ends]
        if len(array) > 24:
            shown.insert(5, "…")
        return f"[{', '.join(shown)}]"
    plain = array.size <= LARGEST and _suits(array)
    if plain and array.dtype.kind == "f":
        array = np.round(array, 4) + 0.0  # no negative zeros
    small = {"precision": 4, "suppress_small": plain, "floatmode": "maxprec"}
    return np.array2string(array, separator=", ", threshold=80, edgeitems=3, **small)


def _suits(array: np.ndarray) -> bool:
    """Whether plain decimals, without exponents, tell the entries apart."""
    known = np.abs(array[np.isfinite(array) & (array != 0)]) if array.dtype.kind in "fc" else []
    return len(known) == 0 or bool(1e-2 < known.max() < 1e6)


def _few_lines(text: str, most: int = 12) -> str:
    lines = text.rstrip().splitlines()
    return "\n".join([*lines[:most], "…"] if len(lines) > most else lines)


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


# HTML ---------------------------------------------------------------------------------------------


def as_html(exercise: Exercise, result: Result) -> str:
    """The result as one element with role="status"."""
    line = "solid" if result.passed else "double"
    box = _BOX.format(line=line, edge=EDGES.get(result.status, EDGES[DIFFERS]))
    sign = SIGNS.get(result.status, SIGNS[DIFFERS])
    parts = [
        f'<div role="status" style="{box}">',
        f'<p style="margin:0;font-weight:600"><span aria-hidden="true">{sign}</span> '
        f"{escape(exercise.title)}: {escape(result.status)}</p>",
        f'<p style="margin:.2em 0 0">{_words(result.message)}</p>',
    ]
    if not result.passed:
        parts.append(_table(result) if rows_of(result) else "")
        parts.append(_picture(exercise, result))
        if result.printed:
            parts.append(
                '<p style="margin:.5em 0 .1em;font-weight:600">What the function printed</p>'
                f'<pre style="{_MONO};white-space:pre-wrap">'
                f"{escape(_few_lines(result.printed))}</pre>"
            )
    return "".join([*parts, "</div>"])


def _words(message: str) -> str:
    """A message with what stands in `backticks` as code."""
    code = r'<code style="background:transparent;color:inherit;padding:0">\1</code>'
    return re.sub(r"`([^`]+)`", code, escape(message)).replace("\n", "<br>")


def _table(result: Result) -> str:
    rows = "".join(
        f'<tr style="background:transparent"><th scope="row" style="{_CELL};font-weight:600;'
        f'white-space:nowrap">{escape(name)}</th>'
        f'<td style="{_CELL};width:100%;max-width:0">{_preformatted(text)}</td></tr>'
        for name, text in rows_of(result)
    )
    caption = f'<caption style="{_CELL};caption-side:top;font-weight:600">'
    return (
        '<table style="border-collapse:collapse;border:0;margin:.5em 0 0;font-size:1em;width:100%;'
        f'background:transparent;color:inherit">{caption}{_caption(result)}</caption>'
        f"<tbody>{rows}</tbody></table>"
    )


def _preformatted(text: str) -> str:
    """Lines wrap; those of a matrix keep together and scroll, with the keyboard too."""
    if "\n" not in text:
        return f'<pre style="{_MONO};white-space:pre-wrap">{escape(text)}</pre>'
    scrolls = 'tabindex="0" role="group" aria-label="matrix"'
    return f'<pre {scrolls} style="{_MONO};white-space:pre;overflow-x:auto">{escape(text)}</pre>'


# Pictures -----------------------------------------------------------------------------------------


def _picture(exercise: Exercise, result: Result) -> str:
    """Expected and got as an <img> with a text of its own; "" where there is nothing to draw."""
    difference = result.difference
    if exercise.picture is None or difference is None or difference.expected is None:
        return ""
    try:
        right = np.asarray(difference.expected, dtype=float)
        got, problem = as_numbers(difference.got, right)
        if problem:
            return ""
        with np.errstate(all="ignore"):
            if exercise.picture == "curve" and right.ndim == 1 and got.shape == right.shape:
                png, alt = _curves(right, got, *_across(exercise, result, len(right)))
            elif exercise.picture == "matrix" and right.ndim == got.ndim == 2:
                png, alt = _heatmaps(right, got)
            else:
                return ""
    except Exception:  # a picture is extra: no matplotlib, or a result that cannot be drawn
        return ""
    return (
        f'<img alt="{escape(alt)}" src="data:image/png;base64,{png}" style="display:block;'
        'width:100%;max-width:34em;height:auto;margin:.6em 0 0;background:#fff">'
    )


def _across(exercise: Exercise, result: Result, size: int) -> tuple[np.ndarray, str]:
    """What goes on the horizontal axis, and its name: the argument named by x, else the index."""
    given = (result.case or {}).get(exercise.x)
    if given is not None and np.shape(given) == (size,):
        return np.asarray(given, dtype=float), str(exercise.x)
    return np.arange(size), "entry"


def _curves(right: np.ndarray, got: np.ndarray, x: np.ndarray, name: str) -> tuple[str, str]:
    from ..plots import fit

    figure = _figure(6.4, 3.0)
    order = np.argsort(x, kind="stable")
    curves = {EXPECTED: right[order], GOT: got[order]}
    fit([], [], x[order], curves, ax=figure.subplots(), labels=(name, ""), dashed=[GOT])
    differ = int((~np.isclose(right, got, equal_nan=True)).sum())
    alt = (
        f"Line chart over {name}: what was expected as a solid line, your result dashed; "
        f"{differ} of {len(x)} points differ."
    )
    return _png(figure), alt


def _heatmaps(right: np.ndarray, got: np.ndarray) -> tuple[str, str]:
    from matplotlib.ticker import MaxNLocator

    from ..plots import PALETTE, heatmap

    figure = _figure(6.4, 3.2)
    panels = figure.subplots(1, 2)
    sides = [range(max(sizes)) for sizes in zip(right.shape, got.shape, strict=True)]
    both = {EXPECTED: _padded(right, sides), GOT: _padded(got, sides)}
    heatmap(*sides, both, ax=panels, low=None, label="")
    for axes in panels:
        axes.invert_yaxis()
        for axis, side in ((axes.xaxis, sides[1]), (axes.yaxis, sides[0])):
            axis.set_major_locator(MaxNLocator(min(len(side), 6), integer=True, min_n_ticks=1))
    words = ""
    if right.shape == got.shape:
        wrong = np.argwhere(~np.isclose(right, got, equal_nan=True))
        words = f"; {len(wrong)} of {right.size} entries differ"
        if len(wrong) <= 200:
            size, look = 100 / max(right.shape), {"marker": "x", "color": PALETTE["query"]}
            panels[1].scatter(wrong[:, 1], wrong[:, 0], s=size, linewidths=1.4, **look)
            words += ", each marked with a cross"
    alt = (
        f"Two heatmaps on one scale, rows queries and columns keys: expected "
        f"{right.shape[0]} by {right.shape[1]}, your result {got.shape[0]} by {got.shape[1]}"
        f"{words}."
    )
    return _png(figure), alt


def _padded(matrix: np.ndarray, sides: Sequence[range]) -> np.ndarray:
    """With NaN, to the common size of both."""
    more = [(0, len(side) - size) for side, size in zip(sides, matrix.shape, strict=True)]
    return np.pad(matrix, more, constant_values=np.nan)


def _figure(width: float, height: float) -> Any:
    """A figure that no pyplot knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Any) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=140, facecolor="white", bbox_inches="tight")
    return base64.b64encode(file.getvalue()).decode()


# Showing ------------------------------------------------------------------------------------------


def show(exercise: Exercise, result: Result) -> None:
    """Show the result in the notebook, or print it."""
    text = as_text(result)
    if not in_notebook():
        show_text(text)
        return
    try:
        page = as_html(exercise, result)
    except Exception:  # text is always there
        page = None
    show_text(text, page)


def show_progress(chapter: int, rows: Sequence[tuple[str, str, str]]) -> None:
    """Show the exercises of a chapter as (name, title, status), and how many are passed."""
    passed = sum(status == PASSED for *_, status in rows)
    head = f"Chapter {chapter}: {passed} of {len(rows)} exercises passed"
    lines = [f"  {SIGNS[status]} {name}: {status}" for name, _, status in rows]
    items = "".join(
        f'<li style="margin:0"><span aria-hidden="true" style="display:inline-block;width:1.4em">'
        f"{SIGNS[status]}</span>{escape(title)}: {escape(status)}</li>"
        for _, title, status in rows
    )
    done = passed == len(rows)
    box = _BOX.format(line="solid" if done else "double", edge=EDGES[PASSED if done else NOT_YET])
    page = (
        f'<div role="status" style="{box}"><p style="margin:0;font-weight:600">{head}</p>'
        f'<ul style="list-style:none;margin:.2em 0 0;padding:0">{items}</ul></div>'
    )
    show_text("\n".join([head, *lines]), page if in_notebook() else None)


def show_text(text: str, page: str | None = None) -> None:
    """Print text; in a notebook one display of the text and the page."""
    if page is None:
        print(text, file=sys.stdout)
        return
    from IPython.display import display

    bundle: Mapping[str, str] = {"text/plain": text, "text/html": page}
    display(bundle, raw=True)


def in_notebook() -> bool:
    """Whether a Jupyter kernel is there to display HTML."""
    shell = sys.modules.get("IPython")
    try:
        return shell is not None and hasattr(shell.get_ipython(), "kernel")
    except Exception:
        return False
