"""What several workloads share: solvers and schemes on fields."""
