"""Layers 0 to 6 without the driver, against NumPy, the standard library and xarray."""
