"""Generated source to machine code, kept on disk and linked without Numba."""

IMPORTS = """\
import numpy as np
from numba import njit
from numpy import inf, nan

from parcompute.native.arithmetic import *
from parcompute.native.pointers import *

u64 = np.uint64"""
"""What generated modules begin with."""
