"""Stencils: from the formula of one cell to kernels over a box of cells.

`parse` reads offsets and radius from the user's function, `emit` writes the formula as source
for an engine, `kernels` turns that source into something that computes a box, and `apply`
runs it over fields: halo exchange beside the core, then the rim.
"""

from parcompute.stencils.apply import BlockStencil, Stencil, block_stencil, stencil
from parcompute.stencils.language import where

__all__ = ["BlockStencil", "Stencil", "block_stencil", "stencil", "where"]
