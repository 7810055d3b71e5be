"""``parcompute exec``: programs as Python runs them, streams, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile

import pytest

from tests.helpers import environment, kill_group, python, run, start
from tests.system.cli import command, parcompute

pytestmark = pytest.mark.ahead(2)

WORLD = "from parcompute.comm.process.communicators.world import world; comm = world()\n"
ABOUT = """
import json, os, pickle, sys
class Local: pass
about = [sys.argv, sys.path[0], __name__, globals().get("__file__"), len(sys.path)]
pickle.loads(pickle.dumps(Local()))
"""


def _exec(folder, *words, ranks=2, env=None):
    return parcompute("exec", "-n", ranks, *words, cwd=folder, env=env)


def _about(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("kind", ["script", "in a folder", "link", "-m", "package", "-c", "folder"])
def test_program_sees_what_python_shows_it(tmp_path, kind):
    report = ABOUT + "print(json.dumps(about))\n"
    (tmp_path / "sub").mkdir()
    for name in ("plain.py", "sub/inner.py", "sub/__init__.py", "sub/__main__.py"):
        (tmp_path / name).write_text(report)
    (tmp_path / "link.py").symlink_to("sub/inner.py")
    words = {
        "script": ["plain.py"],
        "in a folder": ["sub/inner.py"],
        "link": ["link.py"],
        "-m": ["-m", "plain"],
        "package": ["-m", "sub.inner"],
        "-c": ["-c", report],
        "folder": ["sub"],
    }[kind]
    arguments = [*words, "-n", "--prefix", "x y"]
    expected = _about(run(python(*arguments), cwd=tmp_path).stdout)[-1]
    done = _exec(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert _about(done.stdout)[-1] == expected


def test_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", "import helper, sys; print(helper.word, sys.argv[1:])")
        archive.writestr("helper.py", "word = 'from the archive'")
    done = _exec(tmp_path, "--", "app.zip", "-x", ranks=1)
    assert (done.stdout, done.stderr) == ("from the archive ['-x']\n", "")


def test_future_statements_of_parcompute_are_not_those_of_the_program(tmp_path):
    code = "def f(x: int): pass\nprint(f.__annotations__['x'])"
    assert _exec(tmp_path, "-c", code, ranks=1).stdout == "<class 'int'>\n"


def test_threads_and_exit_handlers_are_waited_for(tmp_path):
    code = (
        "import atexit, threading, time\n"
        "atexit.register(print, 'exit handler')\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()\n"
    )
    assert _exec(tmp_path, "-c", code, ranks=1).stdout == "thread\nexit handler\n"


LINES = """
import sys
for i in range(2000):
    for word in (str(comm.rank), " ", str(i), " ", "x" * (i * 37 % 9000)):
        sys.stdout.write(word)
        sys.stdout.flush()
    print()
    print("error", comm.rank, i, file=sys.stderr)
"""


def test_lines_are_whole_and_in_order(tmp_path):
    done = _exec(tmp_path, "--prefix", "-c", WORLD + LINES, ranks=3)
    assert done.returncode == 0, done.stderr[-1000:]
    for text, words in ((done.stdout, 2), (done.stderr, 3)):
        rows = [line.split() for line in text.splitlines()]
        for rank in range(3):
            own = [row for row in rows if row[0] == f"[{rank}]"]
            assert [int(row[words]) for row in own] == list(range(2000))
            assert all(row[words - 1] == str(rank) for row in own)
        assert len(rows) == 6000
    for line in done.stdout.splitlines():
        number, rest = line.split(" ", 3)[2:]
        assert rest == "x" * (int(number) * 37 % 9000)


def test_programs_write_bytes_and_unfinished_lines(tmp_path):
    code = "import os, sys; os.write(1, b'\\xff\\x00' + b'y' * 10**6); os.write(2, b'end')"
    process = subprocess.run(
        command("exec", "-n", "1", "-c", code), cwd=tmp_path, env=environment(), capture_output=True
    )
    assert process.stdout == b"\xff\x00" + b"y" * 10**6 + b"\n"
    assert process.stderr == b"end\n"


def test_output_is_seen_at_once(tmp_path):
    process = start(command("exec", "-n", "2", "-c", "print('now'); import time; time.sleep(60)"))
    try:
        begin = time.monotonic()
        assert process.stdout.readline() == "now\n"
        assert time.monotonic() - begin < 30
    finally:
        kill_group(process)
        process.communicate()


def test_what_was_printed_before_a_kill_is_shown(tmp_path):
    code = "import os\nprint('x' * 50000)\nprint('last')\nos.kill(os.getpid(), 9)"
    done = _exec(tmp_path, "-c", code)
    assert done.returncode == 137
    assert sorted(map(len, done.stdout.splitlines())) == [4, 4, 50000, 50000]
    assert done.stderr.count("killed by SIGKILL") == 1


def test_standard_input_goes_to_rank_0(tmp_path):
    code = WORLD + "import sys; print(comm.rank, repr(sys.stdin.read()))"
    done = subprocess.run(
        command("exec", "-n", "2", "-c", code),
        input="some\ntext",
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert sorted(done.stdout.splitlines()) == ["0 'some\\ntext'", "1 ''"]


def test_closed_standard_streams(tmp_path):
    words = " ".join(command("exec", "-n", "2", "-c", "'import sys; print(sys.stdin.read())'"))
    done = run(["sh", "-c", f"exec {words} 0<&-"], cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n\n", "")


def test_reader_that_ends_early(tmp_path):
    words = " ".join(command("exec", "-n", "2", "-c", "'while True: print(1)'"))
    done = run(["bash", "-c", f"{words} | head -n 2; echo ${{PIPESTATUS[0]}}"], cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("1\n1\n141\n", "")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(comm.rank)", 2),
        ("sys.exit()", 0),
        ("sys.exit(0)", 0),
        ("sys.exit('no data')", 1),
        ("raise SystemExit", 0),
        ("1 / 0", 1),
    ],
)
def test_exit_code_is_that_of_the_worst_rank(tmp_path, end, code):
    done = _exec(tmp_path, "-c", f"{WORLD}import sys; comm.barrier(); {end}", ranks=3)
    assert done.returncode == code
    assert done.stderr.count("failed") == (code != 0)


def test_traceback_begins_in_the_program(tmp_path):
    (tmp_path / "program.py").write_text("def f():\n    1 / 0\n\n\nf()\n")
    done = _exec(tmp_path, "program.py")
    own = run(python("program.py"), cwd=tmp_path).stderr
    assert done.stderr == f"rank 0 of 2 failed, and so did all others\n{own}"


def test_program_with_a_syntax_error(tmp_path):
    (tmp_path / "program.py").write_text("x = = 1\n")
    done = _exec(tmp_path, "program.py", ranks=1)
    own = run(python("program.py"), cwd=tmp_path).stderr
    assert (done.returncode, done.stderr.partition("\n")[2]) == (1, own)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-n", "0", "x.py"], "-n takes a number of ranks, at least 1, got '0'"),
        (["-n", "two", "x.py"], "-n takes a number of ranks, at least 1, got 'two'"),
        (["-n"], "expected something after -n: see parcompute exec --help"),
        (["--timeout", "-1", "x.py"], "--timeout takes a number of seconds"),
        (["x.py"], "there is no file 'x.py' in "),
        (["."], "there is no __main__.py in '.'"),
        (["-m", "no.such"], "there is no module 'no'"),
        (["--np", "2", "x.py"], "'--np' is not an option"),
        (["-n", "2"], "expected a script, -m MODULE or -c CODE"),
    ],
)
def test_mistakes(tmp_path, words, sentence):
    done = parcompute("exec", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["json.nosuch", "json.nosuch.deep", "os.path.deep", "json"])
def test_module_that_cannot_be_run(tmp_path, name):
    done = _exec(tmp_path, "-m", name)
    sentence = f"error: there is no module '{'json.__main__' if name == 'json' else name}' to run\n"
    assert (done.returncode, done.stderr.partition("\n")[2]) == (2, sentence)


def test_wrong_call_is_shown_with_its_line(tmp_path):
    (tmp_path / "program.py").write_text(f"{WORLD}comm.bcast(1, root=7)\n")
    done = _exec(tmp_path, "program.py")
    assert f'File "{tmp_path / "program.py"}", line 2, in <module>' in done.stderr
    assert done.stderr.endswith("root must be in 0 … 1, got 7\n")


def test_timeout(tmp_path):
    done = _exec(tmp_path, "--timeout", "0.5", "-c", "import time; print(1); time.sleep(60)")
    assert (done.returncode, done.stderr) == (124, "the job was ended after 0.5 s (--timeout)\n")


def test_help(tmp_path):
    done = parcompute("exec", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("-n RANKS", "--prefix", "-m MODULE", "-c CODE"))
    assert "  exec " in parcompute("--help", cwd=tmp_path).stdout


def test_program_that_starts_ranks_is_refused(tmp_path):
    code = "import parcompute as pc; pc.launch(print, 2)"
    done = _exec(tmp_path, "-c", code)
    assert done.returncode == 2
    assert "error: a rank cannot start ranks, and this process is rank 0 of 2" in done.stderr


@pytest.mark.mpi
def test_under_an_mpi_launcher(tmp_path):
    code = "from mpi4py import MPI; print(f' {{MPI.COMM_WORLD.size}} '); {}"
    done = parcompute("exec", "-n", 2, "-c", code.format("quit(0)"), cwd=tmp_path, ranks=2)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["2", "2"], "")
    done = parcompute("exec", "-c", code.format("1 / 0"), cwd=tmp_path, ranks=2)
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError") == 1
    done = parcompute("exec", "-n", 3, "-c", "1", cwd=tmp_path, ranks=2)
    assert done.returncode == 2
    assert done.stderr.count("error: -n 3, but the launcher started 2") == 1


def test_console_script(tmp_path):
    script = os.path.join(os.path.dirname(sys.executable), "parcompute")
    (tmp_path / "helper.py").write_text("word = 'beside the program'\n")
    (tmp_path / "program.py").write_text("import helper; print(helper.word)\n")
    done = run([script, "exec", "-n", "1", "program.py"], cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("beside the program\n", "")
