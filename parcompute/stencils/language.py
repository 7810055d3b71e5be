"""The selection function of the stencil language."""

from __future__ import annotations

from typing import Any

import numpy as np


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Return `if_true` where `condition` holds, else `if_false`; inside and outside stencils."""
    return np.where(condition, if_true, if_false)
