"""grades.csv: one row for each student and exercise, written whole, read again to go on."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

COLUMNS = (
    "student", "notebook", "chapter", "exercise", "title",
    "points", "status", "message", "seconds", "hash",
)  # fmt: skip
LONGEST = 500
Row = Mapping[str, str]


def safe(text: object) -> str:
    """Text for one cell of a spreadsheet: one line, and never a formula."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", str(text)).split())
    line = line.encode("utf-8", "replace").decode("utf-8")
    if len(line) > LONGEST:
        line = line[: LONGEST - 2] + " …"
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


class Table:
    """The rows of grades.csv by notebook. ``put`` writes the whole file, or leaves it as it was.

    Raises ValueError when the file exists and is not a table of grades.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[str, list[Row]] = {}
        if path.exists() and path.stat().st_size:
            self._read()

    def graded(self, key: str, digest: str) -> bool:
        """Whether this notebook, with this content, has its marks."""
        rows = self.rows.get(key, ())
        return bool(digest) and any(row["hash"] == digest for row in rows)

    def forget(self, key: str) -> None:
        """Keep the place and the marks of a notebook, and let it be graded anew."""
        self.rows[key] = [{**row, "hash": ""} for row in self.rows.get(key, ())]

    def put(self, key: str, rows: Sequence[Row]) -> None:
        """Set the rows of a notebook and write the file. Raises OSError when it cannot be."""
        self.rows[key] = list(rows)
        part = self.path.with_name(self.path.name + ".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for each in self.rows.values():
                writer.writerows({k: safe(v) for k, v in row.items()} for row in each)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)

    def _read(self) -> None:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            try:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    raise ValueError("its columns are others")
                for row in reader:
                    self.rows.setdefault(row["notebook"] or "", []).append(row)
            except (csv.Error, UnicodeDecodeError, ValueError) as error:
                raise ValueError(f"{self.path} is not a table of grades: {error}") from None
