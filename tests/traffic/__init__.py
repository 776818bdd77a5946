"""Synthetic traffic: rows of all streams over many days, for development and measurements.

The rows of a day depend on the seed and on that day alone, ids included, so that a run that was
interrupted can be repeated: rows that exist stay as they are.
"""
