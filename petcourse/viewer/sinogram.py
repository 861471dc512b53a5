"""Which line is a bin, and which bins see a voxel: an image and its sinogram, with what belongs together drawn in both.

As that of `volshow`, the output of `sinoshow` is one piece of HTML: a picture, the two arrays in 8 bits, the scanner's
table of crystals, and the script (sinogram.js) that draws lines and curves from this table.
"""

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from petcourse.viewer.page import as_page, deflated
from petcourse.viewer.panel import Panel, as_array, as_volume, for_each, with_ranges
from petcourse.viewer.still import STYLE, as_png

GAP = (95, 104, 116)  # grey-blue is in no map of one hue after another: neither zero nor a count


def sinoshow(scanner, image, sinogram, units=None, cmaps="inferno", alt=None):
    """Show the line of the bin under the cursor across the image, and the curve of the voxel across the sinogram.

    Values are stored in 8 bits: what is read is within range / 510 of the array's value. What the sinogram holds in
    the gaps is not shown.

    Parameters
    ----------
    scanner : Scanner
        Says which two crystals make a bin, and where they are.
    image : array, shape (y, x)
        One transaxial slice, say ``theta[k]``. Real, integer or boolean, NumPy or CuPy.
    sinogram : array, shape (angle, bin)
        One direct plane, say ``m[k]`` with k in segment 0: its lines lie in the slice. NumPy or CuPy.
    units, cmaps : str or pair of str, optional
        Unit of the values, and name of Matplotlib's colour map: for image and sinogram, or one for both.
    alt : str, optional
        What the whole picture shows, for those who cannot see it.

    Returns
    -------
    Viewer
        Shown where it is the last line of a cell, without a semicolon.

    Raises
    ------
    ValueError
        If it cannot be shown truly: shapes that are not this scanner's; values that are NaN, infinite or complex; a
        colour map that Matplotlib does not have.
    """
    live = scanner.live()
    image = _plane("image", image, scanner.image_shape[1:], "a slice (y, x)", "theta[k]")
    sinogram = _plane("sinogram", sinogram, live.shape, "a direct plane (angle, bin)", "m[k]")
    sinogram = np.where(live, sinogram, sinogram[live][0])  # a gap has no part in the range of colours
    units, cmaps = for_each("units", units, 2), for_each("cmaps", cmaps, 2)
    panels = []
    for name, plane, unit, cmap in zip(("image", "sinogram"), (image, sinogram), units, cmaps, strict=True):
        panel = Panel(f"the {name}", as_volume(f"the {name}", plane[None]), name, str(unit or ""), cmap)
        panels += with_ranges([panel])  # each has a range of its own, also where both have one unit
    tables = [np.asarray(scanner.crystals(), "<f4"), np.asarray(scanner.bin_crystals(), "<u2"), np.asarray(live, "u1")]
    stacks = [(panel.volume[0], panel.codes) for panel in panels] + [(table[None], np.asarray) for table in tables]
    *voxels, crystals, pairs, bins = deflated(stacks)
    angle = len(live) // 4  # at first an oblique line, where it has most to show
    start = [angle, int(np.where(live[angle], sinogram[angle], -np.inf).argmax())]
    _, y, x = scanner.axes()
    data = {
        "alt": alt
        or f"An image with the ring of crystals around it, and its sinogram, {len(live)} angles by "
        f"{len(live[0])} bins; the line of angle {start[0]}, bin {start[1]} is drawn across the image",
        "start": {"bin": start, "voxel": [int(i) for i in np.unravel_index(image.argmax(), image.shape)]},
        "axes": {"x": x[0], "y": y[0], "voxel": scanner.column_width},
        "gap": GAP,
        "crystals": crystals,
        "pairs": pairs,
        "live": bins,
        "parts": [panel.entries() | {"voxels": text} for panel, text in zip(panels, voxels, strict=True)],
    }
    return as_page("sinogram", "showSinogram", data, _picture(scanner, panels, start))


def _plane(name, values, shape, axes, example):
    """Return one plane as a NumPy array; ValueError if it is none of this scanner's."""
    values = as_array(f"the {name}", values)
    if values.shape != tuple(shape):
        raise ValueError(
            f"the {name} has shape {values.shape}, but {axes} of this scanner has shape {tuple(shape)}: "
            f"give one, such as {example}, and the scanner that it belongs to."
        )
    return values


@style.context(STYLE, after_reset=True)
def _picture(scanner, panels, start):
    """The still picture for where no script runs, as the bytes of a PNG."""
    figure = Figure((10, 4))
    left, right = figure.subplots(1, 2)
    half = scanner.column_width * scanner.columns / 2
    for ax, panel, extent in zip((left, right), panels, ((-half, half, -half, half), None), strict=True):
        plane = panel.volume[0, 0] if ax is left else np.ma.masked_where(~scanner.live(), panel.volume[0, 0])
        shown = ax.imshow(plane, panel.cmap, vmin=panel.vmin, vmax=panel.vmax, extent=extent, aspect="auto")
        figure.colorbar(shown, ax=ax).set_label(panel.unit, parse_math=False)
        ax.set(title=panel.title, box_aspect=1)
    crystals = scanner.crystals()
    left.plot(*crystals.T, ",", color="grey")
    left.plot(*crystals[[c[*start] for c in scanner.bin_crystals()]].T, "o-", color="deepskyblue", markersize=5)
    left.set(xlabel="x [mm]", ylabel="y [mm]")
    right.plot(*start[::-1], "o", color="deepskyblue", markeredgecolor="black")
    right.set(xlabel="bin", ylabel="angle", facecolor=[c / 255 for c in GAP])
    return as_png(figure)
