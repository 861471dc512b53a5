"""Notebook 08: the files of other programs and of real scanners."""
