"""Answers judged from another process: as they are here, and nothing that comes is believed."""

import collections
import decimal
import fractions
import json
import math
import random
import time

import numpy as np
import pytest

from d2lmini.exercise_checks import EXERCISES, judge
from d2lmini.exercise_checks.engine import OURS
from d2lmini.exercise_checks.limits import AnswerError, call
from d2lmini.grade import wire
from d2lmini.grade.far import Answers
from d2lmini.grade.link import LATE
from d2lmini.grade.near import Near

torch = pytest.importorskip("torch")
FUNCTIONS = [e for e in EXERCISES.values() if e.cases]


class Spoiled(Exception):
    """The stand-in's words for: end that process."""


def spoiled():
    raise Spoiled


def over_the_line(**variables):
    """A Near whose student's process is this one; all that is said goes through JSON."""
    answers, ids = Answers(variables), iter(range(10**6))

    def ask(event, **more):
        request = {"event": event, "id": next(ids), "seconds": 10.0, **more}
        sent = wire.message(json.dumps(request).encode(), wire.REQUESTS)
        said = json.dumps({"event": "reply", **answers.to(sent)}).encode()
        return wire.message(said, wire.FROM_STUDENT)

    return Near(ask, spoiled)


def judged_afar(exercise, answer, more=()):
    stand_in = over_the_line(**{exercise.name: answer}).answer(exercise.name)
    return judge(exercise, stand_in, more)


def there_and_back(value):
    return over_the_line(x=value).answer("x")


# Judged as here ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.name)
def test_functions_are_judged_as_they_are_in_the_notebook(exercise):
    """The reference, every typical mistake, and functions that go wrong in every other way."""
    arguments = list(exercise.cases[0])
    wrong = [m.answer for m in exercise.mistakes]
    wrong += [eval(f"lambda {', '.join(arguments)}: {result}") for result in ODD]
    wrong += [lambda: 1, 3, ..., None, "text", print, exercise.reference]
    drawn = [exercise.draw(np.random.default_rng(3))] if exercise.draw else []
    for answer in wrong:
        here, afar = judge(exercise, answer, drawn), judged_afar(exercise, answer, drawn)
        assert (afar.status, afar.message) == (here.status, here.message)
        assert afar.printed == here.printed


ODD = ["None", "...", "1 / 0", "'text'", "print('hello')", "(i for i in [1])", "len", "nope",
       "exit()", "[1, [2]]", "{}", "float('nan')", "1j", "True", "[None, 1]", "1e-3 + 0",
       "[...]", "(1, 2, 3)", "10**400", "b'x'"]  # fmt: skip


@pytest.mark.parametrize("exercise", [e for e in EXERCISES.values() if not e.cases],
                         ids=lambda e: e.name)  # fmt: skip
@pytest.mark.parametrize("answer", [
    ..., 3, [1.0, 2.0], {"a": True}, lambda n: None, lambda n: 1.0 / n,
    lambda q, k: (q, k), lambda *a: 1 / 0, print, int, dict, {"squared": ...}, "text", b"x", {1},
], ids=lambda answer: getattr(answer, "__name__", repr(answer)))  # fmt: skip
def test_other_answers_are_judged_as_they_are_in_the_notebook(exercise, answer):
    here, afar = judge(exercise, answer), judged_afar(exercise, answer)
    if here.message.startswith(OURS):  # a function in C, whose errors no frame tells apart
        assert answer in (int, dict) and not afar.message.startswith(OURS)
    else:
        assert (afar.status, afar.message) == (here.status, here.message)


class Pooling(torch.nn.Module):
    """A model that learns nothing but what it is given; its slopes are those of a plain loss."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(1, 3)
        self.fixed = torch.nn.Parameter(torch.tensor(2.0), requires_grad=False)
        self.idle = torch.nn.Parameter(torch.tensor(1.0))
        self.step_size = 0.25

    def forward(self, x):
        return torch.tanh(self.inner(x)).sum(1) * self.fixed


def test_a_model_is_differentiated_where_it_is():
    torch.manual_seed(0)
    own = Pooling()
    afar = there_and_back(own)
    assert isinstance(afar, torch.nn.Module) and afar.step_size == 0.25
    assert type(afar).__name__ == "Pooling"
    x = torch.linspace(-1, 1, 5)[:, None]
    assert torch.equal(afar(x), own(x))
    for model in (own, afar):
        parameters = [p for p in model.parameters() if p.requires_grad]
        slopes = torch.autograd.grad((model(x) ** 2).sum(), parameters, allow_unused=True)
        if model is own:
            expected = slopes
    assert [s is None for s in slopes] == [True, False, False]
    assert all(torch.allclose(a, b) for a, b in zip(slopes[1:], expected[1:], strict=True))
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(afar(x).sum(), parameters)
    with torch.no_grad():  # the judge's parameters count, whatever the student's are
        for p in afar.parameters():
            p.zero_()
        assert not afar(x).any() and not afar(x).requires_grad


def test_what_a_function_does_to_its_arguments_is_seen():
    def double(values):
        values *= 2
        return values.sum()

    values = np.array([1.0, 2.0])
    assert there_and_back(double)(values) == 6.0
    assert values.tolist() == [2.0, 4.0]
    tensor = torch.tensor([1.0, 2.0])
    assert there_and_back(double)(tensor) == 6.0 and tensor.tolist() == [2.0, 4.0]


def test_what_is_said_of_an_answer_that_is_late_is_what_a_notebook_says():
    assert call(lambda: time.sleep(1), 0.1).problem == LATE.format(0.1)


# Values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [
    None, True, 3, -(10**200), 1.5, math.inf, "σ\ud800\0", ..., [1, [2, (3, {"a": {4}})]],
    {1: 2, None: 3, (1, 2): 4}, np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(1.5),
    np.float32(0.1), np.bool_(True), np.array([1 + 2j]), np.array([True]),
    np.arange(4, dtype=">f8"), np.arange(6).reshape(2, 3).T, np.float16(2),
], ids=repr)  # fmt: skip
def test_a_value_comes_as_it_was(value):
    came = there_and_back(value)
    assert type(came) is type(value)
    if isinstance(value, np.ndarray | np.generic):
        assert came.dtype.name == value.dtype.name and came.shape == value.shape
        assert np.array_equal(came, value)
    else:
        assert came == value


@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16", "float16", "int64", "bool"])
def test_a_tensor_comes_as_it_was(kind):
    value = torch.tensor([[1, 0], [1, 1]]).to(getattr(torch, kind))
    came = there_and_back(value)
    assert came.dtype == value.dtype and torch.equal(came, value)
    trained = torch.ones(2, requires_grad=True)
    assert torch.equal(there_and_back(trained * 2), torch.full((2,), 2.0))


def test_what_cannot_travel_is_told_by_its_type():
    loop = []
    loop.append(loop)
    for value in (object(), (i for i in []), np.zeros(10**7), np.broadcast_to(0.0, 10**12),
                  [0] * (10**6 + 1), {i: i for i in range(10**6 + 1)}, 10**5000,
                  random.Random(1), np.datetime64("2020-01-01"), loop):  # fmt: skip
        assert type(there_and_back(value)) is not type(value) or value is loop
    assert there_and_back(np.zeros(10**7)).size == 10**7
    assert hasattr(type(there_and_back(i for i in [])), "__next__")
    third = fractions.Fraction(1, 3)
    assert float(there_and_back(third)) == 1 / 3
    assert float(there_and_back(decimal.Decimal("0.5"))) == 0.5
    assert there_and_back(range(3)).tolist() == [0, 1, 2]
    assert there_and_back(collections.namedtuple("P", "x y")(1, 2)) == (1, 2)


def test_an_object_that_bites_is_told_by_its_type():
    class Biting:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    assert type(there_and_back([Biting()])[0]).__name__ == "Biting"


def test_many_things_do_not_make_one_message_too_long():
    far = Answers({"x": ["σ" * 10_000] * 20_000, "y": [[[]]] * 300_000})
    for name in "xy":
        request = {"event": "answer", "id": 1, "name": name, "seconds": 60.0}
        assert len(json.dumps(far.to(request))) < wire.LARGEST_FRAME


# Nothing is believed ----------------------------------------------------------------------------

FORGED = [
    b"", b"null", b"[]", b'"result"', b"3", b"{", b"\xff", b"[" * 100_000, b'{"event": null}',
    b'{"event": []}', b'{"event": "nonsense"}', b'{"event": "cell"}', b'{"number": 3}',
    b'{"event": "cell", "number": "3"}', b'{"event": "cell", "number": true}',
    b'{"event": "cell", "number": 3.0}', b'{"event": "ready", "more": 1}',
    b'{"event": "failed", "number": 1, "problem": null}', b'{"event": "end"}',
    b'{"event": "result", "name": "x", "status": "passed", "message": "", "seconds": 0.0}',
    b'{"event": "verdict", "name": "x", "status": "passed", "message": "", "seconds": 0.0}',
    b'{"event": "cell", "number": ' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("data", FORGED, ids=lambda d: str(d[:40]))
def test_an_event_is_one_of_the_schema_or_garbled(data):
    with pytest.raises(wire.Garbled):
        wire.message(data, wire.FROM_STUDENT)


ARRAY = {"t": "array", "dtype": "float64", "shape": [1], "data": "AAAAAAAAAAA="}
FAR = {"t": "function", "id": 0, "name": "f", "parameters": None}
MODEL = {"t": "module", "id": 0, "name": "M", "parameters": [], "step_size": 1.0}


@pytest.mark.parametrize("raw", [
    [], [1], {}, {"t": 3}, {"t": "nonsense"}, {"t": "list"}, {"t": "list", "v": 3},
    {"t": "list", "v": {"a": 1}}, {"t": "dict", "v": [[1]]}, {"t": "dict", "v": [[[], 1]]},
    {"t": "dict", "v": [[{"t": "list", "v": []}, 1]]}, {"t": "set", "v": [{"t": "set", "v": []}]},
    {**ARRAY, "shape": [2]}, {**ARRAY, "shape": [-1]}, {**ARRAY, "shape": "1"},
    {**ARRAY, "shape": [True]}, {**ARRAY, "shape": [10**30, 0, 1]}, {**ARRAY, "dtype": "object"},
    {**ARRAY, "dtype": "O"}, {**ARRAY, "dtype": None}, {**ARRAY, "data": "????"},
    {**ARRAY, "data": 3}, {**ARRAY, "t": "tensor"}, {**ARRAY, "t": "tensor", "kind": "nn"},
    {**ARRAY, "t": "tensor", "kind": "load"}, {**FAR, "id": -1}, {**FAR, "id": "0"},
    {**FAR, "name": 3}, {**MODEL, "parameters": [[1, 2]]}, {**MODEL, "parameters": 3},
    {**MODEL, "parameters": [["p", ARRAY, True]]}, {**MODEL, "step_size": {}},
    {"t": "thing", "name": "x"}, {"t": "missing", "more": 1}, {"t": "graph", "id": 1},
    {"t": "thing", "name": "x", "size": "3", "number": None, "iterator": False},
], ids=str)  # fmt: skip
def test_a_value_is_of_a_known_form_or_garbled(raw):
    with pytest.raises(wire.Garbled):
        wire.decode(raw, Near(None, None).stand_in)


def test_nesting_without_end_is_garbled():
    raw = 1
    for _ in range(500):
        raw = {"t": "list", "v": [raw]}
    with pytest.raises(wire.Garbled):
        wire.decode(raw)


@pytest.mark.parametrize("lie", [
    {"value": {"t": "nonsense"}}, {"value": []}, {"changed": [3]}, {"changed": [[5, 1]]},
    {"changed": [[-1, 1]]}, {"changed": [[0, {"t": "no"}]]}, {"changed": [["0", 1]]},
], ids=str)  # fmt: skip
def test_a_reply_that_makes_no_sense_spoils_the_process(lie):
    true = {"event": "reply", "id": 1, "value": 1, "problem": "", "unfinished": False,
            "printed": "", "changed": []}  # fmt: skip
    ended = []
    near = Near(lambda *_, **__: {**true, **lie}, lambda: ended.append(1))
    with pytest.raises(AnswerError):
        near.stand_in(FAR)(np.zeros(2))
    assert ended == [1]


def test_a_signature_that_makes_no_sense_is_none():
    for lie in (3, [["x"]], [["1x", 1, False]], [["x", 99, False]], [["x", 1, False]] * 2):
        made = Near(None, None).stand_in({**FAR, "parameters": lie})
        assert not hasattr(made, "__signature__") and callable(made)
