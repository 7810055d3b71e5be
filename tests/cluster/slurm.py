"""A real Slurm for the time of the tests: one controller and some virtual nodes on this machine.

Nothing is installed or left behind: the daemons run in the foreground as this user, talk over
loopback only, and keep their state in a temporary folder.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from tests.helpers import environment, run

_PRIVATE = ("SLURM", "SBATCH", "SRUN", "PMI", "OMPI_COMM", "PRTE")
_RUNNING = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED"}
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
TmpFS={folder}/%n/tmp
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
MinJobAge=3600
KillWait=2
MailProg=/bin/true
PropagateResourceLimits=NONE
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs={cpus}
PartitionName=test Nodes=ALL Default=YES DefaultTime=5 MaxTime=60 State=UP
"""


class Job(NamedTuple):
    """A job that has ended.

    Attributes
    ----------
    state : str
        As Slurm calls it, e.g. "COMPLETED".
    exit_code : int
        Of the batch script.
    log : str
        What the job printed.
    seconds : float
        From submission to end.
    """

    state: str
    exit_code: int
    log: str
    seconds: float


class Slurm:
    """The daemons, from `start` to `stop`, and commands for them."""

    def __init__(self, nodes: int = 2, cpus: int = 4) -> None:
        self.nodes = nodes
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: it holds sockets
        for name in ("state", *(f"{node}/tmp" for node in self._names())):
            (self.folder / name).mkdir(parents=True)
        port = _free_ports(nodes + 1)
        self._file = self.folder / "slurm.conf"
        self._file.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                host=socket.gethostname().partition(".")[0],
                user=getpass.getuser(),
                nodes=nodes,
                cpus=cpus,
                port=port,
                first=port + 1,
                last=port + nodes,
            )
        )
        outside = {k: v for k, v in environment().items() if not k.startswith(_PRIVATE)}
        path = os.pathsep.join([outside["PATH"], "/usr/sbin"])  # of the daemons
        self.environment = outside | {"PATH": path, "SLURM_CONF": str(self._file)}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemons and wait for the nodes."""
        self._daemon("slurmctld", "-D", "-c", "-f", str(self._file))
        for name in self._names():
            self._daemon("slurmd", "-D", "-f", str(self._file), "-N", name)
        wait_for(self._all_idle, 30, self.logs)

    def stop(self) -> None:
        """End jobs and daemons, and remove their folder."""
        with suppress(AssertionError):
            self.run("scancel", "--user", getpass.getuser())
            wait_for(lambda: not self.run("squeue", "--noheader").stdout.strip(), 10)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: str | Path = "/"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that talks to this Slurm."""
        return run(command, env=self.environment | dict(env or {}), cwd=cwd)

    def submit(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        timeout: float = 90.0,
        meanwhile: Callable[[str], object] = lambda number: None,
    ) -> Job:
        """Submit a job with ``sbatch arguments`` in the folder `cwd`, and wait for its end.

        ``meanwhile(number)`` is called with the number of the job before it ends.
        """
        begin = time.monotonic()
        submitted = self.run("sbatch", "--parsable", *arguments, env=env, cwd=cwd)
        assert submitted.returncode == 0, submitted.stderr
        number = submitted.stdout.strip()
        meanwhile(number)
        wait_for(
            lambda: self.job(number)["JobState"] not in _RUNNING,
            timeout,
            lambda: self._explain(number),
        )
        job = self.job(number)
        log = Path(job["StdOut"])
        return Job(
            job["JobState"],
            int(job["ExitCode"].partition(":")[0]),
            log.read_text() if log.exists() else "",
            time.monotonic() - begin,
        )

    def job(self, number: str) -> dict[str, str]:
        """Return what Slurm knows of a job, now or after its end."""
        answer = self.run("scontrol", "--oneliner", "show", "job", number)
        assert answer.returncode == 0, answer.stderr
        return dict(word.split("=", 1) for word in answer.stdout.split() if "=" in word)

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {f.name}\n{f.read_text(errors='replace')[-2000:]}" for f in files)

    def _explain(self, number: str) -> str:
        log = Path(self.job(number)["StdOut"])
        printed = log.read_text(errors="replace") if log.exists() else ""
        return f"{self.job(number)}\n== job\n{printed}\n{self.logs()}"

    def _names(self) -> list[str]:
        return [f"n{number}" for number in range(1, self.nodes + 1)]

    def _daemon(self, *command: str) -> None:
        with ExitStack() as files:
            out = files.enter_context((self.folder / f"{command[-1][-2:]}.out.log").open("wb"))
            self._daemons.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig=TERM", *command],  # ends with the tests, come what may
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )

    def _all_idle(self) -> bool:
        assert all(daemon.poll() is None for daemon in self._daemons), self.logs()
        answer = self.run("sinfo", "--noheader", "-N", "--states=idle", "--format=%N")
        return len(answer.stdout.split()) == self.nodes


def wait_for(
    condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: ""
) -> None:
    """Wait until `condition` holds; AssertionError with `explain()` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s\n{explain()}"
        time.sleep(0.1)


def _free_ports(count: int) -> int:
    """Return the first of `count` free ports in a row, below those the kernel gives out."""
    for first in range(20000 + os.getpid() % 5000, 32000, count):
        with ExitStack() as sockets, suppress(OSError):
            for port in range(first, first + count):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports between 20000 and 32000")
