"""Have Hydra compose configurations and call a function with each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from parcompute.run import registry

_NAME, _VERSION = "config", "1.3"


def call(task: Callable[[DictConfig], None], arguments: Sequence[str]) -> None:
    """Do what `hydra.main` does with `arguments`, which are those of the program too.

    `hydra.main` composes the configuration twice, the first time only to learn ``hydra.mode``,
    which costs 0.1 s. Here a single run is composed once.
    """
    folder = str(registry.folders("configs")[-1])
    with_options = any(argument.startswith("-") for argument in arguments)
    if with_options or not _once(task, arguments, folder):
        hydra.main(version_base=_VERSION, config_path=folder, config_name=_NAME)(task)()


def _once(task: Callable[[DictConfig], None], overrides: Sequence[str], folder: str) -> bool:
    """Make a single run; return False, with nothing done, if this is none or has an error."""
    with hydra.initialize_config_dir(folder, version_base=_VERSION):
        app = GlobalHydra.instance().hydra
        assert app is not None
        try:
            config = app.compose_config(_NAME, list(overrides), RunMode.RUN, True)
        except HydraException:  # which may be none in a sweep that a file asks for
            return False
        if config.hydra.mode == RunMode.MULTIRUN:
            return False
        config.hydra.mode = RunMode.RUN
        callbacks = Callbacks(config)
        callbacks.on_run_start(config=config, config_name=_NAME)
        job = run_job(
            task, config, "hydra.run.dir", None, HydraContext(app.config_loader, callbacks)
        )
        callbacks.on_run_end(config=config, config_name=_NAME, job_return=job)
        return True
