"""Scripts that build, store and check: ``python -m tools.NAME``, or a target of the Makefile."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
