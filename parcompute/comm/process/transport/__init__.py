"""The transport of bytes between the ranks of a job, and to what receives them."""
