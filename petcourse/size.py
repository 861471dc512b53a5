"""The size at which the course runs: one place decides, and every notebook says which it is."""

import os

from petcourse.scanner import Scanner

SMALL_RINGS = 20  # the fewest whole rings with oblique segments and a brain's middle in view


def course_scanner():
    """The whole mMR, or its central 20 rings where the environment variable PETCOURSE_SIZE is "small".

    Returns
    -------
    scanner : Scanner

    Raises
    ------
    ValueError
        If PETCOURSE_SIZE is neither "full" nor "small".
    """
    size = os.environ.get("PETCOURSE_SIZE") or "full"
    if size not in ("full", "small"):
        raise ValueError(f"PETCOURSE_SIZE is {size!r}: set it to 'full' or 'small', or leave it out for 'full'.")
    scanner = Scanner.mmr() if size == "full" else Scanner.mmr(rings=SMALL_RINGS)
    planes, angles, bins = scanner.sinogram_shape
    print(f"{size} size: {scanner.rings} rings, {planes} x {angles} x {bins} bins, image {scanner.image_shape}")
    return scanner
