"""What every explorer is made of: a σ slider, linked in the browser to a view in JavaScript."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from ..data import Sample

_JS = Path(__file__).parent / "js"
#: Where an explorer stands on a dark page: the book, Colab, VS Code, JupyterLab.
_DARK = ", ".join(
    f"{page} .d2l"
    for page in (
        'html[data-theme="dark"]',
        'html[theme="dark"]',
        "body.vscode-dark",
        'body[data-jp-theme-light="false"]',
    )
)
_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./([\w-]+\.js)";\n', re.MULTILINE)


def load_module(name: str) -> str:
    """Return ``js/<name>`` as one ES module, its relative imports inlined once each, in order."""
    parts: dict[str, str] = {}

    def inline(file: str, top: bool = False) -> None:
        source = (_JS / file).read_text(encoding="utf-8")
        for needed in _IMPORT.findall(source):
            if needed not in parts:
                inline(needed)
        source = _IMPORT.sub("", source)
        parts[file] = source if top else re.sub(r"^export ", "", source, flags=re.MULTILINE)

    inline(name, top=True)
    return "\n".join(parts.values())


def load_style() -> str:
    """Return the style sheet that all explorers share, with the colours of ``palette.json``."""
    palette = json.loads((_JS.parents[1] / "palette.json").read_text(encoding="utf-8"))
    dark = palette.pop("dark")
    rules = [_colours(".d2l", palette), _colours(_DARK, dark)]
    return "\n".join([*rules, (_JS / "style.css").read_text(encoding="utf-8")])


def _colours(selector: str, palette: dict) -> str:
    palette = {**palette, "surface": palette["weights"][0], "weights": ",".join(palette["weights"])}
    return (
        f"{selector} {{ {' '.join(f'--d2l-{name}: {value};' for name, value in palette.items())} }}"
    )


class View(anywidget.AnyWidget):
    """The part of an explorer that JavaScript draws.

    ``explorer`` names it in the page (``data-explorer``), ``label`` is its accessible name,
    ``start`` holds the traits that Reset restores.
    """

    _css = load_style()
    explorer = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)
    sigma = traitlets.Float(1.0).tag(sync=True)

    @traitlets.validate("sigma")
    def _check_sigma(self, proposal):
        return positive("sigma", proposal["value"])


class SampleView(View):
    """A view of one sample and a query; the data can be dragged, and drawn anew from the truth."""

    query = traitlets.Float(0.0).tag(sync=True)
    data_keys = traitlets.List(traitlets.Float()).tag(sync=True)
    data_values = traitlets.List(traitlets.Float()).tag(sync=True)
    samples = traitlets.Int(0).tag(sync=True)
    truth = traitlets.Unicode().tag(sync=True)
    noise_sd = traitlets.Float().tag(sync=True)
    domain = traitlets.List(traitlets.Float()).tag(sync=True)
    value_range = traitlets.List(traitlets.Float()).tag(sync=True)
    sample_queries = traitlets.List(traitlets.Float()).tag(sync=True)
    resolution = traitlets.Int(201).tag(sync=True)

    @traitlets.validate("query")
    def _check_query(self, proposal):
        if not math.isfinite(proposal["value"]):
            raise ValueError(f"query must be finite, but was {proposal['value']!r}")
        return proposal["value"]


def sample_traits(sample: Sample, query: float | None = None) -> dict:
    """Return the traits of a SampleView of ``sample``; the query in the middle if not given."""
    low, high = sample.domain
    bottom = min(sample.values.min(), sample.truth.min())
    top = max(sample.values.max(), sample.truth.max())
    return {
        "query": (low + high) / 2 if query is None else query,
        "data_keys": sample.keys.tolist(),
        "data_values": sample.values.tolist(),
        "truth": sample.name,
        "noise_sd": sample.noise_sd,
        "domain": [low, high],
        "value_range": [math.floor(bottom - sample.noise_sd), math.ceil(top + sample.noise_sd)],
        "sample_queries": sample.queries.tolist(),
    }


def positive(name: str, value: float) -> float:
    """Return ``value``, or raise ValueError unless it is positive and finite."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, but was {value!r}")
    return value


def of_view(name: str, doc: str) -> property:
    """Make a property of an explorer that reads and sets the trait ``name`` of its view."""
    return property(
        lambda self: getattr(self.view, name),
        lambda self, value: setattr(self.view, name, value),
        doc=doc,
    )


class Explorer(ipywidgets.VBox):
    """A view under its σ slider, linked in the browser, so that no Python is needed to move them.

    With a live kernel the state reads and sets as attributes: ``explorer.sigma``. The name of the
    class in small letters is that of the explorer in the page, of its module here and in ``js``.

    view : the class of the view, of which ``traits`` are traits.
    title : what it is called to those who do not see it.
    sigmas : where the slider ends.
    restored : names of the traits that Reset takes back, besides σ.
    """

    def __init__(
        self,
        view: type[View],
        title: str,
        sigmas: tuple[float, float],
        restored: Sequence[str],
        **traits: Any,
    ):
        low, high = (round(math.log10(sigma), 2) for sigma in sigmas)
        name, label = type(self).__name__.lower(), f"Explorer: {title}"
        self.view = view = view(explorer=name, label=label, **traits)
        view.start = {name: getattr(view, name) for name in ("sigma", *restored)}
        self.sigma_slider = ipywidgets.FloatLogSlider(
            value=view.sigma,
            base=10,
            min=low,
            max=high,
            step=0.01,
            description="bandwidth σ",
            readout_format=".3g",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        self.sigma_link = ipywidgets.jslink((self.sigma_slider, "value"), (view, "sigma"))
        super().__init__([self.sigma_slider, view])

    @property
    def sigma(self) -> float:
        """The bandwidth, where the slider stands."""
        return self.view.sigma

    @sigma.setter
    def sigma(self, value: float) -> None:
        self.view.sigma = value
        self.sigma_slider.value = value


class SampleExplorer(Explorer):
    """An explorer of a sample and a query; ``state`` holds the other traits that Reset restores."""

    query = of_view("query", "Where the estimate is read off.")
    data_keys = of_view("data_keys", "The keys of the data points, (n,).")
    data_values = of_view("data_values", "The values of the data points, (n,).")

    def __init__(
        self,
        view: type[SampleView],
        title: str,
        sample: Sample,
        query: float | None,
        sigmas: tuple[float, float] = (0.03, 10.0),
        **state: Any,
    ):
        restored = [*state, "query", "data_keys", "data_values", "samples"]
        super().__init__(view, title, sigmas, restored, **sample_traits(sample, query), **state)
