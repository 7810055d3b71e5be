"""Jobs in a real notebook kernel."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers import environment

CELLS = [
    """
import parcompute as pc

class Point:
    def __init__(self, x):
        self.x = x

def shift(comm, point):
    print("rank", comm.rank, "speaks")
    return Point(point.x + comm.rank)

points = pc.launch(shift, 2, (Point(1),))
[point.x for point in points], isinstance(points[0], Point)
""",
    """
job = pc.Job(ranks=2)
job.start()

def keep(comm):
    global kept
    kept = comm.rank

job.run(keep)
""",
    "job.run(lambda comm: kept + 10)",
    "import time\njob.run(lambda comm: time.sleep(60))",
    "job.is_alive(), None in job.exitcodes",
]
INTERRUPTED = 3


@pytest.fixture(scope="module")
def cells():
    """Run the notebook; the cell `INTERRUPTED` is interrupted as by the stop button."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout_func=lambda cell: 2 if cell.source == CELLS[INTERRUPTED] else 60,
        interrupt_on_timeout=True,
        allow_errors=True,
    )
    # with this variable a kernel does not show what other processes print
    variables = {k: v for k, v in environment().items() if k != "PYTEST_CURRENT_TEST"}
    client.execute(env=variables)
    return notebook.cells


def _value(cell):
    assert cell.outputs, cell
    return cell.outputs[-1].get("data", {}).get("text/plain")


def test_functions_and_classes_of_a_notebook(cells):
    assert _value(cells[0]) == "([1, 2], True)"
    printed = "".join(output.get("text", "") for output in cells[0].outputs)
    assert sorted(printed.splitlines()) == ["rank 0 speaks", "rank 1 speaks"]


def test_lasting_ranks_keep_global_names(cells):
    assert _value(cells[2]) == "[10, 11]"


def test_the_stop_button_ends_the_ranks(cells):
    assert cells[INTERRUPTED].outputs[-1].ename == "KeyboardInterrupt"
    assert _value(cells[4]) == "(False, False)"
