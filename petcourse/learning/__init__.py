"""Notebooks 04 and 06: networks that clean images, their rivals, and how good the images are."""

from petcourse.learning.cases import cut, examples, make_case, split
from petcourse.learning.metrics import contrast_recovery, noise, nrmse, psnr, recoveries, ssim, surroundings
from petcourse.learning.network import unet
from petcourse.learning.results import (
    IDEAS_RESULTS,
    WRONG_T1,
    best_rival,
    by_head,
    by_lesion,
    changes,
    effort,
    hot_recovery,
    interval,
    read_results,
    smallest_p,
    table,
)
from petcourse.learning.rivals import METHODS, alike, guided_mean, smooth, tune
from petcourse.learning.scanned import ScannedHead
from petcourse.learning.study import NETWORKS, compare
from petcourse.learning.training import DeadNetwork, fit, train, train_networks

__all__ = [
    "IDEAS_RESULTS",
    "METHODS",
    "NETWORKS",
    "WRONG_T1",
    "DeadNetwork",
    "ScannedHead",
    "alike",
    "best_rival",
    "by_head",
    "by_lesion",
    "changes",
]
__all__ += [
    "compare",
    "contrast_recovery",
    "cut",
    "effort",
    "examples",
    "fit",
    "guided_mean",
    "hot_recovery",
    "interval",
]
__all__ += [
    "make_case",
    "noise",
    "nrmse",
    "psnr",
    "read_results",
    "recoveries",
    "smallest_p",
    "smooth",
    "split",
    "ssim",
]
__all__ += ["surroundings", "table", "train", "train_networks", "tune", "unet"]
