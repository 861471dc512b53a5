"""Notebook 01: heads to scan, from BrainWeb or embedded, with lesions."""

from petcourse.data.brainweb import local_subjects
from petcourse.data.labels import TISSUES

__all__ = ["TISSUES", "local_subjects"]
