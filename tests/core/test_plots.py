"""The figures: read back from the drawn objects and from rendered pixels."""

import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

import d2lmini
from d2lmini import plots

SAMPLE = d2lmini.data.sine_power()
WEIGHTS = d2lmini.nadaraya_watson(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=0.5)[1]
CALLS = {
    "fit": lambda **k: plots.fit(
        SAMPLE.keys, SAMPLE.values, SAMPLE.queries, {"estimate": SAMPLE.truth}, SAMPLE.truth, **k
    ),
    "heatmap": lambda **k: plots.heatmap(SAMPLE.queries, SAMPLE.keys, WEIGHTS, **k),
    "weights": lambda **k: plots.weights(SAMPLE.keys, WEIGHTS[25], 2.5, **k),
    "kernels": lambda **k: plots.kernels(np.linspace(-2, 2, 9), {"a": np.ones(9)}, **k),
    "errors": lambda **k: plots.errors([0.1, 1.0], {"a": [3.0, 0.2]}, **k),
}
LABELS = {
    "fit": ("query q, key k", "value v"),
    "heatmap": ("key k (columns)", "query q (rows)"),
    "weights": ("key k", "attention weight"),
    "kernels": ("u = (q − k) / σ", "K(u)"),
    "errors": ("bandwidth σ", "error"),
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255.0


def mesh(ax):
    return ax.collections[0]


@pytest.mark.parametrize("name", CALLS)
def test_draws_one_labelled_white_figure_and_returns_nothing(name):
    assert CALLS[name]() is None
    (number,) = plt.get_fignums()
    figure = plt.figure(number)
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == LABELS[name]
    assert to_hex(figure.get_facecolor(), keep_alpha=True) == "#ffffffff"
    assert figure.get_figwidth() * figure.dpi <= 720
    assert (pixels(figure)[:2, :2] == 1).all()


@pytest.mark.parametrize("name", CALLS)
def test_draws_into_given_axes_and_opens_no_other_figure(name):
    figure, ax = plt.subplots(1, 2)
    CALLS[name](ax=ax[1])
    assert plt.get_fignums() == [figure.number]
    assert not ax[0].has_data()
    assert ax[1].has_data()
    assert (ax[1].get_xlabel(), ax[1].get_ylabel()) == LABELS[name]


@pytest.mark.parametrize("name", CALLS)
def test_settings_of_matplotlib_are_left_alone(name):
    before = dict(matplotlib.rcParams)
    CALLS[name]()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_cut_off_and_texts_do_not_overlap(name):
    if name in ("fit", "heatmap"):
        CALLS[name](title="A title, with a legend below it")
    else:
        CALLS[name]()
    figure = plt.gcf()
    figure.canvas.draw()
    ax, width, height = figure.axes[0], *figure.canvas.get_width_height()
    boxes = [figure.axes[0].xaxis.label, figure.axes[0].yaxis.label]
    boxes += [
        t for t in (ax.title, ax.get_legend()) if t is not None and t.get_window_extent().width
    ]
    boxes = [artist.get_window_extent() for artist in boxes]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_fit_draws_data_truth_and_each_curve():
    curves = {"one": SAMPLE.truth + 1, "two": SAMPLE.truth - 1}
    plots.fit(SAMPLE.keys, SAMPLE.values, SAMPLE.queries, curves, SAMPLE.truth, title="Two")
    ax = plt.gca()
    lines = {line.get_label(): line for line in ax.lines}
    for label, xy in {
        "data": (SAMPLE.keys, SAMPLE.values), "truth": (SAMPLE.queries, SAMPLE.truth),
        "one": (SAMPLE.queries, curves["one"]), "two": (SAMPLE.queries, curves["two"]),
    }.items():  # fmt: skip
        np.testing.assert_array_equal(lines[label].get_data(), xy)
    assert lines["truth"].get_linestyle() == "--"
    assert lines["one"].get_color() == plots.PALETTE["estimate"] != lines["two"].get_color()
    assert [t.get_text() for t in ax.get_legend().texts] == ["data", "truth", "one", "two"]
    assert ax.get_title() == "Two"


def test_nan_is_a_gap_and_a_point_between_gaps_is_seen():
    curve = np.array([1.0, 1.0, np.nan, 5.0, np.nan, 1.0, 1.0])
    plots.fit([0.0, 6.0], [0.0, 6.0], np.arange(7.0), {"estimate": curve})
    ax = plt.gca()
    assert np.isnan(ax.lines[1].get_ydata()).tolist() == np.isnan(curve).tolist()
    blue = np.linalg.norm(pixels(plt.gcf()) - to_rgb(plots.PALETTE["estimate"]), axis=-1) < 0.1

    def seen(x, y):
        column, row = ax.transData.transform((x, y))
        column, row = int(column), blue.shape[0] - int(row)
        return blue[row - 3 : row + 4, column - 3 : column + 4].any()

    assert [seen(0.5, 1), seen(3, 5), seen(5.5, 1)] == [True] * 3
    assert [seen(2.5, 3), seen(4, 3), seen(3.5, 3)] == [False] * 3


def test_bands_are_shaded_between_their_ends_in_the_colour_of_their_curve():
    queries = np.linspace(0, 4, 5)
    curves = {"one": queries, "two": queries + 5}
    bands = {"around one": (queries - 1, queries + 2), "around two": (queries + 4, queries + 6)}
    plots.fit([], [], queries, curves, bands=bands, labels=("income", "share"))
    ax = plt.gca()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("income", "share")
    for shade, (label, (low, high)), role in zip(
        ax.collections, bands.items(), ("estimate", "query"), strict=True
    ):
        assert shade.get_label() == label
        assert to_hex(shade.get_facecolor()[0]).upper() == plots.PALETTE[role]
        assert shade.get_facecolor()[0][3] < 0.5  # what lies below stays visible
        outline = {tuple(point) for point in shade.get_paths()[0].vertices}
        assert outline == {*zip(queries, low, strict=True), *zip(queries, high, strict=True)}
    assert {"around one", "around two"} <= {t.get_text() for t in ax.get_legend().texts}


def test_errors_are_drawn_on_two_logarithmic_axes_with_marks():
    x = np.geomspace(0.05, 2, 40)
    curves = {"power": x**-0.8, "with a gap": np.where(x < 0.1, np.inf, x)}
    plots.errors(x, curves, ("n", "loss"), {"best": (0.5, 0.25)}, title="Powers")
    ax = plt.gca()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("n", "loss", "Powers")
    lines = {line.get_label(): line for line in ax.lines}
    for label, curve in curves.items():
        np.testing.assert_array_equal(lines[label].get_data(), (x, curve))
    assert np.ravel(lines["best"].get_data()).tolist() == [0.5, 0.25]
    assert lines["power"].get_color() == plots.PALETTE["estimate"]
    plt.gcf().canvas.draw()
    ticks = [t.get_text() for t in ax.get_xticklabels(which="both") if t.get_text()]
    assert {"0.05", "0.1", "0.2", "0.5", "1", "2"} <= set(ticks)
    assert not any("^" in tick for tick in ticks)
    path = ax.transData.transform(np.c_[lines["power"].get_data()])
    slopes = np.diff(path[:, 1]) / np.diff(path[:, 0])
    np.testing.assert_allclose(slopes, slopes[0])  # a power is a straight line


def test_few_errors_show_their_points_and_wide_ranges_their_powers_of_ten():
    plots.errors([1.0, 1e3, 1e6], {"few": [1.0, 1e-3, 1e-6]})
    ax = plt.gca()
    assert ax.lines[0].get_marker() == "o"
    plt.gcf().canvas.draw()
    ticks = [t.get_text() for t in ax.get_xticklabels(which="both") if t.get_text()]
    assert "1,000" in ticks
    assert not any(tick.startswith(("2", "5")) for tick in ticks)
    plots.errors(np.arange(1.0, 51), {"many": np.ones(50)})
    assert plt.gca().lines[0].get_marker() in ("None", None, "")


def test_heatmap_rows_are_queries_and_columns_keys():
    queries, keys = np.array([0.0, 1.0]), np.array([10.0, 20.0, 40.0])
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    plots.heatmap(queries, keys, weights)
    ax = plt.gcf().axes[0]
    np.testing.assert_array_equal(mesh(ax).get_array().reshape(2, 3), weights)
    corners = mesh(ax).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [5, 15, 30, 50])  # halfway between the keys
    np.testing.assert_allclose(corners[:, 0, 1], [-0.5, 0.5, 1.5])
    image = pixels(plt.gcf())

    def darkness(x, y):
        column, row = ax.transData.transform((x, y))
        return 1 - image[image.shape[0] - 1 - int(row), int(column)].mean()

    assert darkness(10, 0) > darkness(40, 1) > 0.3
    assert darkness(40, 0) < 0.05
    assert darkness(10, 1) < 0.05


def test_heatmap_sorts_keys_and_queries_with_their_weights():
    plots.heatmap(np.array([1.0, 0.0]), np.array([4.0, 1.0, 2.0]), np.arange(6.0).reshape(2, 3))
    cells = mesh(plt.gcf().axes[0]).get_array().reshape(2, 3)
    assert cells.tolist() == [[4, 5, 3], [1, 2, 0]]


def test_words_label_rows_from_the_top_and_columns_from_the_left():
    words, square = ["the", "cat", "the"], np.arange(9.0).reshape(3, 3)
    plots.heatmap(words, words, {"a": square, "b": square})
    left, right = plt.gcf().axes[:2]
    assert [label.get_text() for label in left.get_yticklabels()] == words
    for ax in (left, right):
        assert [label.get_text() for label in ax.get_xticklabels()] == words
        low, high = ax.get_ylim()
        assert low > high  # the first row is the highest
        assert np.array_equal(mesh(ax).get_array().reshape(3, 3), square)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_panels_share_one_scale_from_zero_to_the_largest_weight(count):
    panels = {f"panel {i}": WEIGHTS * (i + 1) / 4 for i in range(count)}
    plots.heatmap(SAMPLE.queries, SAMPLE.keys, panels, title="All of them")
    figure = plt.gcf()
    axes = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in axes] == list(panels)
    for ax in axes:
        assert mesh(ax).get_clim() == (0, (WEIGHTS * count / 4).max())
    bars = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    assert len(figure.axes) == count + 1
    assert [bar.get_ylabel() for bar in bars] == ["attention weight"]
    assert figure.get_suptitle() == "All of them"


@pytest.mark.parametrize("count", [2, 4, 6, 7])
def test_small_multiples_share_axes_and_label_the_outer_ones(count):
    curves = {f"curve {i}": SAMPLE.truth + i for i in range(count)}
    points = SAMPLE.keys, SAMPLE.values, SAMPLE.queries
    assert plots.fits(*points, curves, SAMPLE.truth, title="All of them") is None
    figure = plt.gcf()
    figure.canvas.draw()
    assert [ax.get_title() for ax in figure.axes] == list(curves)
    assert figure.get_suptitle() == "All of them"
    columns = 2 if count <= 4 else 3
    for i, (ax, curve) in enumerate(zip(figure.axes, curves.values(), strict=True)):
        np.testing.assert_array_equal(ax.lines[2].get_ydata(), curve)
        assert (ax.get_xlim(), ax.get_ylim()) == (
            figure.axes[0].get_xlim(),
            figure.axes[0].get_ylim(),
        )
        lowest, leftmost = i + columns >= count, i % columns == 0
        assert ax.xaxis.label.get_visible() == lowest
        assert any(t.label1.get_visible() for t in ax.xaxis.get_major_ticks()) == lowest
        assert ax.yaxis.label.get_visible() == leftmost
        assert any(t.label1.get_visible() for t in ax.yaxis.get_major_ticks()) == leftmost


def test_panels_into_given_axes_and_odd_cases():
    axes = plt.subplots(1, 2)[1]
    plots.heatmap(SAMPLE.queries, SAMPLE.keys, {"a": WEIGHTS, "b": WEIGHTS}, ax=axes)
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    plots.heatmap([1.0], [2.0], np.array([[0.0]]))  # one query, one key, no weight at all
    assert mesh(plt.gcf().axes[0]).get_clim() == (0, 1)


def test_weights_are_stems_over_the_keys():
    plots.weights(SAMPLE.keys, WEIGHTS[25], query=2.5)
    ax = plt.gca()
    stems = np.array([[s[0, 0], s[0, 1], s[1, 1]] for s in ax.collections[0].get_segments()])
    np.testing.assert_allclose(stems, np.stack([SAMPLE.keys, 0 * SAMPLE.keys, WEIGHTS[25]], 1))
    assert ax.lines[-1].get_xdata()[0] == 2.5
    assert ax.get_ylim()[0] == 0


def test_kernels_look_different():
    u = np.linspace(-2.5, 2.5, 101)
    plots.kernels(u, {name: kernel(u) for name, kernel in d2lmini.KERNELS.items()})
    ax = plt.gca()
    assert [line.get_label() for line in ax.lines] == list(d2lmini.KERNELS)
    looks = {(line.get_color(), str(line._dash_pattern)) for line in ax.lines}
    assert len(looks) == len(d2lmini.KERNELS)


def test_the_palette_is_readable_and_tells_colours_apart():
    palette = json.loads((Path(plots.__file__).parent / "palette.json").read_text())
    assert palette == plots.PALETTE
    roles = {"data", "truth", "estimate", "query", "second", "third", "grid", "text", "weights"}
    assert set(palette) - {"dark"} == roles
    assert set(palette.get("dark", roles)) == roles
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in strings(palette))
    levels = [luminance(c) for c in palette["weights"]]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 1
    for role, least in (("text", 7), ("truth", 4.5), ("estimate", 4.5), ("query", 3), ("data", 3)):
        assert 1.05 / (luminance(palette[role]) + 0.05) >= least, role


def strings(tree):
    """All strings of nested dicts and lists."""
    if isinstance(tree, str):
        return [tree]
    return [
        s for part in (tree.values() if isinstance(tree, dict) else tree) for s in strings(part)
    ]


def luminance(colour):
    """Relative luminance of WCAG 2."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot(parts, [0.2126, 0.7152, 0.0722])


def test_curves_to_compare_are_dashed_and_need_no_data():
    ax = plt.figure().subplots()
    plots.fit([], [], [0.0, 1.0, 2.0], {"a": [1, 2, 3], "b": [1, 2, 4]}, ax=ax, dashed=["b"])
    assert [line.get_label() for line in ax.lines if line.get_label()[0] != "_"] == ["a", "b"]
    solid, dashed = (line for line in ax.lines if line.get_label() in "ab")
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")


@pytest.mark.parametrize(
    ("entries", "limits"), [([-5.0, -1.0], (-5, 0)), ([0.0, 0.0], (0, 1)), ([np.nan, 3.0], (0, 3))]
)
def test_a_scale_that_begins_at_the_smallest_entry_below_0_ends_at_0_or_above(entries, limits):
    ax = plt.figure().subplots()
    plots.heatmap([0], [0, 1], [entries], ax=ax, low=None)
    assert ax.collections[0].get_clim() == limits


def test_the_bar_of_one_row_is_no_taller_than_the_row_and_begins_where_it_is_told():
    figure = plt.figure(layout="constrained")
    axes = figure.subplots(1, 2)
    panels = {"one": [[0.5, -2.0, np.nan]], "two": [[1.0, 0.0, np.inf]]}
    plots.heatmap([0], [0, 1, 2], panels, ax=axes, low=None, label="output")
    figure.draw_without_rendering()
    (image,) = axes[0].collections
    assert image.get_clim() == (-2.0, 1.0)
    assert image.cmap(np.nan) != image.cmap(0.0)
    (bar,) = set(figure.axes) - set(axes)
    assert bar.get_ylabel() == "output"
    assert bar.get_window_extent().height <= axes[0].get_window_extent().height + 0.5
