"""Print how long each chapter takes, beside the time that it states.

    .venv/bin/python -m tools.reading_time

130 words a minute, folds closed and formulas counted as their words of TeX, which leaves time for
the code; a quarter of a minute for each figure; three minutes for the explorer and its answers.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from tools.notebooks import chapters

WORDS_A_MINUTE, A_FIGURE, EXPLORER = 130, 0.25, 3
FOLD = re.compile(r"<details>.*?</details>", re.DOTALL)
STATED = re.compile(r"take about (.+?)[.;]")


def reading_time(file: Path) -> tuple[int, int, float]:
    """Of a chapter: its visible words, its figures, the minutes that they make."""
    words = figures = 0
    for cell in nbformat.read(file, as_version=4).cells:
        if cell.cell_type == "markdown":
            words += len(FOLD.sub("", cell.source).split())
        else:
            figures += "<Figure" in str(cell.outputs)
    return words, figures, words / WORDS_A_MINUTE + figures * A_FIGURE + EXPLORER


def main() -> None:
    for file in chapters():
        if file.parent.name == "chapters":
            words, figures, minutes = reading_time(file)
            stated = STATED.search(nbformat.read(file, as_version=4).cells[0].source)[1]
            print(f"{file.stem:37s} {words} words, {figures} figures: ", end="")
            print(f"{minutes:.0f} minutes, stated {stated}")


if __name__ == "__main__":
    main()
