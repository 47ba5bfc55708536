"""The list of faults still fits the code; `make mutants` shows that each is caught."""

from collections import Counter

import pytest

from tests.mutants import MUTANTS
from tools import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_to_be_broken_occurs_once(mutant):
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file}: {mutant.old!r}"
    assert mutant.old != mutant.new


def test_every_mutant_has_a_name_and_tests_of_its_own():
    assert [name for name, n in Counter(m.name for m in MUTANTS).items() if n > 1] == []
    files = {t.split("::")[0] for m in MUTANTS for t in m.tests if t.startswith("tests/")}
    assert all(any(t.startswith("tests/") for t in m.tests) for m in MUTANTS)
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []
