"""What the README claims."""

import re

import yaml

from tools import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if not target.startswith("http")]
    assert len(local) >= 8
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_chapters_are_those_of_the_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [f"{each['file']}.ipynb" for each in toc["parts"][0]["chapters"]]
    assert re.findall(r"^\d\. \[.+\]\((.+\.ipynb)\)", README, re.M) == chapters


def test_the_size_of_the_core_is_as_said():
    said = int(re.search(r"in about (\d+) lines", README)[1])
    names = re.search(r"meant to be read: (.+?), in about", README)[1]
    files = [ROOT / "d2lmini" / f"{name}.py" for name in re.findall(r"`(\w+)`", names)]
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    assert abs(lines - said) <= 0.1 * lines, lines


def test_every_target_that_it_names_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)(?=[ `=]|$)", README, re.M)) - {"alone"}:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_example_runs():
    (code,) = re.findall(r"```python\n(.+?)```", README, re.S)
    names: dict = {}
    exec(re.sub(r"^  ", "", code, flags=re.M), names)
    assert names["weights"].shape == (1, 3)
    assert abs(names["weights"].sum() - 1) < 1e-12
