"""Notebooks 04 and 06: networks that clean images, and how good the images are."""

from petcourse.learning.cases import cut, examples, make_case, split
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, ssim, surroundings
from petcourse.learning.network import unet
from petcourse.learning.study import alike, fit, noise_and_contrast, recoveries, scores, search, smooth, train_networks
from petcourse.learning.training import DeadNetwork, train

__all__ = ["DeadNetwork", "alike", "contrast_recovery", "cut", "examples", "fit", "make_case", "noise"]
__all__ += ["noise_and_contrast", "nrmse", "psnr", "recoveries", "scores", "search", "smooth", "split", "ssim"]
__all__ += ["surroundings", "train", "train_networks", "unet"]
