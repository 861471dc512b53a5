"""Notebook 07: networks that take turns with the physics, or hold the projector inside."""

from petcourse.ideas.bcdnet import bcd_net, cleaner
from petcourse.ideas.catalogue import IDEAS, pretrained
from petcourse.ideas.networks import PASSES, OperatorLayer, as_case, cleaned, residual, taking_turns
from petcourse.ideas.slices import scan_slices
from petcourse.ideas.thinning import thin

__all__ = ["IDEAS", "PASSES", "OperatorLayer", "as_case", "bcd_net", "cleaned", "cleaner", "pretrained"]
__all__ += ["residual", "scan_slices", "taking_turns", "thin"]
