"""Answers to the exercises, from the tables of each chapter's test file.

WRONG: name -> (answer, what its message says), three or more each; RIGHT: name -> answers that are
written otherwise than the reference.
"""

import re
from importlib import import_module

import numpy as np
import pytest

from d2lmini.exercise_checks import CHAPTERS, EXERCISES, judge

pytestmark = pytest.mark.usefixtures("one_thread")

TABLES = {n: import_module(f"{__package__}.test_exercises_chapter_{n}") for n in CHAPTERS}
WRONG = {name: cases for each in TABLES.values() for name, cases in each.WRONG.items()}
RIGHT = {name: answers for each in TABLES.values() for name, answers in each.RIGHT.items()}
DRAWN = [name for name, exercise in EXERCISES.items() if exercise.draw]
#: What is said of an answer that is still to be finished.
UNFINISHED = ("Still open", "Nothing", "returns nothing", "prints something")


def drawn(name, seed, count):
    """Cases as a teacher's file would add them."""
    rng = np.random.default_rng(seed)
    return [EXERCISES[name].draw(rng) for _ in range(count)]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_wrong_and_right_answers(chapter):
    tables = TABLES[chapter]
    mine = {name for name, exercise in EXERCISES.items() if exercise.chapter == chapter}
    assert mine == set(tables.WRONG) == set(tables.RIGHT)
    assert all(len(cases) >= 3 for cases in tables.WRONG.values())


@pytest.mark.parametrize(
    ("name", "answer", "message"), [(name, *case) for name in WRONG for case in WRONG[name]]
)
def test_a_wrong_answer_gets_the_message_meant_for_it(name, answer, message):
    result = judge(EXERCISES[name], answer)
    assert re.search(message, result.message), result.message
    unfinished = message.startswith(UNFINISHED)
    assert result.status == ("not yet" if unfinished else "not right yet")


@pytest.mark.parametrize(
    ("name", "answer"), [(name, answer) for name in RIGHT for answer in RIGHT[name]]
)
def test_a_right_answer_written_otherwise_passes(name, answer):
    more = drawn(name, 0, 3) if name in DRAWN else []
    result = judge(EXERCISES[name], answer, more)
    assert result.passed, result.message


@pytest.mark.parametrize("name", [name for name, exercise in EXERCISES.items() if exercise.takes])
def test_a_function_that_a_judge_calls_may_name_its_arguments_as_it_likes(name):
    names, right = EXERCISES[name].takes, RIGHT[name][0]
    places = [f"a{i}" for i in range(len(names))]
    turned = names[::-1]
    for takes, gives in ((["*", *places], places), (["*args"], ["*args"]), (turned, names)):
        scope = {"right": right}
        answer = eval(f"lambda {', '.join(takes)}: right({', '.join(gives)})", scope)
        result = judge(EXERCISES[name], answer)
        assert result.passed, (takes, result.message)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_cases_accept_a_right_answer_and_no_wrong_one(name):
    more = drawn(name, 1, 5)
    assert judge(EXERCISES[name], RIGHT[name][0], more).passed
    assert not any(judge(EXERCISES[name], answer, more).passed for answer, _ in WRONG[name])
