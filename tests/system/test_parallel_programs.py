"""The examples of docs/parallel-programs.md: each file, and each command with what it prints."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from tests.helpers import ROOT, run

pytestmark = pytest.mark.ahead(2)

PAGE = (ROOT / "docs" / "parallel-programs.md").read_text()
FILES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    tuple(command.split("\n", 1))
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
]


@pytest.mark.parametrize(("command", "printed"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_example(tmp_path, command, printed):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    words = re.sub("^python", shlex.quote(sys.executable), command)
    done = run(["sh", "-c", words], cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


def test_there_are_examples():
    assert len(COMMANDS) >= 5
