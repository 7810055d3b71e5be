"""A trial: a run that is killed a few times, and resumed on other ranks until it is complete."""

from __future__ import annotations

import random
import shlex
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kill_matrix import moments
from benchmarks.kill_matrix.cases import CASES
from benchmarks.kill_matrix.compare import differences, left_files
from benchmarks.kill_matrix.moments import Moment, Since
from benchmarks.kill_matrix.processes import KINDS, Job, command
from parcompute.comm.mpiexec import mpi_library

LIMIT = 60.0  # seconds in which a command has to end
SOON = 10.0  # and after a kill, on a busy machine
FAULTS = ("hung", "lost", "code", "processes", "segments", "files")


@dataclass
class Kill:
    """One kill, and what came of it.

    Attributes
    ----------
    engine, ranks, kind, moment
        What was killed, how, and when.
    phase : str
        Of `moments.PHASES`; "missed" if the command had ended before.
    first : bool
        Whether there was no checkpoint yet.
    code : int or None
        How the command has ended; None if it has not.
    """

    engine: str
    ranks: int
    kind: str
    moment: Moment
    phase: str = "missed"
    first: bool = False
    code: int | None = None

    def __str__(self) -> str:
        return (
            f"{self.kind} at {self.moment} of {self.engine} x {self.ranks}: "
            f"{self.phase}{', no checkpoint' * self.first}, exit code {self.code}"
        )


@dataclass
class Fault:
    """What went wrong: one of `FAULTS`, the kill after which, and details."""

    kind: str
    after: Kill | None
    text: str


@dataclass
class Trial:
    """A trial and what came of it; its `seed` decides everything but the speed of the machine."""

    number: int
    seed: int
    engines: tuple[str, ...]
    folder: Path  # where it works
    references: dict[str, tuple[Path, float]]  # complete runs by case, and their seconds
    kills: list[Kill] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed}-{self.number}")
        names = list(self.references)
        self.case = names[self.number % len(names)]
        self._run = self.folder / "run-0"

    def make(self, most: int = 3) -> Trial:
        """Kill up to `most` times, resume until the run is complete, and note all that is wrong."""
        for _ in range(self._chance.randint(1, most)):
            if not self._attempt(self._next_kill()):
                return self
            if moments.status(self._run) == "complete":
                break
        if moments.status(self._run) == "complete" or self._attempt(None):
            self._check()
        return self

    def _next_kill(self) -> Kill:
        engine = self._chance.choice(self.engines)
        ranks = 1 if engine == "serial" else self._chance.randint(1, 4)
        moment = Moment.of(self._chance, self.references[self.case][1])
        return Kill(engine, ranks, self._chance.choice(KINDS), moment)

    def _attempt(self, kill: Kill | None) -> bool:
        """Start or resume the run and kill it; say whether the trial can go on."""
        final = kill or self._next_kill()
        words = self._command(final)
        since = Since.now(self._run)
        job = Job(words, self.folder, f"printed-{len(self.commands)}")
        try:
            if kill is not None:
                self.kills.append(kill)
                self._kill(job, kill, since)
            code = job.wait(LIMIT if kill is None or kill.phase == "missed" else SOON)
            final.code = code
            if code is None:
                self._fault("hung", f"still there: {job.pids()}\n{job.text()}")
                return False
            if left := job.left():
                self._fault("processes", "\n".join(left))
            if names := job.segments():
                self._fault("segments", " ".join(names))
            return self._is_well(final, job.text())
        finally:
            job.close()

    def _kill(self, job: Job, kill: Kill, since: Since) -> None:
        def ended() -> bool:
            return job.process.poll() is not None

        if not kill.moment.wait(self._run, ended, LIMIT):
            return
        victims = self._victims(job, kill)
        before = since.phase()  # a request takes effect at once, and the run goes on meanwhile
        job.hit(kill.kind, victims)
        after = since.phase()
        kill.phase = before if before in ("set-up", "end") else after
        kill.first = not any(self._run.glob("checkpoints/step_*.h5"))

    def _victims(self, job: Job, kill: Kill) -> list[int]:
        if kill.kind == "everything":
            return job.pids()
        ranks = job.ranks(kill.engine) if kill.kind == "rank" else []
        return [self._chance.choice(ranks)] if ranks else [job.process.pid]

    def _is_well(self, kill: Kill, text: str) -> bool:
        """Say whether the command ended as it should after the kill, so that it can be resumed."""
        if kill.code == 0 and moments.status(self._run) == "complete":
            return True
        if kill.phase == "missed":
            self._fault("lost", f"exit code {kill.code}, {moments.status(self._run)}\n{text}")
            return False
        if kill.code not in allowed(kill):
            self._fault("code", f"{kill}\n{text}")
        return True

    def _command(self, kill: Kill) -> list[str]:
        """Return the command that resumes the run, or starts it if there is nothing to resume."""
        if moments.status(self._run):
            words = [f"resume={self._run.name}"]
        else:
            self._run = self.folder / f"run-{len(self.commands)}"
            words = [*CASES[self.case], f"hydra.run.dir={self._run.name}"]
        made = command(kill.engine, kill.ranks, words)
        self.commands.append(shlex.join(made))
        return made

    def _check(self) -> None:
        """Compare the complete run with its reference."""
        if different := differences(self._run, self.references[self.case][0]):
            self._fault("lost", "\n".join(different))
        if left := left_files(self._run):
            self._fault("files", " ".join(left))

    def _fault(self, kind: str, text: str) -> None:
        self.faults.append(Fault(kind, self.kills[-1] if self.kills else None, text))

    def story(self) -> str:
        """Return what happened, for people."""
        options = {
            "--only": self.number,
            "--seed": self.seed,
            "--engines": ",".join(self.engines),
            "--cases": ",".join(self.references),
        }
        words = [str(word) for option in options.items() for word in option]
        lines = [f"trial {self.number}, {self.case}: {shlex.join(words)}"]
        lines += [f"  $ {text}" for text in self.commands]
        lines += [f"  {kill}" for kill in self.kills]
        lines += [f"  {fault.kind.upper()}: {fault.text}" for fault in self.faults]
        return "\n".join(lines)

    def clear(self) -> None:
        """Remove all files of the trial."""
        shutil.rmtree(self.folder)


def allowed(kill: Kill) -> set[int]:
    """Return the exit codes that a command may have after a kill."""
    early = kill.phase == "set-up"
    if kill.kind == "SIGTERM" and not _ends_its_ranks(kill):
        ends = {143, -signal.SIGTERM} | ({130} if kill.engine == "mpiexec" else set())
        return {85, *(ends if early or kill.phase == "end" else ())}
    if kill.kind == "SIGUSR1":  # in the first moments Python has no handler for it
        return {85, *({-signal.SIGUSR1} if early else ())}
    return set(range(-64, 256)) - {0, 85}


def _ends_its_ranks(kill: Kill) -> bool:
    """Say whether SIGTERM kills the ranks, as that of Open MPI's mpiexec does after a second."""
    return kill.engine == "mpiexec" and mpi_library().version.startswith("Open MPI")
