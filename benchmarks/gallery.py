"""The gallery as a Markdown table: ``python -m benchmarks.gallery [NAME ...] [--steps N]``.

For each configuration: the file of its experiment, the lines of code in it, and the rate of a short
run on two ranks, by the run's own report. Each runs twice; the first run fills the kernel cache.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

from parcompute.run import directory, registry

_ROOT = Path(__file__).resolve().parent.parent
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def lines_of_code(source: str) -> int:
    """Return how many lines of a Python text hold code: no docstrings, comments, empty lines."""
    written: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            written.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            text = node.body[0]
            written.difference_update(range(text.lineno, (text.end_lineno or 0) + 1))
    return len(written)


def row(name: str, steps: int) -> str:
    """Run a configuration twice; return its line of the table."""
    keys = [f"+exp={name}", f"experiment.steps={steps}", "output.every=0", "output.measure_every=0"]
    keys += ["backend=multiprocessing", "backend.ranks=2", "kernels.engine=numba"]
    with tempfile.TemporaryDirectory() as folder:
        for run in ("first", "second"):
            command = [sys.executable, "-m", "parcompute", "run", *keys, f"hydra.run.dir={run}"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                return f"| `{name}` | | | {done.stderr.strip().splitlines()[-1]} |"
        record = directory.read_record(Path(folder) / "second")
    file = Path(record["experiment_file"])
    lines = lines_of_code(file.read_text(encoding="utf-8"))
    where = file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else file.name
    return f"| `{name}` | `{where}` | {lines} | {record['report']['mlups']:.1f} |"


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all that are shipped")
    parser.add_argument("--steps", type=int, default=100, help="of each run (default: 100)")
    options = parser.parse_args()
    print("| configuration | file | lines of code | million cell updates per second |")
    print("|---|---|---|---|")
    for name in options.names or registry.configurations():
        print(row(name, options.steps), flush=True)


if __name__ == "__main__":
    main()
