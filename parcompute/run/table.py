"""A table of numbers that grows by one row at a time: ``diagnostics.csv``."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from parcompute.errors import ConfigError


class Table:
    """A CSV file that grows by one row at a time; the columns are those of the first row.

    Attributes
    ----------
    columns : list of str
        The names.
    rows : int
        How many rows there are, without the names.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.columns: list[str] = []
        self.rows = 0

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
        self.rows += 1

    def rewind(self, count: int, dropped: Collection[int] = ()) -> int:
        """Keep the first `count` rows as they are, but not those of the steps `dropped`.

        Returns
        -------
        int
            The step of the last row that is kept.

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
        head, rows = lines[:1], [line for line in lines[1 : count + 1] if line.endswith("\n")]
        if len(rows) < count or not head:
            raise ConfigError(
                f"'{self._file}' has {len(rows)} complete rows of the {count} that the run had "
                f"written: it cannot go on without."
            )
        self.columns = next(csv.reader(head))
        steps = [int(row.split(",")[0]) for row in rows]
        kept = [index for index, step in enumerate(steps) if step not in dropped]
        text = "".join([*head, *(rows[index] for index in kept)])
        draft = self._file.with_name(f".{self._file.name}.part")
        try:
            with draft.open("w", newline="", encoding="utf-8") as stream:
                stream.write(text)
            draft.replace(self._file)
        finally:
            draft.unlink(missing_ok=True)
        self.rows = len(kept)
        return steps[kept[-1]] if kept else -1

    def sync(self) -> None:
        """Bring the file to the disk."""
        if self._file.exists():
            with self._file.open("rb") as stream:
                os.fsync(stream.fileno())


def _plain(value: Any) -> Any:
    """Return `value` so that str() gives its shortest exact form, also for NumPy numbers."""
    return value.item() if hasattr(value, "item") else value
