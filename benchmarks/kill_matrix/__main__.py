"""Kill runs at any moment: ``python -m benchmarks.kill_matrix [--trials N] [--seed S]``.

Each trial starts a run, kills it up to three times, each time resumes it on another engine and
number of ranks, and compares what it ends with to a run that nobody has disturbed. The exit code is
0 if no command hung, no run was lost, and nothing was left behind.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from threading import Lock

from benchmarks.kill_matrix.cases import CASES
from benchmarks.kill_matrix.matrix import references, trials
from benchmarks.kill_matrix.processes import ENGINES
from benchmarks.kill_matrix.table import table
from benchmarks.kill_matrix.trial import Trial


def main() -> int:
    """Make the trials and print the table."""
    options = _options()
    numbers = range(options.trials) if options.only is None else [options.only]
    folder = Path(tempfile.mkdtemp(prefix="kill-matrix-"))
    lock = Lock()
    made: list[Trial] = []

    def tell(trial: Trial) -> None:
        with lock:
            made.append(trial)
            if trial.faults or options.verbose:
                print(f"\n{trial.story()}\n  in {trial.folder}", flush=True)
            if not trial.faults and not options.keep:
                trial.clear()
            if sys.stderr.isatty():
                print(f"\r{len(made)} of {len(numbers)}", end="", file=sys.stderr)

    try:
        trials(
            folder,
            numbers,
            seed=options.seed,
            engines=options.engines.split(","),
            undisturbed=references(folder / "references", options.cases.split(",")),
            jobs=options.jobs,
            told=tell,
        )
    except KeyboardInterrupt:
        print("interrupted: what there is so far")
    print(f"\n{table(made)}")
    failed = any(trial.faults for trial in made)
    if not failed and not options.keep:
        shutil.rmtree(folder)
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time")
    parser.add_argument("--only", type=int, help="number of the one trial to make")
    parser.add_argument("--keep", action="store_true", help="keep the files of all trials")
    parser.add_argument("--verbose", action="store_true", help="tell about all trials")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
