"""Which run to go on with, and whether the configuration still is that of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parcompute.comm.launcher import detect
from parcompute.errors import BusyError, ConfigError
from parcompute.io import checkpoint
from parcompute.run import directory
from parcompute.run.spec import Ensemble, RunSpec
from parcompute.run.start import busy, is_busy

AUTO = "auto"
_OVERRIDES = "resume_overrides"
_FREE = ("output.writer", "output.overlap")  # what may differ, beside backend, kernels, checkpoint
_OF_FILE = ("fields", "region", "precision", "compression")  # of output: what the file is made for
_FIXED = (*(f"output.{key}:" for key in _OF_FILE), "ensemble.")


def arguments_of(folder: Path, given: Sequence[str]) -> list[str]:
    """Return the arguments of the run in `folder`, where those `given` do not replace them.

    Those of ``backend`` are replaced as a whole, also by an MPI launcher.

    Raises
    ------
    ConfigError
        If `folder` is not a run directory.
    """
    import yaml

    directory.read_record(folder)
    try:
        text = (folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8")
    except OSError:
        raise ConfigError(
            f"'{folder}' does not tell the arguments of its run: add them (+exp=NAME ...)."
        ) from None
    replaced = {_OVERRIDES, *(_key(argument) for argument in given)}  # that is meant once
    launcher = detect()
    groups = {key.partition(".")[0] for key in replaced if key.startswith("backend")}
    if launcher is not None and launcher.started:
        groups.add("backend")
    saved = [str(argument) for argument in yaml.safe_load(text) or []]
    return [
        *(a for a in saved if _key(a) not in replaced and _key(a).partition(".")[0] not in groups),
        *given,
    ]


def _key(argument: str) -> str:
    return argument.split("=", 1)[0].lstrip("+~")


def resolve(spec: RunSpec, resume: str, *, overrides: bool = False) -> RunSpec | None:
    """Return `spec` for the run that it goes on with; None if there is none and a new one is due.

    Parameters
    ----------
    resume : str
        A run directory, or "auto": the latest run of this configuration that is not complete.
    overrides : bool
        Whether the configuration may have changed.

    Raises
    ------
    ConfigError
        If the run cannot go on, or has another configuration.
    """
    folder: Path | None = Path(resume).resolve()
    if resume == AUTO:
        folder = _latest(Path(spec.directory), spec)
    if folder is None:
        return None
    record = directory.read_record(folder)
    if is_busy(folder):
        raise BusyError(busy(folder))
    _check(folder, record, spec, overrides)
    spec.directory, spec.resumed = str(folder), True
    return spec


def _check(folder: Path, record: dict[str, Any], spec: RunSpec, overrides: bool) -> None:
    shown = directory.shown(folder)
    changed = differences(record["config"], spec)
    fixed = [text for text in changed if text.startswith(_FIXED)]
    if fixed and overrides:
        raise ConfigError(f"The run '{shown}' is made for another {'; '.join(fixed)}.")
    if changed and not overrides:
        raise ConfigError(
            f"The run '{shown}' has another configuration ({'; '.join(changed)}): leave these "
            f"out, or add resume_overrides=true to go on with the new values."
        )
    found = [checkpoint.last_step(path) for path in (folder, *directory.members(folder))]
    steps, saved = spec.parameters.get("steps"), max((s for s in found if s is not None), default=0)
    if isinstance(steps, int) and steps < saved:
        raise ConfigError(
            f"The run '{shown}' was saved at step {saved} and cannot go back: set "
            f"experiment.steps to {saved} or more, got {steps}."
        )
    if record.get("status") == "complete" and not _is_longer(record["config"], spec):
        raise ConfigError(
            f"The run '{shown}' is complete: set experiment.steps to more than "
            f"{record['config']['experiment'].get('steps')} to go on."
        )


def differences(before: dict[str, Any], spec: RunSpec) -> list[str]:
    """Return what has changed in the results that a configuration leads to: ``KEY: OLD -> NEW``.

    More steps are no change.
    """
    found = []
    now = spec.config()
    for section in ("experiment", "output", "ensemble"):
        new = now[section]
        old = before.get(section, asdict(Ensemble()) if section == "ensemble" else {})
        for key in dict.fromkeys([*old, *new]):
            name = f"{section}.{key}"
            a, b = old.get(key), _plain(new.get(key))
            if a == b or name in _FREE or (name == "experiment.steps" and _is_longer(before, spec)):
                continue
            found.append(f"{name}: {a} -> {b}")
    return found


def _is_longer(before: dict[str, Any], spec: RunSpec) -> bool:
    old, new = before["experiment"].get("steps"), spec.parameters.get("steps")
    return isinstance(old, int) and isinstance(new, int) and new > old


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _latest(fresh: Path, spec: RunSpec) -> Path | None:
    """Return the latest run beside `fresh`, or there, that can go on and is the one of `spec`."""
    records = [fresh / directory.RECORD, *fresh.parent.glob(f"*/{directory.RECORD}")]
    files = [file for file in records if file.is_file()]
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        try:
            record = directory.read_record(file.parent)
            same = record["name"] == spec.name and not differences(record["config"], spec)
            open_end = record["status"] != "complete" or _is_longer(record["config"], spec)
        except (ConfigError, KeyError):
            continue
        if same and open_end and not is_busy(file.parent):
            return file.parent
    return None
