"""Notebook 03: images from counts."""

from petcourse.reconstruction.em import iterate
from petcourse.reconstruction.protocol import iterates

__all__ = ["iterate", "iterates"]
