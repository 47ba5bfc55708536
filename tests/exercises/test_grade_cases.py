"""A teacher's cases file: whatever is wrong in it is said before the first notebook is graded."""

import json

import pytest

from d2lmini.exercise_checks import EXERCISES
from d2lmini.grade.__main__ import main
from d2lmini.grade.cases import Further

from .test_grade import filled

OK = '{"values": [1, 2], "weights": [1, 3]}'


def own(*cases, name="weighted_average"):
    lines = ",\n".join(cases)
    return f'{{\n"cases": {{\n"{name}": [\n{lines}\n]}}}}'


#: what the file holds, what is said: the line, the key and what is wrong
WRONG = {
    "empty": ("", "line 1, column 1: not JSON"),
    "cut off": ('{"seed": 1,\n "draws"', "line 2, column 9: not JSON"),
    "a list": ("[]", "line 1: holds a list of numbers; it must hold"),
    "nothing": ("{}", "adds no case"),
    "null": ("null", "holds null"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "unknown key": ('{"seed": 1,\n"sed": 1}', "line 2: sed is unknown"),
    "a key twice": ('{"seed": 1, "seed": 2}', "seed is there twice"),
    "cases a list": ('{"cases": []}', "line 1: cases is a list of numbers; it must be {name"),
    "cases null": ('{"cases": null}', "line 1: cases is null; it must be {name"),
    "cases of nothing": ('{"cases": {}}', "adds no case"),
    "float draws": ('{"seed": 1,\n"draws": 2.0}', "line 2: draws is 2.0; it must be a whole"),
    "negative draws": ('{"seed": 1,\n\n"draws": -1}', "line 3: draws is -1; it must be a whole"),
    "draws null": ('{"seed": 1, "draws": null}', "draws is null; it must be a whole"),
    "draws true": ('{"seed": 1, "draws": true}', "draws is true; it must be a whole"),
    "many draws": ('{"seed": 1, "draws": 1000000}', "draws is 1000000"),
    "text seed": ('{"seed": "7"}', 'line 1: seed is "7"; it must be a whole number'),
    "negative seed": ('{"seed": -7}', "seed is -7"),
    "draws alone": ('{"draws": 3}', "line 1: draws needs a seed"),
    "no draws": ('{"seed": 3, "draws": 0}', "adds no case"),
    "no exercise": (own(OK, name="weighted_avrage"),
                    "line 3: cases.weighted_avrage is no exercise"),
    "no function": (own(OK, name="two_means"), "line 3: cases.two_means takes no cases"),
    "no list": ('{"cases": {"weighted_average":\n3}}',
                "cases.weighted_average is a number; it must be [case, ...]"),
    "a case null": (own(OK, "null"), "line 5: cases.weighted_average[1] is null; it must be {...}"),
    "a case a number": (own("3"), "line 4: cases.weighted_average[0] is a number"),
    "an argument missing": (own(OK, OK, '{"values": [1]}'),
                            "line 6: cases.weighted_average[2] has values; it must have values, w"),
    "text for a number": (own('{"values": [1, "2"],\n"weights": [1, 3]}'),
                          'line 4: cases.weighted_average[0].values holds "2" among numbers'),
    "text for a list": (own(OK, '{"values": [1, 2],\n"weights": "13"}'),
                        'line 6: cases.weighted_average[1].weights is "13"; it must be a list of'),
    "null among numbers": (own('{"values": [1, null], "weights": [1, 3]}'),
                           "values holds null among numbers"),
    "a number for a list": (own('{"values": 1, "weights": 2}'), "values is 1; it must be a list"),
    "an empty list": (own('{"values": [], "weights": []}'), "values is empty"),
    "ragged": (own('{"values": [[1, 2], [3]], "weights": [1, 3]}'), "rows of unequal lengths"),
    "one level too many": (own('{"values": [[1, 2]], "weights": [[1, 3]]}'),
                           "values is a list of lists of numbers; it must be a list of numbers"),
    "unequal lengths": (own(OK, '{"values": [1, 2, 3], "weights": [1, 3]}'),
                        "line 5: cases.weighted_average[1] has values and weights of lengths 3"),
    "one against many": (own('{"values": [1], "weights": [1, 3]}'), "of lengths 1 and 2, not of"),
    "weights that sum to 0": (own('{"values": [1, 2], "weights": [1, -1]}'),
                              "line 4: cases.weighted_average[0] has no answer"),
    "NaN": (own('{"values": [1, NaN], "weights": [1, 3]}'), "values holds NaN or infinity"),
    "infinity": (own('{"values": [1, 1e999], "weights": [1, 3]}'), "values holds NaN or infinity"),
    "a boolean": (own('{"values": [1, true], "weights": [1, 3]}'), "holds true among numbers"),
    "refused by the reference": (
        own('{"queries": [1], "keys": [1, 2], "values": [1, 2], "sigma": -1}',
            name="stable_smoother"),
        "line 4: cases.stable_smoother[0] cannot be answered by the reference itself: ValueError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_words_with_line_and_key(tmp_path, capsys, name):
    text, words = WRONG[name]
    kept, table = tmp_path / "cases.json", tmp_path / "g.csv"
    kept.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        Further(kept)
    said = str(caught.value)
    assert said.startswith("cases.json") and words in said
    assert "\n" not in said and "Traceback" not in said
    place = filled(tmp_path / "in", ["good"])
    assert main([str(place), "-o", str(table), "--cases", str(kept)]) == 2
    assert words in capsys.readouterr().err and not table.exists()


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mark_at_the_start_is_no_mistake(tmp_path, coding):
    kept = tmp_path / "cases.json"
    kept.write_bytes(own(OK).encode(coding))
    assert Further(kept).cases == {"weighted_average": [json.loads(OK)]}


def test_bytes_that_are_no_text_are_said(tmp_path):
    (tmp_path / "cases.json").write_bytes(b'{"seed": \xff}')
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        Further(tmp_path / "cases.json")


def test_the_courses_own_cases_and_draws_are_accepted(tmp_path):
    """What is right for the course is right for a teacher, infinity and all."""
    plain = {
        e.name: [dict(case) for case in e.cases] for e in EXERCISES.values() if e.cases
    }  # fmt: skip
    kept = tmp_path / "cases.json"
    kept.write_text(json.dumps({"seed": 3, "draws": 2, "cases": plain}), encoding="utf-8")
    cases = Further(kept).cases
    assert all(len(cases[e.name]) == len(plain[e.name]) + 2 * bool(e.draw)
               for e in EXERCISES.values() if e.cases)  # fmt: skip
    assert Further(kept).cases == cases
    drawn = {name: cases[name][len(plain[name]) :] for name in plain if EXERCISES[name].draw}
    kept.write_text(json.dumps({"cases": drawn}), encoding="utf-8")
    assert Further(kept).cases == drawn
