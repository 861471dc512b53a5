"""Exercises that check themselves: one file for each notebook, and `check.py`, of which their checks are made."""

from petcourse.exercises.check import Wrong, as_array, call, call_array, choice, compare, exercise, named, number

__all__ = ["Wrong", "as_array", "call", "call_array", "choice", "compare", "exercise", "named", "number"]
