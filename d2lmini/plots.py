"""Figures. Each function draws the arrays it is given, computes nothing and returns None.

Colours come from palette.json, which the JavaScript explorers read too. Every function takes
``ax``, a matplotlib Axes to draw into; without one it makes a figure of its own.
"""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

Numbers = ArrayLike
Curves = dict[str, Numbers]

#: Colours by role; "weights" is the sequential scale from 0 to the shared maximum.
PALETTE: dict = json.loads(Path(__file__).with_name("palette.json").read_text())

_WEIGHTS = LinearSegmentedColormap.from_list("d2lmini", PALETTE["weights"]).with_extremes(
    bad="#B0B0B0"  # NaN
)
_LINE = 2.2


def _takes_any_array(draw):
    """Tensors, with a gradient or in bfloat16 too, and pandas columns become NumPy arrays."""

    @functools.wraps(draw)
    def with_arrays(*given, **named):
        return draw(*map(_plain, given), **{name: _plain(one) for name, one in named.items()})

    return with_arrays


def _plain(given):
    if isinstance(given, dict):
        return {name: _plain(one) for name, one in given.items()}
    if isinstance(given, tuple):
        return tuple(map(_plain, given))
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        return (given.double() if given.is_floating_point() else given).numpy()
    return np.asarray(given) if hasattr(given, "__array__") else given


def _not_empty(**given) -> None:
    for name, one in given.items():
        if len(one) == 0:
            raise ValueError(f"{name} is empty; it must hold one entry at least")


@_takes_any_array
def fit(
    keys: Numbers,
    values: Numbers,
    queries: Numbers,
    curves: Curves,
    truth: Numbers | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    bands: dict[str, tuple[Numbers, Numbers]] | None = None,
    labels: tuple[str, str] | None = None,
    dashed: Sequence[str] = (),
) -> None:
    """Data as points and one curve per estimate, over x.

    keys (n,), values (n,), which may be empty; queries (m,) ascending; curves: dict label -> (m,),
    where NaN shows as a gap; truth (m,) dashed. bands: dict label -> (low (m,), high (m,)), shaded
    in the colours of the curves, first to first. labels: the two axes, instead of query and value.
    dashed: the labels of curves to compare with others, which are drawn dashed.
    """
    ax = ax or _figure()
    for (label, (low, high)), look in zip((bands or {}).items(), _looks(), strict=False):
        ax.fill_between(queries, low, high, color=look["color"], alpha=0.2, lw=0, label=label)
    if len(keys):
        ax.plot(keys, values, "o", color=PALETTE["data"], markersize=5, label="data")
    if truth is not None:
        ax.plot(queries, truth, "--", color=PALETTE["truth"], linewidth=1.6, label="truth")
    for (label, curve), look in zip(curves.items(), _looks(), strict=False):
        look |= {"linestyle": "--"} if label in dashed else {}
        ax.plot(queries, curve, **look, linewidth=_LINE, label=label)
        known = np.isfinite(np.pad(np.asarray(curve, float), 1, constant_values=np.nan))
        alone = known[1:-1] & ~known[:-2] & ~known[2:]  # a point between two gaps: no line shows it
        ax.plot(np.asarray(queries)[alone], np.asarray(curve)[alone], ".", color=look["color"])
    _finish(ax, *(labels or ("query q, key k", "value v")), title, legend=True)


@_takes_any_array
def fits(
    keys: Numbers,
    values: Numbers,
    queries: Numbers,
    curves: Curves,
    truth: Numbers | None = None,
    title: str | None = None,
) -> None:
    """Small multiples of ``fit``: one panel per estimate, under its label, all on the same axes."""
    _not_empty(curves=curves)
    axes = _panels(len(curves))
    for axis, (label, curve) in zip(axes, curves.items(), strict=True):
        fit(keys, values, queries, {label: curve}, truth, ax=axis)
        axis.get_legend().remove()
        axis.set_title(label, color=PALETTE["text"], fontsize=12)
    _outer_labels(axes)
    if title:
        axes[0].figure.suptitle(title, color=PALETTE["text"], fontsize=13)


@_takes_any_array
def errors(
    x: Numbers,
    curves: Curves,
    labels: tuple[str, str] = ("bandwidth σ", "error"),
    marks: dict[str, tuple[float, float]] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    walk: tuple[Numbers, Numbers] | None = None,
    log_y: bool = True,
) -> None:
    """Errors over a bandwidth or a sample size, both axes logarithmic: powers are straight lines.

    x (p,) ascending and positive; curves: dict label -> (p,), where NaN and infinity show as gaps;
    labels: the two axes; marks: dict label -> (x, y), one point each, such as a minimum. walk: the
    x and y, each (steps + 1,), of a training run, drawn step by step on top. log_y: False for a
    plain vertical axis.
    """
    ax = ax or _figure()
    ax.set_xscale("log")
    ax.set_yscale("log" if log_y else "linear")
    for (label, curve), look in zip(curves.items(), _looks(), strict=False):
        dots = {"marker": "o", "markersize": 4.5} if len(x) < 15 else {}
        ax.plot(x, curve, **look, **dots, linewidth=_LINE, label=label)
    if walk is not None:
        look = {"color": PALETTE["query"], "linewidth": 1, "zorder": 4}
        ax.plot(*walk, "-o", **look, markersize=5, markerfacecolor="none", label="the walk")
    for (label, (at, height)), shape in zip((marks or {}).items(), "ovsD^", strict=False):
        look = {"color": PALETTE["text"], "markerfacecolor": "white", "markersize": 8}
        ax.plot(at, height, shape, **look, linestyle="none", zorder=3, label=label)
    _finish(ax, *labels, title, legend=True)
    for axis in (ax.xaxis, ax.yaxis) if log_y else (ax.xaxis,):
        _log_ticks(axis)


def _log_ticks(axis) -> None:
    """Plain numbers at 1, 2, 5, 10, ...; at powers of 10 alone over more than three of them."""
    low, high = axis.get_view_interval()
    steps = (1,) if high > 1000 * low else (1, 2, 5)
    axis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


@_takes_any_array
def history(
    curves: Curves,
    label: str = "mean loss",
    levels: dict[str, float] | None = None,
    log: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
) -> None:
    """What a training run saw, over its steps 0, 1, ...

    curves: dict label -> (steps + 1,), shorter ones end earlier; label: the vertical axis, log or
    not; levels: dict label -> number, each a dashed horizontal line to compare with.
    """
    ax = ax or _figure()
    for (name, curve), look in zip(curves.items(), _looks(), strict=False):
        ax.plot(range(len(curve)), curve, **look, linewidth=_LINE, label=name)
    for (name, height), dashes in zip((levels or {}).items(), ("--", ":", "-."), strict=False):
        look = {"color": PALETTE["truth"], "linestyle": dashes, "linewidth": 1.6}
        ax.axhline(height, **look, label=name)
    if log:
        ax.set_yscale("log")
    _finish(ax, "step", label, title, legend=True)
    if log:
        _log_ticks(ax.yaxis)


@_takes_any_array
def heatmap(
    queries: Numbers | Sequence[str],
    keys: Numbers | Sequence[str],
    weights: Numbers | Curves,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    low: float | None = 0.0,
    label: str = "attention weight",
) -> None:
    """Attention weights as colour: rows are queries (up), columns are keys (across), in x units.

    queries (m,), keys (n,); weights (m, n), or a dict title -> (m, n) whose panels share one
    colour scale, from 0 to the largest weight of all, and one colour bar. With a dict, ``ax`` is
    a sequence of Axes, one per panel. Each cell reaches halfway to its neighbours. Words in place
    of numbers label rows and columns in their order, the first row at the top. low: where the scale
    begins, None for the smallest entry below 0; label: of the colour bar. NaN is grey.
    """
    panels = weights if isinstance(weights, dict) else {title: weights}
    _not_empty(queries=queries, keys=keys, weights=panels)
    axes = _panels(len(panels)) if ax is None else np.ravel(ax)
    words = [list(side) if isinstance(side[0], str) else [] for side in (keys, queries)]
    places = [
        np.arange(len(w)) if w else side for w, side in zip(words, (keys, queries), strict=True)
    ]
    columns, rows = (np.argsort(side) for side in places)
    edges = _edges(np.asarray(places[0])[columns]), _edges(np.asarray(places[1])[rows])
    known = np.concatenate([np.ravel(p)[np.isfinite(np.ravel(p))] for p in panels.values()])
    low = np.min(known, initial=0.0) if low is None else low
    top = np.max(known, initial=0.0)
    top = top if top > low else low + 1.0
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        cells = np.asarray(panel)[np.ix_(rows, columns)]
        image = axis.pcolormesh(*edges, cells, cmap=_WEIGHTS, vmin=low, vmax=top)
        _finish(axis, "key k (columns)", "query q (rows)", name, grid=False)
        _name_cells(axis, *words)
    if ax is None:
        _outer_labels(axes)
    _colour_bar(axes, image, label, title if isinstance(weights, dict) else None)


def _colour_bar(axes: Sequence[Axes], image: ScalarMappable, label: str, title: str | None) -> None:
    """One bar for all panels, and their common title."""
    figure = axes[0].figure
    bar = figure.colorbar(image, ax=list(axes), pad=0.02, label=label)
    bar.outline.set_visible(False)
    if title:
        figure.suptitle(title, color=PALETTE["text"], fontsize=13)


def _name_cells(axis, columns, rows) -> None:
    """Words under the columns and beside the rows of a heatmap, where there are words."""
    if columns:
        axis.set_xticks(range(len(columns)), columns, rotation=45)
    if rows:
        axis.set_yticks(range(len(rows)), rows)
        axis.set_ylim(len(rows) - 0.5, -0.5)  # read from the top, as a matrix is


@_takes_any_array
def weights(
    keys: Numbers,
    weights: Numbers,
    query: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> None:
    """One row of attention weights as stems over the keys; the query as a dashed vertical line.

    keys (n,), weights (n,), negative ones below a line at 0; query a number.
    """
    ax = ax or _figure()
    color = PALETTE["estimate"]
    ax.vlines(keys, 0, weights, color=color, linewidth=1.8)
    ax.plot(keys, weights, "o", color=color, markersize=5, label="attention weight of a key")
    if query is not None:
        ax.axvline(query, color=PALETTE["query"], linestyle="--", linewidth=1.8, label="query q")
    negative = np.min(np.asarray(weights), initial=0.0) < 0
    if negative:
        ax.axhline(0, color=PALETTE["text"], linewidth=0.8)
    _finish(ax, "key k", "attention weight", title, legend=True, bottom=None if negative else 0)


@_takes_any_array
def kernels(
    u: Numbers,
    shapes: Curves,
    ax: Axes | None = None,
    labels: tuple[str, str] = ("u = (q − k) / σ", "K(u)"),
) -> None:
    """Kernels over u = (q - k) / sigma. u (p,) ascending; shapes: dict name -> K(u), each (p,)."""
    ax = ax or _figure()
    for (name, shape), look in zip(shapes.items(), _looks(), strict=False):
        ax.plot(u, shape, **look, linewidth=_LINE, label=name)
    _finish(ax, *labels, None, legend=True, bottom=0)


def _figure(width=6.4, height=3.6, **grid):
    """Axes of a new white figure, as wide as the text of the book."""
    return plt.subplots(
        figsize=(width, height), dpi=110, facecolor="white", layout="constrained", **grid
    )[1]


def _panels(count):
    """Axes for count panels: one, or rows of two, beyond four rows of three, that share axes."""
    if count == 1:
        return np.array([_figure(5.6, 4.2)])
    columns = 2 if count <= 4 else 3
    rows = -(-count // columns)
    size = 6.4, 0.6 + 5.2 / columns * rows
    axes = _figure(*size, nrows=rows, ncols=columns, sharex=True, sharey=True).ravel()
    for spare in axes[count:]:
        spare.remove()
    return axes[:count]


def _outer_labels(axes) -> None:
    """Label only the panels with nothing to their left, or nothing below."""
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    for i, axis in enumerate(axes):
        left, bottom = i % columns == 0, i + columns >= len(axes)
        axis.tick_params(labelleft=left, labelbottom=bottom)
        axis.yaxis.label.set_visible(left)
        axis.xaxis.label.set_visible(bottom)


def _looks():
    """Colour and line style of one curve after another, twelve in all."""
    roles = ("estimate", "query", "second", "third")
    for style in ("-", (0, (4, 1.5)), (0, (1, 1.2))):
        for role in roles:
            yield {"color": PALETTE[role], "linestyle": style}


def _edges(centres):
    """Cell edges (n + 1,) halfway between sorted centres (n,)."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _finish(ax, x, y, title, legend=False, grid=True, bottom=None) -> None:
    """Labels, grid and frame; the legend stands above the picture, where it hides no data."""
    ax.set_facecolor("white")
    ax.set_xlabel(x, color=PALETTE["text"], fontsize=11)
    ax.set_ylabel(y, color=PALETTE["text"], fontsize=11)
    ax.tick_params(color=PALETTE["truth"], labelcolor=PALETTE["text"], labelsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALETTE["truth"])
    ax.set_axisbelow(True)
    ax.grid(visible=grid, **({"color": PALETTE["grid"]} if grid else {}))
    ax.set_ylim(bottom=bottom)
    above = 6 + (18 * _legend(ax) if legend else 0)
    if title:
        ax.set_title(title, color=PALETTE["text"], fontsize=12, pad=above)


def _legend(ax) -> int:
    """A legend above the axes, in as many columns as fit; returns its number of rows."""
    labels = ax.get_legend_handles_labels()[1]
    if not labels:
        return 0
    room = 84 * ax.figure.get_figwidth() * ax.get_position().width  # in points
    for rows in range(1, len(labels) + 1):
        columns = -(-len(labels) // rows)
        filled = np.array_split(labels, columns)
        if sum(48 + 6 * max(map(len, column)) for column in filled) <= room:
            break
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=10,
        borderaxespad=0.2, handlelength=1.8, columnspacing=1.2, labelcolor=PALETTE["text"],
    )  # fmt: skip
    return rows
