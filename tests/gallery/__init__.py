"""The experiments that are shipped, each against a reference that nobody here wrote."""
