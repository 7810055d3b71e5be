"""Analysis of finished runs: statistics by all ranks, and the preview picture."""
