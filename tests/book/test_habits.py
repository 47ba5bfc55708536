"""What keeps the house in order: lint sees all code, files end well, versions agree, forms load."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import d2lmini
from tools import ROOT

APART = {"_build", "node_modules", "__pycache__", "build", "dist", "shared"}
TEXTS = {".cfg", ".cff", ".css", ".html", ".ipynb", ".js", ".json", ".md", ".py", ".toml", ".txt"}
TEXTS |= {".bib", ".svg", ".yaml", ".yml", ""}
PINS = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.M))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def files() -> list[Path]:
    """The project's own files, without what was built or installed."""
    hidden = {".binder", ".ci", ".devcontainer", ".github"}
    found, folders = [], [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.is_dir() and path.name not in APART and not path.name.endswith(".egg-info"):
                folders += [path] if path.name[0] != "." or path.name in hidden else []
            elif path.is_file() and path.name not in {".git", ".coverage", ".DS_Store"}:
                found.append(path)
    return sorted(found)


def test_ruff_sees_every_program_and_every_notebook():
    command = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seen = {Path(line) for line in shown.splitlines()}
    code = {file for file in files() if file.suffix in {".py", ".ipynb"}}
    assert len(code) > 100
    assert code <= seen


def test_lines_have_no_white_space_at_their_end_and_files_end_with_one_line_break():
    wrong = []
    for file in files():
        if file.suffix not in TEXTS:
            continue
        text = file.read_bytes()
        if re.search(rb"[ \t\r]\n", text) and file.name != "nbval_sanitize.cfg":
            wrong.append(f"{file.relative_to(ROOT)}: white space at the end of a line")
        if text and (not text.endswith(b"\n") or text.endswith(b"\n\n")):
            wrong.append(f"{file.relative_to(ROOT)}: must end with one line break")
    assert not wrong


def test_hooks_use_the_pinned_ruff_and_leave_what_is_set_by_hand():
    hooks = {hook["id"]: hook for repo in HOOKS for hook in repo["hooks"]}
    assert set(hooks) == {"ruff-check", "ruff-format", "end-of-file", "trailing-whitespace"}
    for name in ("ruff-check", "ruff-format"):
        assert hooks[name]["additional_dependencies"] == [f"ruff=={PINS['ruff']}"]
        assert "--force-exclude" in hooks[name]["entry"]  # else a file named by the hook is taken


def test_the_version_is_the_same_everywhere_and_has_its_changes():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changes, flags=re.M)
    assert headings[0] == ("Unreleased", "")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = (citation["version"], citation["date-released"].isoformat())
    assert headings[1] == released
    assert d2lmini.__version__ == citation["version"]


def test_there_are_three_forms():
    assert [form.stem for form in FORMS] == ["bug", "idea", "mistake"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_is_one_that_github_shows(form):
    """The rules of GitHub's syntax for issue forms: one that breaks them is not offered at all."""
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert (
        {"name", "description", "body"} <= set(content) <= {"name", "description", "body", "labels"}
    )
    ids = [field["id"] for field in content["body"]]
    assert len(ids) == len(set(ids))
    for field in content["body"]:
        assert re.fullmatch(r"[\w-]+", field["id"])
        assert field["type"] in {"input", "textarea", "dropdown"}
        assert field["attributes"]["label"]
        assert set(field.get("validations", {})) <= {"required"}
        if field["type"] == "dropdown":
            assert len(set(field["attributes"]["options"])) == len(field["attributes"]["options"])
    assert any(field.get("validations", {}).get("required") for field in content["body"])


def test_the_dev_container_makes_the_environment_of_the_project():
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make env"
    assert container["customizations"]["vscode"]["settings"] == {
        "python.defaultInterpreterPath": ".venv/bin/python"
    }
    image = (folder / container["build"]["dockerfile"]).read_text(encoding="utf-8")
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert image.startswith(f"FROM python:{oldest}-")
    assert f"USER {container['remoteUser']}\n" in image
