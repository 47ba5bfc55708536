"""What goes wrong on a fresh machine is said in one line that helps."""

import builtins
import collections
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment

Version = collections.namedtuple("Version", "major minor micro")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """environment.py with a project of its own, in tmp_path."""
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n", encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", str(tmp_path))
    monkeypatch.setattr(environment, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(environment, "STAMP", str(tmp_path / ".venv" / ".installed"))
    monkeypatch.setattr(environment, "REQUIREMENTS", str(tmp_path / "requirements.txt"))
    monkeypatch.setattr(environment, "PYTHON", sys.executable)
    return tmp_path


def said(function, *args) -> str:
    """The one line with which a function ends the program."""
    with pytest.raises(SystemExit) as stopped:
        function(*args)
    message = str(stopped.value)
    assert "\n" not in message
    return message


def test_python_too_old(monkeypatch):
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 1))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    message = said(environment.use_supported_python)
    assert "Python 3.9 is too old" in message
    assert "3.11" in message


def test_a_newer_python_on_the_path_is_used(monkeypatch):
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 1))
    monkeypatch.setattr(
        shutil, "which", lambda name: f"/somewhere/{name}" if name == "python3.12" else None
    )
    monkeypatch.setattr(environment, "version_of", lambda python: (3, 12))
    called = []
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    with pytest.raises(SystemExit) as stopped:
        environment.use_supported_python()
    assert stopped.value.code == 0
    assert called[0][0] == "/somewhere/python3.12"


def test_a_name_on_the_path_that_does_not_start_is_passed_over(monkeypatch, tmp_path):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 0))
    monkeypatch.setattr(shutil, "which", lambda name: str(shim) if name == "python3.13" else None)
    assert "too old" in said(environment.use_supported_python)


def test_venv_missing(monkeypatch):
    real = builtins.__import__

    def without(name, *args):
        if name == "ensurepip":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    message = said(environment.need_venv)
    assert "apt install python3." in message
    assert "-venv" in message


def test_disk_full(monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**11, 10**11 - 10**8, 10**8))
    message = said(environment.need_space)
    assert "0.1 GB free" in message
    assert "4 GB needed" in message


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("Max retries exceeded with url: /simple/numpy/", "cannot be reached"),
        ("ERROR: No matching distribution found for numpy==2.4.6", "last lines stand above"),
    ],
)
def test_pip_fails(elsewhere, monkeypatch, capsys, output, advice):
    class Pip:
        returncode = 1

        def __init__(self, *args, **kwargs):
            self.stdout = io.StringIO(f"Collecting numpy==2.4.6\n{output}\n")

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

    monkeypatch.setattr(subprocess, "Popen", Pip)
    message = said(environment.install)
    assert advice in message
    assert output in capsys.readouterr().out


def test_an_interrupted_installation_is_done_again(elsewhere, monkeypatch):
    steps = []
    for name in ("use_supported_python", "need_venv", "need_space", "link_project", "warm_up"):
        monkeypatch.setattr(environment, name, lambda name=name: None)
    monkeypatch.setattr(
        environment, "create", lambda: steps.append("create") or (elsewhere / ".venv").mkdir()
    )
    monkeypatch.setattr(environment, "install", lambda: steps.append("install"))
    environment.main()
    environment.main()
    assert steps == ["create", "install"]

    (elsewhere / "requirements.txt").write_text("numpy==2.4.7\n", encoding="utf-8")

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.main()
    assert environment.installed_hash() is None

    monkeypatch.setattr(environment, "create", lambda: steps.append("create"))
    monkeypatch.setattr(environment, "install", lambda: steps.append("install"))
    environment.main()
    assert steps == ["create", "install", "create", "install"]


def test_requirements_are_exact_and_portable():
    text = Path(environment.REQUIREMENTS).read_text(encoding="utf-8")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    pins = [line for line in lines if line]
    names = [pin.split("==")[0].lower() for pin in pins]
    assert all(pin.count("==") >= 1 for pin in pins)
    assert len(names) == len(set(names))
    assert "torch==2.13.0" in pins
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    assert not [pin for pin in pins if "+" in pin.split(";")[0] or "@" in pin]
