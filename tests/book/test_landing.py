"""The landing page says of each chapter what the chapter says of itself."""

import json
import re

import pytest
import yaml

from tools import ROOT

PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
CHAPTERS = [each["file"] for each in PARTS[0]["chapters"]]
ROW = re.compile(r"^\| \[(.+)\]\((.+)\.ipynb\) \| (.+) \| (\d+) minutes \|$", re.M)
TIMES = {"half an hour": 30, "an hour": 60}


def first_cell(chapter: str) -> str:
    notebook = json.loads((ROOT / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    return "".join(notebook["cells"][0]["source"])


def rows() -> dict[str, tuple[str, str, int]]:
    text = (ROOT / "intro.md").read_text(encoding="utf-8")
    return {page: (title, question, int(time)) for title, page, question, time in ROW.findall(text)}


def test_the_landing_page_lists_the_chapters_in_order():
    assert list(rows()) == CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_title_question_and_time_are_the_chapters_own(chapter):
    text = first_cell(chapter)
    title, question, time = rows()[chapter]
    assert text.splitlines()[0] == f"# {title}"
    asked = re.search(r"\*\*The question of this chapter: (.+?)\*\*", text)[1]
    assert question.lower() == asked.lower()
    said = re.search(r"take about (.+?)[.;]", text)[1]
    assert TIMES.get(said) == time or said == f"{time} minutes"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_page_for_teachers_says_the_same_and_how_long_the_exercises_take(chapter):
    title, question, time = rows()[chapter]
    start = f"| [{title}]({chapter}.ipynb) | {question} | {time} minutes | "
    text = (ROOT / "teaching.md").read_text(encoding="utf-8")
    (said,) = (line[len(start) : -2] for line in text.splitlines() if line.startswith(start))
    first = " ".join(first_cell(chapter.replace("chapters/", "exercises/")).split())
    assert re.search(r"take about (.+?)\.", first)[1] == said


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_previous_and_next_show_the_question(site, chapter):
    question = rows()[chapter][1]
    position = CHAPTERS.index(chapter)
    neighbour = CHAPTERS[position - 1] if position else "intro"
    page = (site / f"{neighbour}.html").read_text(encoding="utf-8")
    assert f'<p class="prev-next-question">{question}</p>' in page
    card = (site / f"{chapter}.html").read_text(encoding="utf-8")
    assert f'<meta property="og:description" content="{question}">' in card
