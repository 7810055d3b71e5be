"""Tests of the communicators and of launching ranks."""
