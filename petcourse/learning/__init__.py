"""Notebooks 04 and 05: networks that clean images, and how good the images are."""

from petcourse.learning.cases import cut, examples, make_case, split
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, ssim, surroundings
from petcourse.learning.network import unet
from petcourse.learning.training import DeadNetwork, train

__all__ = ["DeadNetwork", "contrast_recovery", "cut", "examples", "make_case", "noise", "nrmse", "psnr", "split"]
__all__ += ["ssim", "surroundings", "train", "unet"]
