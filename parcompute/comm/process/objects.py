"""Python objects as bytes: what lowercase calls move."""

from __future__ import annotations

import pickle
from typing import Any


def dumps(obj: Any) -> bytes:
    """Return the pickle of an object."""
    return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)


def loads(data: bytes | bytearray | memoryview) -> Any:
    """Return the object of a pickle."""
    return pickle.loads(data)
