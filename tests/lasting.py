"""Ranks that last for the tests of a module, which then need not each start their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import parcompute as pc


class Lasting:
    """Jobs of ranks that last, one for each number of ranks; a context."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._jobs: dict[int, pc.Job] = {}

    def launch(self, function: Callable[..., Any], ranks: int, args: Sequence[Any] = ()) -> Any:
        """Do as `parcompute.launch`, on ranks that may have run other functions before.

        Where one fails, the job has ended: the next function gets new ranks.
        """
        if ranks not in self._jobs:
            self._jobs[ranks] = self._open.enter_context(pc.Job(ranks=ranks))
        try:
            return self._jobs[ranks].run(function, *args)
        except BaseException:
            del self._jobs[ranks]
            raise

    def __enter__(self) -> Lasting:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
