"""Notebooks 04 and 05: networks that clean images, and how good the images are."""

from petcourse.learning.cases import scan
from petcourse.learning.dataset import examples, split
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, ssim, surroundings
from petcourse.learning.network import DeadNetwork, train, unet

__all__ = ["DeadNetwork", "contrast_recovery", "examples", "noise", "nrmse", "psnr", "scan", "split", "ssim"]
__all__ += ["surroundings", "train", "unet"]
