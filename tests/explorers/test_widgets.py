"""The Python half of the explorers: traits, links, what reaches the page."""

import json
import re
import subprocess

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import data, widgets
from d2lmini.kernels import KERNELS
from d2lmini.widgets import Smoother, base


@pytest.fixture
def explorer():
    return Smoother(data.sine_power(), sigma=0.4, query=1.5)


def test_traits_are_readable_in_python(explorer):
    assert (explorer.sigma, explorer.query, explorer.kernel) == (0.4, 1.5, "gaussian")
    sample = data.sine_power()
    np.testing.assert_array_equal(explorer.data_keys, sample.keys)
    np.testing.assert_array_equal(explorer.data_values, sample.values)


def test_setting_sigma_in_python_moves_slider_and_view(explorer):
    explorer.sigma = 1.25
    assert explorer.sigma_slider.value == 1.25
    assert explorer.view.sigma == 1.25


def test_the_slider_is_linked_in_the_browser(explorer):
    link = explorer.sigma_link
    assert link.get_state()["_model_name"] == "LinkModel"
    assert link.source == (explorer.sigma_slider, "value")
    assert link.target == (explorer.view, "sigma")


def test_the_slider_reaches_every_sigma_of_the_course(explorer):
    slider = explorer.sigma_slider
    assert slider.base**slider.min < 0.05
    assert slider.base**slider.max >= 10


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("inf"), float("nan")])
def test_bad_sigma_is_refused_by_name(explorer, sigma):
    with pytest.raises(ValueError, match=r"sigma must be positive and finite, but was"):
        explorer.sigma = sigma
    assert explorer.sigma == 0.4


def test_bad_query_and_kernel_are_refused(explorer):
    with pytest.raises(ValueError, match="query must be finite, but was nan"):
        explorer.query = float("nan")
    with pytest.raises(TraitError, match="kernel"):
        explorer.kernel = "gauss"


def test_repr_is_stable_and_short(explorer):
    assert repr(explorer) == "Smoother(σ = 0.4, gaussian kernel, query 1.5, 50 keys)"
    assert repr(explorer) == repr(Smoother(data.sine_power(), sigma=0.4, query=1.5))


def test_start_holds_what_reset_restores(explorer):
    explorer.sigma = 2.0
    start = explorer.view.start
    assert start["sigma"] == 0.4
    assert set(start) == {"sigma", "query", "kernel", "data_keys", "data_values", "samples"}
    assert json.loads(json.dumps(start)) == start


def test_kernel_choices_are_those_of_the_package():
    assert Smoother.kernel.__doc__
    assert list(type(Smoother(data.sine_power()).view).kernel.values) == list(KERNELS)


@pytest.mark.parametrize("name", widgets.__all__)
def test_one_module_without_relative_imports(name, tmp_path, node):
    source = base.load_module(f"{name.lower()}.js")
    assert not re.search(r"^\s*(import|export)\b(?! default)", source, re.MULTILINE)
    assert source.count("export default") == 1
    names = re.findall(r"^(?:function|class|const|let) (\w+)", source, re.MULTILINE)
    assert len(names) == len(set(names))
    module = tmp_path / "module.mjs"
    module.write_text(source, encoding="utf-8")
    subprocess.run([node, "--check", module], check=True)


def test_style_carries_the_palette_of_matplotlib():
    palette = json.loads((base._JS.parents[1] / "palette.json").read_text(encoding="utf-8"))
    style = base.load_style()
    for name in ("estimate", "query", "data", "truth"):
        assert f"--d2l-{name}: {palette[name]};" in style
        assert f"--d2l-{name}: {palette['dark'][name]};" in style


def test_every_colour_variable_used_is_defined():
    style = base.load_style()
    used = set(re.findall(r"var\(--([\w-]+)\)", style))
    defined = set(re.findall(r"--([\w-]+):", style))
    assert used <= defined
