"""The explorer of chapter 6: its traits, and its training in numpy and JavaScript against torch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import data
from d2lmini.widgets import Learning, base
from d2lmini.widgets.learning import LOSSES, gradient_descent

SAMPLES = [data.sine_power(), data.sine_power(seed=3), data.sine_linear(n=12, seed=1)]


@pytest.fixture
def explorer():
    return Learning(data.sine_power(), query=1.5)


def trained(sample, loss, epochs=100):
    learning = pytest.importorskip("d2lmini.learning")
    leave_one_out = loss == "leave-one-out"
    model = learning.NWLogBandwidth(1.0)
    return learning.fit(model, sample.keys, sample.values, epochs, 1.0, leave_one_out=leave_one_out)


def test_it_needs_no_torch():
    code = (
        "import sys; from d2lmini import data; from d2lmini.widgets import Learning; "
        "Learning(data.sine_power()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sample", SAMPLES, ids=repr)
def test_gradient_descent_is_that_of_torch(sample, loss):
    path = gradient_descent(sample.keys, sample.values, loss)
    np.testing.assert_allclose(path, trained(sample, loss).w, rtol=1e-8)


ASK = """
import { readFileSync } from "node:fs";
const { descend } = await import(process.argv[1]);
const answers = JSON.parse(readFileSync(0, "utf8")).map((args) => descend(...args));
process.stdout.write(JSON.stringify(answers));
"""


def test_gradient_descent_in_javascript_is_that_of_torch(node):
    cases = [(sample, loss) for sample in SAMPLES for loss in LOSSES]
    asked = [
        [s.keys.tolist(), s.values.tolist(), loss == "leave-one-out", 1.0, 100] for s, loss in cases
    ]
    command = [node, "--input-type=module", "-e", ASK, (base._JS / "walk.js").as_uri()]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    for (sample, loss), path in zip(cases, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(path, trained(sample, loss).w, rtol=1e-8)


def test_the_start_is_an_epoch_of_the_run(explorer):
    assert (explorer.loss, explorer.epoch, explorer.query) == ("leave-one-out", 10, 1.5)
    run = explorer.view.runs["leave-one-out"]
    assert len(run) == len(explorer.view.runs["leave-in"]) == 101
    assert 1 / explorer.sigma == pytest.approx(run[10], rel=1e-12)
    assert explorer.sigma == explorer.sigma_slider.value


def test_runs_are_taken_as_they_are_given():
    sample = data.sine_power()
    run = trained(sample, "leave-in", 7)
    explorer = Learning(sample, runs={"leave-in": run, "leave-one-out": [-2.0, 0.0, 1e9]})
    assert explorer.view.runs["leave-in"] == run.w.tolist()
    assert explorer.view.runs["leave-one-out"] == [2.0, 0.0, 1e9]
    assert (explorer.epoch, explorer.sigma) == (2, 0.001)  # as far as the slider reaches
    explorer.epoch = 1
    assert explorer.sigma == explorer.sigma_slider.value == 10.0
    explorer.epoch = 0
    assert explorer.sigma == 0.5


def test_a_run_that_is_not_given_is_computed():
    sample = data.sine_power()
    explorer = Learning(sample, runs={"leave-in": [1.0, 2.0]}, loss="leave-in")
    assert (explorer.epoch, explorer.sigma) == (1, 0.5)
    expected = gradient_descent(sample.keys, sample.values, "leave-one-out")
    assert explorer.view.runs["leave-one-out"] == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"runs": {"training": [1.0]}}, "no loss is called 'training'"),
        ({"loss": "left-out"}, "no loss is called 'left-out'"),
        ({"runs": {"leave-in": []}}, "leave-in run must be finite numbers"),
        ({"runs": {"leave-in": [1.0, np.nan]}}, "leave-in run must be finite numbers"),
        ({"runs": {"leave-in": [[1.0, 2.0]]}}, "leave-in run must be finite numbers"),
        ({"epoch": -1}, "epoch must be 0 or more, but was -1"),
        ({"sample": data.sine_power(n=1)}, "fewer than two points"),
    ],
)
def test_bad_arguments_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Learning(**{"sample": data.sine_power(), **given})


def test_bad_state_is_refused(explorer):
    with pytest.raises(ValueError, match="sigma must be positive and finite, but was 0"):
        explorer.sigma = 0.0
    with pytest.raises(TraitError, match="loss"):
        explorer.loss = "training"
    for epoch in (-1, 101):
        with pytest.raises(ValueError, match=f"epoch must be from 0 to 100, but was {epoch}"):
            explorer.epoch = epoch
    assert (explorer.loss, explorer.epoch) == ("leave-one-out", 10)


def test_the_slider_is_linked_in_the_browser(explorer):
    assert explorer.sigma_link.source == (explorer.sigma_slider, "value")
    assert explorer.sigma_link.target == (explorer.view, "sigma")
    slider = explorer.sigma_slider
    ends = [slider.base**slider.min, slider.base**slider.max]
    assert explorer.view.sigma_range == pytest.approx(ends, rel=1e-12)


def test_repr_is_stable_and_short(explorer):
    shown = "Learning(w = 3.37, leave-one-out loss, epoch 10, query 1.5, 50 keys)"
    assert repr(explorer) == shown


def test_start_holds_what_reset_restores(explorer):
    start = explorer.view.start
    assert set(start) == {
        *("sigma", "query", "loss", "epoch", "runs", "data_keys", "data_values", "samples")
    }
    assert json.loads(json.dumps(start)) == start
