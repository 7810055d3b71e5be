"""What every rank needs, imported before it is forked; no module here starts a thread."""

import os
import sys

import numpy as np

import parcompute.comm.process.communicators.communicator
import parcompute.comm.process.launching.rank  # noqa: F401

if "numpy.random" in sys.modules:  # in some versions: ranks must not draw the same numbers
    os.register_at_fork(after_in_child=np.random.seed)
