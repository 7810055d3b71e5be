"""Neighbours on periodic axes of one and two ranks, where MPI libraries differ."""

from __future__ import annotations

import numpy as np
import pytest


def exchange(comm, dims):
    cart = comm.Create_cart(dims, [True] * len(dims))
    words = [f"{cart.rank} to {edge}" for edge in range(len(cart.inedges))]
    numbers = np.array([100 * cart.rank + edge for edge in range(len(cart.inedges))])
    got = np.zeros_like(numbers)
    cart.Neighbor_alltoall(numbers, got)
    expected = [(rank, edge ^ 1) for edge, rank in enumerate(cart.inedges)]
    assert cart.neighbor_alltoall(words) == [f"{rank} to {edge}" for rank, edge in expected]
    assert got.tolist() == [100 * rank + edge for rank, edge in expected]
    return cart.neighbor_allgather(cart.rank) == cart.inedges


@pytest.mark.parametrize("dims", [[1], [1, 1], [2], [2, 1], [2, 2], [3, 1]])
def test_what_goes_up_comes_from_below(launch, dims):
    ranks = int(np.prod(dims))
    assert launch(exchange, ranks, (dims,)) == [True] * ranks
