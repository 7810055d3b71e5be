"""A table of numbers that grows by one row at a time: ``diagnostics.csv``."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parcompute.errors import ConfigError


class Table:
    """A CSV file that grows by one row at a time; the columns are those of the first row."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.columns: list[str] = []

    def append(self, head: dict[str, Any], values: dict[str, Any]) -> None:
        """Add a row; floats keep all their digits.

        Raises
        ------
        ConfigError
            If `values` repeat a name of `head`, or differ in names from those of the first row.
        """
        row = head | values
        if len(row) < len(head) + len(values):
            raise ConfigError(f"measure() must not return {', '.join(head)}; they are added.")
        if self.columns and list(row) != self.columns:
            raise ConfigError(
                f"measure() must return the same names each time: expected "
                f"{self.columns[len(head) :]}, got {list(values)}."
            )
        with self._file.open("a", newline="", encoding="utf-8") as stream:
            if not self.columns:
                self.columns = list(row)
                csv.writer(stream).writerow(self.columns)
            csv.writer(stream).writerow([_plain(value) for value in row.values()])

    def rewind(self, steps: Sequence[int]) -> None:
        """Keep the rows of these steps, as they are, and no others.

        Raises
        ------
        ConfigError
            If one is missing.
        """
        try:
            with self._file.open(newline="", encoding="utf-8") as stream:
                lines = stream.read().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        head, rows = lines[:1], {line.split(",")[0]: line for line in lines[1:]}
        missing = [step for step in steps if not rows.get(str(step), "").endswith("\n")]
        if missing or not head:
            raise ConfigError(
                f"'{self._file}' has no complete row for step {(missing or [0])[0]}, which the "
                f"run had written: it cannot go on without."
            )
        self.columns = next(csv.reader(head))
        text = "".join([*head, *(rows[str(step)] for step in steps)])
        draft = self._file.with_name(f".{self._file.name}.part")
        try:
            with draft.open("w", newline="", encoding="utf-8") as stream:
                stream.write(text)
            draft.replace(self._file)
        finally:
            draft.unlink(missing_ok=True)

    def sync(self) -> None:
        """Bring the file to the disk."""
        if self._file.exists():
            with self._file.open("rb") as stream:
                os.fsync(stream.fileno())


def _plain(value: Any) -> Any:
    """Return `value` so that str() gives its shortest exact form, also for NumPy numbers."""
    return value.item() if hasattr(value, "item") else value
