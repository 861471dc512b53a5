"""Exercises that check themselves: a file for each notebook, made of `check.py` and `answers.py`."""

from petcourse.exercises.answers import as_array, call_array, choice, compare, named, number
from petcourse.exercises.check import Wrong, call, exercise

__all__ = ["Wrong", "as_array", "call", "call_array", "choice", "compare", "exercise", "named", "number"]
