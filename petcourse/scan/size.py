"""The size at which the course runs: one place decides, and every notebook says which it is, and why."""

import os

import numpy as np

from petcourse.hardware.device import choose
from petcourse.hardware.gpu import MLEM
from petcourse.hardware.machine import available_cores, memory
from petcourse.scan.scanner import Scanner

SMALL_RINGS = 20  # the fewest whole rings with oblique segments and a brain's middle in view
HEAD = np.s_[
    :, 110:-110, 120:-120
]  # the voxels of a whole image that notebooks show: a head, without the air around it
WHOLE = 3.5e9  # bytes of memory: 2 GB for the kernel, and room for Jupyter and a notebook that is still open


def course_size():
    """Full or small: what the environment variable PETCOURSE_SIZE says, or else what this machine can take.

    The whole scanner wants 3.5 GB of memory, counting what a container or a ulimit leaves of the machine's; and either
    a GPU that works, with 4 GB of its own, or two processor cores. It is the memory in all, not what is free just now,
    so that all notebooks on one machine run at one size and find each other's results.

    Returns
    -------
    size : {"full", "small"}
    reason : str
        A few words.

    Raises
    ------
    ValueError
        If PETCOURSE_SIZE is neither "full" nor "small".
    """
    size = os.environ.get("PETCOURSE_SIZE")
    if size:
        if size not in ("full", "small"):
            raise ValueError(f"PETCOURSE_SIZE is {size!r}: set it to 'full' or 'small', or leave it out.")
        return size, "as PETCOURSE_SIZE says"
    total, cores = memory()[0], available_cores()
    if total < WHOLE:
        return "small", f"{total / 1e9:.1f} GB of memory, under {WHOLE / 1e9:g}"
    if choose() == "gpu":
        import cupy

        own = cupy.cuda.runtime.memGetInfo()[1]
        if own < MLEM:
            return "small", f"a GPU of {own / 1e9:.1f} GB, under {MLEM / 1e9:g}"
        return "full", f"a GPU of {own / 1e9:.0f} GB"
    return ("small", "one core and no GPU") if cores == 1 else ("full", f"{total / 1e9:.0f} GB, {cores} cores")


def course_scanner():
    """The whole mMR, or its central 20 rings where `course_size` says "small"; it prints which, and why.

    Returns
    -------
    scanner : Scanner

    Raises
    ------
    ValueError
        If PETCOURSE_SIZE is neither "full" nor "small".
    """
    size, reason = course_size()
    scanner = Scanner.mmr() if size == "full" else Scanner.mmr(rings=SMALL_RINGS)
    planes, angles, bins = scanner.sinogram_shape
    shape = " x ".join(map(str, scanner.image_shape))
    print(f"{size} size ({reason}): {scanner.rings} rings, {planes} x {angles} x {bins} bins, {shape} voxels")
    return scanner


def course_trues(scanner):
    """Return how many trues the notebooks measure with a scanner: 1e8 with the whole mMR, as many in each of its planes.

    Parameters
    ----------
    scanner : Scanner

    Returns
    -------
    trues : float
    """
    return 1e8 * scanner.sinogram_shape[0] / 837


def course_quick():
    """Whether the environment variable PETCOURSE_QUICK asks for fewer heads, seeds and epochs: set, and no form of "no".

    Returns
    -------
    quick : bool
    """
    return os.environ.get("PETCOURSE_QUICK", "").strip().lower() not in ("", "0", "false", "no", "off")
