"""Run every test: what `make test` does once the environment is there.

    .venv/bin/python -m tools.every_test

First nbval executes every notebook, cell by cell against its stored output. The book is then built
from what it executed, so no notebook runs twice. Then come all other tests, those of the built
pages among them. A step that fails does not keep the next ones from running.
"""

from __future__ import annotations

import subprocess
import sys
import time

from tools import ROOT

TWO = ("-m", "pytest", "-n", "2", "--dist")
STEPS = {
    "notebooks": (*TWO, "loadfile", "--nbval", "chapters", "exercises"),
    "book": ("-m", "tools.build"),
    "tests": (*TWO, "worksteal", "tests"),
}


def main() -> int:
    took, failed = {}, []
    for name, command in STEPS.items():
        started = time.time()
        if subprocess.run([sys.executable, *command], cwd=ROOT).returncode:
            failed.append(name)
        took[name] = f"{name} {time.time() - started:.0f} s"
    print(", ".join(took.values()))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
