"""The table of the smoother at scale: what is shown of it, what fails, and who is missing."""

import copy
import json
import math
import re

import nbformat
import numpy as np
import pytest

from benchmarks import peers, scale
from d2lmini import nadaraya_watson

FOUND = json.loads(scale.JSON.read_text(encoding="utf-8"))


@pytest.mark.parametrize("where", ["README", "chapter 8"])
def test_readme_and_chapter_show_what_was_stored(where):
    shown = scale.README.read_text(encoding="utf-8")
    if where != "README":
        shown = scale.cell_of_table(nbformat.read(scale.CHAPTER, nbformat.NO_CONVERT)).source
    assert len(re.findall("<!-- scale: ", shown)) == 1
    marks = scale.MARKED.search(shown)
    assert marks[0] == f"{marks[1]}{scale.markdown(FOUND)}{marks[2]}"


def test_writing_what_is_stored_changes_nothing(tmp_path, monkeypatch):
    for name in ("JSON", "README", "CHAPTER"):
        copied = tmp_path / name
        copied.write_bytes(getattr(scale, name).read_bytes())
        monkeypatch.setattr(scale, name, copied)
    before = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    scale.write(FOUND)
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == before


def test_every_row_is_of_a_known_call_and_its_ratio_is_of_the_times():
    expected = [name for name in peers.ALL if name not in peers.SIZES]
    expected += [name for name in peers.SIZES for _ in scale.NS]
    assert [each["name"] for each in FOUND["rows"]] == expected
    seconds = {each["name"]: each["seconds"] for each in FOUND["rows"]}
    for group in (peers.AT_ONCE, peers.WITH_GAP, peers.LEAVE_ONE_OUT):
        ours = seconds[next(iter(group))]
        for each in FOUND["rows"]:
            if each["name"] in group and each["seconds"]:
                assert each["ratio"] == pytest.approx(each["seconds"] / ours)


def test_what_was_stored_is_as_good_as_required():
    assert scale.failures(FOUND) == []
    required = {each["name"]: each for each in FOUND["rows"] if each["required"]}
    assert {each["required"] for each in required.values()} == {100, 500}
    for each in required.values():
        assert each["ratio"] >= each["required"], each
    ours = [each for each in FOUND["rows"] if each["name"] in peers.OURS]
    assert all(each["error"] < 1e-10 for each in ours)


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("rows", 1, "ratio"), 49.0, "49 times ours"),
        (("rows", -1, "memory"), 230_000_000, "230 MB"),
        (("exponents", "kernel_smooth, gaussian"), 1.11, "n^1.11"),
    ],
)
def test_what_is_worse_is_named(path, value, word):
    worse = copy.deepcopy(FOUND)
    *way, last = path
    part = worse
    for step in way:
        part = part[step]
    part[last] = value
    (said,) = [each for each in scale.failures(worse) if each not in scale.failures(FOUND)]
    assert word in said


def test_exponents_of_a_power_law():
    rows = [
        {"name": name, "n": n, "seconds": 3e-7 * n**power}
        for name, power in zip(peers.SIZES, (1.0, 1.5), strict=True)
        for n in scale.NS
    ]
    assert list(scale.exponents(rows).values()) == pytest.approx([1.0, 1.5])


def test_a_missing_peer_is_a_row(monkeypatch):
    missing = peers.Peer(peers.fft_ratio, "no_such_module_here")
    monkeypatch.setitem(peers.ALL, "missing", missing)
    known, call = scale.ready("missing", 100)
    assert call is None and known["note"] == "not installed" and known["seconds"] is None
    assert scale.cells(known)[2:6] == [""] * 4


def test_a_peer_that_cannot_be_built_is_a_row_and_another_fault_is_not_hidden(monkeypatch):
    def prepare(problem):
        raise OSError("no compiler")

    monkeypatch.setitem(peers.ALL, "building", peers.Peer(prepare, builds=True))
    monkeypatch.setitem(peers.ALL, "broken", peers.Peer(prepare))
    known, call = scale.ready("building", 100)
    assert call is None and known["note"] == "did not build here (OSError)"
    with pytest.raises(OSError, match="no compiler"):
        scale.ready("broken", 100)


@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov"])
def test_brute_force_is_the_estimator(kernel):
    problem = peers.Problem.of(300)
    at = problem.queries, problem.keys, problem.values
    estimates, _ = nadaraya_watson(*at, kernel=kernel, sigma=problem.sigma)
    found = scale.exact(problem, kernel, 300)
    assert np.allclose(found, estimates, rtol=0, atol=1e-12)
    assert scale.error_of(estimates + 1.0, problem, kernel) == pytest.approx(
        1 / abs(problem.values).max()
    )


@pytest.mark.parametrize(
    "name",
    [
        "statsmodels KernelReg",
        "scikit-learn rbf_kernel, rows normalised",
        "torch float32, softmax of all scores",
        "torch SDPA float32, augmented keys",
    ],
)
def test_peers_of_the_book_give_the_same_estimates(name):
    problem = peers.Problem.of(400)
    found = peers.ALL[name].prepare(problem)()
    assert scale.error_of(found, problem, "gaussian") < 1e-5


@pytest.mark.slow
def test_memory_counts_what_one_call_takes():
    """All weights of scikit-learn at n = 3000 are 72 MB; the smoother needs none of them."""
    pairs = scale.memory("scikit-learn rbf_kernel, rows normalised", 3000)
    if pairs is not None:
        assert 0.9 * 72e6 < pairs < 3 * 72e6
    assert scale.memory("kernel_smooth", 3000) < 20e6


@pytest.mark.parametrize(
    ("x", "said"),
    [(0.00412, "4.1 ms"), (0.4, "400 ms"), (2.13, "2.1 s"), (0.99999, "1 s"), (None, "")],
)
def test_durations_have_two_digits(x, said):
    assert scale.duration(x) == said


def test_short_numbers_have_no_exponent():
    assert [scale.short(x) for x in (1523.0, 0.0614, 7.66, 1)] == ["1 500", "0.061", "7.7", "1"]
    assert math.isclose(float(scale.short(1e6).replace(" ", "")), 1e6)
