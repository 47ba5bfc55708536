"""How answers are judged and shown: with exercises of its own, then with every one of the book."""

import base64
import dataclasses
import functools
import json
import random
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2lmini.exercise_checks import EXERCISES, check, limits, parts, progress, session, show
from d2lmini.exercise_checks.compare import Difference, differs
from d2lmini.exercise_checks.engine import DIFFERS, NOT_YET, PASSED, Exercise, Mistake, judge
from tools import ROOT

BOOK = dict(EXERCISES)
SECONDS = 0.4

double = Exercise(
    name="double",
    chapter=1,
    title="Twice <as> much",
    kind="implement",
    reference=lambda x: 2 * x,
    cases=[{"x": [1, 2, 3.5]}, {"x": [3, 1, 4, 7.5, 5]}],
    mistakes=[Mistake(lambda x: x**2, "That is the square.")],
    picture="curve",
)


def _weights(queries, keys):
    weights = np.exp(-((queries[:, None] - keys) ** 2) / 2)
    return weights / weights.sum(1, keepdims=True)


weights = Exercise(
    name="weights",
    chapter=1,
    title="Weights",
    kind="implement",
    reference=_weights,
    cases=[{"queries": [0, 1, 2], "keys": [0, 0.5, 3, 1]}],
    picture="matrix",
)
mean = Exercise(
    name="mean",
    chapter=1,
    title="A mean",
    kind="compute",
    reference=lambda: 3.25,
    mistakes=[Mistake(13.0, "That is the sum.")],
)


hurried = dataclasses.replace(double, seconds=SECONDS)


def said(answer, exercise=double):
    return judge(exercise, answer).message


@pytest.fixture
def registered(monkeypatch):
    for exercise in (double, weights, mean):
        monkeypatch.setitem(EXERCISES, exercise.name, exercise)
    monkeypatch.setattr(session, "_RESULTS", {})


# What is said --------------------------------------------------------------------------------


def _loop(x):
    while True:
        pass


def _stubborn(x):
    def work():
        return len(x)

    while True:
        try:  # noqa: SIM105
            work()
        except:  # noqa: E722
            pass


def _prints(x):
    while True:
        print("again and again")


def _sleeps(x):
    time.sleep(1.5)


def _deep(x):
    return _deep(x)


def _leaves(x):
    sys.exit(3)


def _interrupts(x):
    raise KeyboardInterrupt


def _in_place(x):
    x *= 2
    return x


def _yields(x):
    yield 2 * x


def _unwritten(x):
    raise NotImplementedError


def _half_written(x):
    return ... * x


def _divides(x):
    nothing = 0
    return 1 / nothing


class _Hostile:
    def __getattr__(self, name):
        raise RuntimeError("no " + name)

    def __len__(self):
        raise RuntimeError("len")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("array")

    def __repr__(self):
        raise RuntimeError("repr")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (None, NOT_YET, r"^Nothing here yet"),
        (..., NOT_YET, r"^Nothing here yet"),
        (lambda x: None, NOT_YET, "returns nothing yet"),
        (lambda x: ..., NOT_YET, "returns nothing yet"),
        (lambda x: [1, ..., 3], NOT_YET, "^Still open"),
        (_unwritten, NOT_YET, "not written yet"),
        (_half_written, NOT_YET, r"still a \.\.\. to be .* line \d+ .*`return \.\.\. \* x`"),
        (_loop, DIFFERS, "Stopped after 0.4 s .* loop that never ends"),
        (_stubborn, DIFFERS, "Stopped after"),
        (_prints, DIFFERS, "Stopped after"),
        (_sleeps, DIFFERS, "Stopped after"),
        (_deep, DIFFERS, "calls itself without end"),
        (_leaves, DIFFERS, r"ends the program .*sys\.exit\(3\)"),
        (_interrupts, DIFFERS, "KeyboardInterrupt"),
        (_in_place, DIFFERS, "changes its argument x in place"),
        (_yields, DIFFERS, "generator"),
        (_divides, DIFFERS, r"ZeroDivisionError: .* in line \d+ .*`return 1 / nothing`"),
        (lambda x: x[1:] @ x, DIFFERS, "ValueError: the shapes do not fit, 3 against 2 in line"),
        (lambda x: unknown, DIFFERS, "NameError.*Did you run the cell"),  # noqa: F821
        (np.array([2.0, 4.0, 7.0]), DIFFERS, r"an array; it must be a function .* without calling"),
        (lambda x, y: x, DIFFERS, r"takes \(x, y\); it must take 1 argument, \(x\)"),
        (lambda *, y, z: y, DIFFERS, r"takes \(y, z\); it must take 1 argument, \(x\)"),
        (lambda: 2, DIFFERS, r"takes \(\); it must take 1 argument, \(x\)"),
        (lambda x: x**2, DIFFERS, "^That is the square"),
        (lambda x: 6 * x, DIFFERS, "^Every entry is 3 times what was expected"),
        (lambda x: -2 * x, DIFFERS, "^Every entry has the wrong sign"),
        (lambda x: 2 * x - 0.25, DIFFERS, "^Every entry is 0.25 too small"),
        (lambda x: 2 * x[::-1], DIFFERS, "reversed"),
        (lambda x: 2 * np.roll(x, 1), DIFFERS, "another order"),
        (lambda x: 0 * x + 1, DIFFERS, "^Every entry is 1: the result does not depend"),
        (lambda x: 2 * x + (x == 2), DIFFERS, r"^Entry 1 is 5, expected 4; 1 of 3 entries differ"),
        (lambda x: 2.0, DIFFERS, r"one number; it must be an array of shape \(3,\)"),
        (lambda x: 2 * x[:, None], DIFFERS, r"shape \(3, 1\); it must be \(3,\).*reshape"),
        (lambda x: np.where(x == 2, np.nan, 2 * x), DIFFERS, "^Entry 1 is NaN"),
        (lambda x: np.where(x == 2, np.inf, 2 * x), DIFFERS, "^Entry 1 is infinite"),
        (lambda x: 2j * x, DIFFERS, "complex"),
        (lambda x: "2x", DIFFERS, "a text in quotes"),
        (lambda x: ["2", "4", "7"], DIFFERS, "holds text"),
        (lambda x: {"x": 2}, DIFFERS, "a dict"),
        (lambda x: _loop, DIFFERS, "function that was not called"),
        (lambda x: map(float, x), DIFFERS, "generator"),
        (lambda x: np.zeros(10**7), DIFFERS, "10000000 entries"),
        (lambda x: [[0.0] * 2000] * 2000, DIFFERS, "4000000 entries"),
        (lambda x: _Hostile(), DIFFERS, "a _Hostile; it must be an array"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_answer(answer, status, message):
    result = judge(hurried if message.startswith("Stopped") else double, answer)
    assert result.status == status
    assert re.search(message, result.message), result.message
    assert result.message[0].isupper()
    assert "check itself failed" not in result.message
    assert str(result).count("Smallest case") == (result.case is not None)
    assert show.as_html(double, result)


def test_a_loop_is_ended_also_one_that_catches_everything():
    for answer in (_loop, _stubborn, _prints):
        judge(hurried, answer)
    time.sleep(0.1)
    assert not [t for t in threading.enumerate() if t.name == "exercise" and t.is_alive()]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: (2 * x).tolist(),
        lambda x: tuple(2 * x),
        lambda x: (2 * x).astype("float32"),
        lambda x: (2 * x + 1e-5).astype("float32"),
        lambda x: 2 * x + 0j,
        lambda *, x: x + x,
        lambda y: 2 * y,
        lambda *, y: 2 * y,
        lambda *numbers: 2 * numbers[0],
        lambda y, digits=None, **more: 2 * y,
        functools.partial(lambda factor, x: factor * x, 2),
    ],
)
def test_right_however_it_is_written(answer):
    assert said(answer) == "Right in all 2 cases."


@pytest.mark.parametrize(
    "answer",
    [
        lambda q, k: _weights(q, k),
        lambda keys, queries: _weights(queries, keys),  # its names say which is which
        lambda q, *, k: _weights(q, k),
        lambda *, q, k: _weights(q, k),
        lambda *, keys, queries: _weights(queries, keys),
        lambda *both: _weights(*both),
        lambda **case: _weights(**case),
        lambda *both, **named: _weights(*both, **named),
    ],
)
def test_right_whatever_its_arguments_are_called(answer):
    assert judge(weights, answer).passed


def test_only_single_precision_is_compared_coarsely():
    assert judge(double, lambda x: 2 * x + 1e-5).status == DIFFERS
    assert judge(double, lambda x: (2 * x + 1e-2).astype("float32")).status == DIFFERS


def test_torch_results():
    torch = pytest.importorskip("torch")
    assert judge(double, lambda x: torch.tensor(2 * x, requires_grad=True)).passed
    assert judge(double, lambda x: [torch.tensor(2 * v, requires_grad=True) for v in x]).passed
    result = judge(double, lambda x: torch.tensor(x, dtype=torch.bfloat16))
    assert "0.5 times" in result.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda queries, keys: np.exp(keys - queries[:, None]), "^Row 0 sums to .*axis 1"),
        (lambda queries, keys: _weights(keys, queries).T, "^Each column sums to 1, the rows do"),
        (lambda queries, keys: _weights(queries, keys).T, "transposed"),
        (lambda queries, keys: _weights(queries, keys)[::-1], "reversed"),
    ],
)  # fmt: skip
def test_what_is_said_of_weights(answer, message):
    assert re.search(message, said(answer, weights))


def test_a_square_matrix_turned_over_is_seen():
    right = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert "transposed" in differs(right.T, right, 1e-6).message


def test_masks_are_spoken_of_as_true_and_false():
    right = np.tril(np.ones((3, 3), bool))
    assert differs(right, right, 1e-6) is None
    assert "exchanged" in differs(~right, right, 1e-6).message
    assert "transposed" in differs(right.T, right, 1e-6).message
    one = right.copy()
    one[0, 1] = True
    assert differs(one, right, 1e-6).message.startswith("Row 0, column 1 is True, expected False;")


def test_parts_of_a_result_are_named():
    right = (np.array([1.0, 2.0, 4.0]), np.eye(2))
    assert differs(right, right, 1e-6, ("outputs", "weights")) is None
    exchanged = differs(right[::-1], right, 1e-6, ("outputs", "weights")).message
    assert exchanged == "The results are right, but exchanged: return outputs, weights."
    message = differs((right[0], 2 * np.eye(2)), right, 1e-6, ("outputs", "weights")).message
    assert message.startswith("Weights: row 0 sums to 2")
    assert "one result; return 2: outputs, weights" in differs(
        right[0], right, 1e-6, ("outputs", "weights")
    ).message.replace("There is ", "")


@pytest.mark.parametrize(
    ("got", "message"),
    [(13, "^That is the sum"), (3, "too small"), ("3.25", "text in quotes"), (True, "is True"),
     (lambda: 3.25, "a function; give what"), (np.nan, "NaN"), ([3.25], "single number")],
)  # fmt: skip
def test_the_value_asked_for_is_never_told(got, message):
    result = judge(mean, got)
    assert re.search(message, result.message), result.message
    assert "3.25" not in str(result).replace("[3.25]", "")
    assert not re.search("your result|<img|<table", show.as_html(mean, result))


def test_a_rounded_answer_is_told_so():
    right = np.array([1.23456, 0.98765])
    assert "right to 3 decimals" in differs(1.235, 1.23456, 1e-6).message
    assert "right to 2 decimals" in differs(right.round(2), right, 1e-6, reveal=False).message
    assert "decimals" not in differs(1.24, 1.23456, 1e-6).message
    assert "decimals" not in differs(0.0, 0.001, 1e-6).message


def test_an_array_asked_for_is_never_told():
    exercise = Exercise(name="v", chapter=1, title="v", kind="compute",
                        reference=lambda: np.array([0.125, 0.25, 0.625]))  # fmt: skip
    for got in ([1, 2, 5], [0.125, 0.25, 0.6], [0.25, 0.5, 1.25], [0, 0.125, 0.4], [np.nan] * 3):
        result = judge(exercise, got)
        assert result.status == DIFFERS
        assert "0.625" not in str(result) + show.as_html(exercise, result)
        assert " times what" not in result.message


def test_single_numbers_are_compared_over_the_cases():
    cases = [{"a": 1}, {"a": 2}, {"a": 5}]
    exercise = Exercise(name="s", chapter=1, title="s", kind="implement",
                        reference=lambda a: a + 1, cases=cases)  # fmt: skip
    assert said(lambda a: 3 * (a + 1), exercise).startswith("In every case the result is 3 times")
    assert said(lambda a: -a - 1, exercise) == "In every case the result has the wrong sign."
    assert said(lambda a: a**2 + 1, exercise) == "The result is 5, which is too large; expected 3."


@given(st.permutations(range(5)))
@settings(max_examples=40, deadline=None)
def test_another_order_never_passes(order):
    right = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [1.0, 0.0], [0.4, 0.6]])
    difference = differs(right[list(order)], right, 1e-6)
    if order == sorted(order):
        assert difference is None
    else:
        assert "order" in difference.message


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=6), st.integers(0, 5),
       st.floats(1e-3, 5) | st.just(np.nan) | st.just(np.inf))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_one_wrong_entry_never_passes(values, where, by):
    right = np.array(values)
    got = right.copy()
    got[where % len(got)] += by
    assert differs(right.copy(), right, 1e-6) is None
    assert differs(got, right, 1e-6).message[0].isupper()


# Judging -------------------------------------------------------------------------------------


def free(judge_it):
    return Exercise(name="f", chapter=1, title="f", kind="design", judge=judge_it)


def test_a_judge_may_call_what_it_was_given():
    exercise = free(lambda answer: None if answer(2) == 4 else "Not four.")
    assert judge(exercise, lambda x: x + x).passed
    assert said(lambda x: x, exercise) == "Not four."
    assert re.search(r"ZeroDivisionError.*line \d+.*`return 1 / nothing`", said(_divides, exercise))
    assert judge(exercise, _half_written).status == NOT_YET
    assert said(np.linalg.inv, exercise).startswith("The function stopped with LinAlgError")
    quick = dataclasses.replace(exercise, seconds=SECONDS)
    assert "loop that never ends" in said(_stubborn, quick)


def test_a_right_function_may_be_asked_for_more():
    """What ``also`` says comes after all cases are right, and only then."""
    exercise = dataclasses.replace(double, also=lambda f: None if f(9.0) == 18 else "Not for 9.")
    assert judge(exercise, lambda x: 2 * x).passed
    assert said(lambda x: 2 * x + (x == 9), exercise) == "Not for 9."
    assert said(lambda x: x, exercise) != "Not for 9."
    assert "ValueError" in said(_fails_at_nine, exercise)
    fault = dataclasses.replace(double, also=lambda f: 1 / 0)
    assert said(lambda x: 2 * x, fault).startswith("The check itself failed")


def _fails_at_nine(x):
    if np.ndim(x) == 0 and x == 9:
        raise ValueError("nine")
    return 2 * x


def test_a_judge_says_what_is_still_open():
    exercise = free(lambda answer: "Still open: b." if answer["b"] is None else None)
    assert judge(exercise, {"b": None}).status == NOT_YET
    assert judge(exercise, {"b": 1}).passed


def test_our_own_fault_is_not_the_readers():
    broken = Exercise(name="f", chapter=1, title="f", kind="implement",
                      reference=lambda x: 1 / 0, cases=[{"x": 1}])  # fmt: skip
    for exercise in (broken, free(lambda answer: [][1]), free(lambda answer: 7)):
        result = judge(exercise, lambda x: x)
        assert result.status == DIFFERS
        assert result.message.startswith("The check itself failed")


def test_random_numbers_and_error_state_stay():
    def careless(x):
        np.random.seed(0)
        random.seed(0)
        np.seterr(all="raise")
        return 2 * x

    before = np.random.get_state()[1].copy(), random.getstate(), np.geterr()
    with np.errstate(all="raise"):
        assert judge(weights, _weights).passed
    assert judge(double, careless).passed
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert (random.getstate(), np.geterr()) == before[1:]


def test_the_reader_can_stop_a_check(monkeypatch, registered, capsys):
    def pressed(thread, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(limits, "_ended", pressed)
    result = check("double", _loop)
    assert (result.status, result.message) == (
        NOT_YET, "You stopped the check before it was over.")  # fmt: skip
    assert not [t for t in threading.enumerate() if t.name == "exercise" and t.is_alive()]


def test_the_answer_to_another_exercise_is_named(registered):
    def weights(x):
        return x

    assert said(weights).startswith("This is weights, the answer to another exercise")


def test_further_cases_count():
    exact = judge(double, lambda x: 2 * x if len(x) < 6 else x, more=[{"x": [1, 2, 3, 4, 5, 7]}])
    assert exact.status == DIFFERS


# Showing -------------------------------------------------------------------------------------


def test_check_prints_and_returns(registered, capsys):
    result = check("double", lambda x: print("hello") or 2 * x + 1)
    assert not result.passed
    assert capsys.readouterr().out == (
        "double: not right yet. Every entry is 1 too large, by the same amount.\n"
        "Smallest case that fails:\n  x = [1, 2, 3.5]\n  expected = [2, 4, 7]\n"
        "  your result = [3, 5, 8]\nPrinted:\n  hello\n"
    )
    assert check("double", lambda x: 2 * x).passed
    assert check("mean", ...).status == NOT_YET
    capsys.readouterr()
    progress(1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Chapter 1: 1 of ")
    assert "  ✓ double: passed" in lines
    assert "  … mean: not yet" in lines


@pytest.mark.parametrize(("name", "message"), [("doubel", "such as double"), (_loop, "in quotes")])
def test_an_unknown_name_raises(registered, name, message):
    with pytest.raises(ValueError, match=message):
        check(name, 1)
    with pytest.raises(ValueError, match="chapter is 99"):
        progress(99)


def test_strict_raises(registered, monkeypatch, capsys):
    monkeypatch.setenv("D2LMINI_STRICT", "1")
    assert check("mean", 3.25).passed
    with pytest.raises(session.ExerciseError, match="mean: not right yet"):
        check("mean", 3)


class Page(HTMLParser):
    """Tags that are open, what was seen, text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("exercise", "answer", "alt"),
    [
        (double, lambda x: print("<script>") or 3 * x, "Line chart over entry.*3 of 3 points"),
        (weights, lambda queries, keys: print("<script>") or _weights(keys, queries).T,
         "Two heatmaps.*3 by 4, your result 3 by 4; 12 of 12 entries differ"),
    ],
)  # fmt: skip
def test_the_page_is_whole_and_escaped(exercise, answer, alt):
    html = show.as_html(exercise, judge(exercise, answer))
    page = Page(html)
    assert page.seen[0][0] == "div"
    assert [tag for tag, attrs in page.seen if attrs.get("role") == "status"] == ["div"]
    assert "<script>" not in html
    assert "<script>" in page.text
    for word in (exercise.title, "not right yet", "expected", "your result", *exercise.cases[0]):
        assert word in page.text
    (image,) = [attrs for tag, attrs in page.seen if tag == "img"]
    assert re.search(alt, image["alt"])
    png = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG")
    assert all("class" not in attrs and "id" not in attrs for _, attrs in page.seen)


def test_pictures_leave_no_figures_behind():
    import matplotlib.pyplot as plt

    assert "<img" in show.as_html(double, judge(double, lambda x: 3 * x))
    assert plt.get_fignums() == []


def test_a_kernel_shows_one_bundle_and_no_second_output():
    import nbformat
    from nbclient import NotebookClient

    setup = (
        "from d2lmini import check, progress\n"
        "from d2lmini.exercise_checks import engine\n"
        "engine.register(engine.Exercise(name='twice', chapter=1, title='Twice', picture='curve',\n"
        "    kind='implement', reference=lambda x: 2 * x, cases=[{'x': [1, 2, 4]}]))"
    )
    cells = [setup, "def twice(x):\n    return 3 * x\ncheck('twice', twice)", "progress(1)",
             "def twice(x):\n    return [][0]\ncheck('twice', twice)"]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}).execute()
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert set(output.data) == {"text/plain", "text/html"}
        assert output.data["text/html"].startswith('<div role="status"')
    assert "Every entry is 1.5 times" in notebook.cells[1].outputs[0].data["text/plain"]
    assert (
        "in line 2 of its cell, `return [][0]`" in notebook.cells[3].outputs[0].data["text/plain"]
    )


def test_importing_and_checking_stay_light(tmp_path):
    code = (
        "import sys\nfrom d2lmini import check, progress\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'IPython', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "progress(1)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True,
                          text=True, cwd=ROOT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Chapter 1: 0 of ")


# The exercises of the book -------------------------------------------------------------------

with_reference = [e for e in BOOK.values() if e.reference is not None]
functions = [e for e in with_reference if e.cases]
named = functools.partial(pytest.mark.parametrize, "exercise", ids=lambda e: e.name)


@named(with_reference)
def test_the_reference_passes(exercise):
    result = judge(exercise, exercise.reference if exercise.cases else exercise.reference())
    assert result.passed, result.message


@named(functions)
def test_arguments_may_have_any_names(exercise):
    names = list(exercise.cases[0])
    places = ", ".join(f"a{i}" for i in range(len(names)))
    scope = {"names": names, "reference": exercise.reference}
    answer = eval(f"lambda {places}: reference(**dict(zip(names, ({places},))))", scope)
    assert judge(exercise, answer).passed
    only_named = eval(f"lambda *, {places}: answer({places})", {"answer": answer})
    assert judge(exercise, only_named).passed
    too_many = eval("lambda *, {}: 1".format(", ".join(f"b{i}" for i in range(len(names) + 1))))
    assert "it must take" in judge(exercise, too_many).message


@named(with_reference)
def test_each_mistake_has_its_own_message(exercise):
    for mistake in exercise.mistakes:
        wrong = mistake.answer
        if not exercise.cases and callable(wrong):
            wrong = wrong()
        result = judge(exercise, wrong)
        assert (result.status, result.message) == (DIFFERS, mistake.message)


@named([e for e in functions if e.draw])
def test_drawn_cases_are_json_and_tell_right_from_wrong(exercise):
    rng = np.random.default_rng(5)
    drawn = [exercise.draw(rng) for _ in range(3)]
    assert json.loads(json.dumps(drawn)) == drawn
    assert all(set(case) == set(exercise.cases[0]) for case in drawn)
    assert judge(exercise, exercise.reference, more=drawn).passed
    assert drawn[0] != drawn[1]
    for mistake in exercise.mistakes:
        assert not judge(exercise, mistake.answer, more=drawn).passed


@named(list(BOOK.values()))
def test_an_untouched_stub_is_not_yet(exercise):
    assert judge(exercise, ...).status == NOT_YET
    assert judge(exercise, None).status == NOT_YET
    if exercise.cases:
        scope = {}
        exec(f"def stub({', '.join(exercise.cases[0])}):\n    ...", scope)
        assert judge(exercise, scope["stub"]).status == NOT_YET


ODD = {
    "number": 7, "text": "text", "list": [], "dict": {}, "matrix": np.eye(3),
    "hostile": lambda *a, **k: _Hostile(), "print": print,
}  # fmt: skip


@named(list(BOOK.values()))
@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_odd_answers_get_words(exercise, answer):
    result = judge(exercise, answer)
    assert not result.passed
    assert result.message[0].isupper()
    assert "check itself failed" not in result.message, result.message


def test_a_difference_can_be_said_otherwise():
    difference = Difference("a", 1, 2)
    assert difference.saying("b").without_expected() == Difference("b", None, 2)
    assert parts.truth_table({"a": True}, "Read it again.")({"a": False}).endswith("again.")
    assert PASSED == "passed"
