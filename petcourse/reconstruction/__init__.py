"""Notebook 03: images from counts."""

from petcourse.reconstruction.em import iterate

__all__ = ["iterate"]
