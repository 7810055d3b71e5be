"""Hydra plug-ins: experiments as a config group, and the user's own ``configs/`` first.

The config group ``experiment`` is made from the Python files: the option ``heat2d`` is the
dataclass in ``experiments/heat2d.py``, imported only when it is chosen. So the dataclass is the
schema of ``experiment.*``, and the only place of its defaults.
"""

from __future__ import annotations

import secrets

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from parcompute.run import registry
from parcompute.run.spec import Backend, Checkpoints, Ensemble, Kernels, Output

_GROUP = "experiment"


class ExperimentSource(ConfigSource):
    """The experiments, as configurations ``experiment/NAME``."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of the search path entry."""
        return "experiments"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the dataclass of an experiment as a configuration."""
        node = OmegaConf.structured(registry.load(registry.find(_name(config_path))))
        return ConfigResult(self.provider, self.full_path(), node, {"package": None})

    def available(self) -> bool:
        """Return True: there is always something."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return whether `config_path` is the group of experiments."""
        return config_path.strip("/") in ("", _GROUP)

    def is_config(self, config_path: str) -> bool:
        """Return whether `config_path` names an experiment."""
        path = config_path.strip("/")
        return path.startswith(f"{_GROUP}/") and _name(path) in registry.modules()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return what there is under `config_path`."""
        path = config_path.strip("/")
        if path == "" and results_filter != ObjectType.CONFIG:
            return [_GROUP]
        if path == _GROUP and results_filter != ObjectType.GROUP:
            return sorted(registry.modules())
        return []


def _name(config_path: str) -> str:
    return config_path.strip("/").removeprefix(f"{_GROUP}/").removesuffix(".yaml")


class SearchPath(SearchPathPlugin):
    """Adds the user's ``configs/`` before the shipped ones, and the experiments."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add to Hydra's search path."""
        for folder in reversed(registry.folders("configs")[:-1]):
            search_path.prepend("user", f"file://{folder}")
        search_path.append("parcompute", "experiments://")


def register() -> None:
    """Make schema, plug-ins and resolvers known to Hydra; harmless when repeated."""
    store = ConfigStore.instance()
    schema = {
        "backend": Backend,
        "output": Output,
        "kernels": Kernels,
        "checkpoint": Checkpoints,
        "ensemble": Ensemble,
        "resume": None,
        "resume_overrides": False,
    }
    store.store("schema", node=schema)
    for plugin in (ExperimentSource, SearchPath):
        Plugins.instance().register(plugin)
    OmegaConf.register_new_resolver(
        "parcompute.suffix", lambda: secrets.token_hex(3), use_cache=True, replace=True
    )
