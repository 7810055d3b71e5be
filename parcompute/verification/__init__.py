"""Whether an experiment gives the same bits on all engines, kernels and numbers of ranks.

`combinations` says which runs are made, `runs` makes them, `compare` finds what differs, `blocks`
where that lies among the ranks, `locate` when it began, `explain` what it most likely means.
"""
