"""What solves the problems; each module has `PROBLEMS`, by name of the case."""
