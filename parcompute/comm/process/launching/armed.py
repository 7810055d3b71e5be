"""Imported in a process that must not outlive the thread that has started it."""

from parcompute.comm.process.launching.rank import die_with_parent

die_with_parent()
