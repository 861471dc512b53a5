"""Notebook 00: what this machine offers the course, and which device computes."""

from petcourse.hardware.check import as_text, report
from petcourse.hardware.device import array_module
from petcourse.hardware.gpu import gpu_name
from petcourse.hardware.machine import processor

__all__ = ["array_module", "as_text", "gpu_name", "processor", "report"]
