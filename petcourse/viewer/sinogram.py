"""Which line is a bin, and which bins see a voxel: an image and its sinogram, with what belongs together drawn in both.

As that of `volshow`, the output of `sinoshow` is one piece of HTML: a picture, the two arrays in 8 bits, the scanner's
table of crystals, and the script (sinogram.js) that draws lines and curves from this table.
"""

import base64
import zlib

import numpy as np

from petcourse.hardware.device import as_numpy
from petcourse.viewer.page import LIMIT_MB, Viewer, as_page, deflated, script
from petcourse.viewer.panel import as_volume, for_each, panel, scales
from petcourse.viewer.still import as_png

GAP = (95, 104, 116)  # grey-blue is in no map of one hue after another: neither zero nor a count


class Explorer(Viewer):
    """What `sinoshow` returns: Jupyter shows it as HTML."""

    def __repr__(self):
        return f"<sinoshow: {self._summary}, {len(self._page) / 1e6:.1f} MB>"


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
    Explorer
        Shown where it is the last line of a cell, without a semicolon.

    Raises
    ------
    ValueError
        If it cannot be shown truly: shapes that are not this scanner's; values that are NaN, infinite or complex; a
        colour map that Matplotlib does not have.
    """
    live, pairs = scanner.live(), scanner.bin_crystals()
    image = _plane("image", image, scanner.image_shape[1:], "a slice (y, x)", "theta[k]")
    sinogram = _plane("sinogram", sinogram, live.shape, "a direct plane (angle, bin)", "m[k]")
    sinogram = np.where(live, sinogram, sinogram[live][0])  # a gap has no part in the range of colours
    units, cmaps = for_each("units", units, 2), for_each("cmaps", cmaps, 2)
    parts, stacks = [], []
    for i, (name, plane) in enumerate({"image": image, "sinogram": sinogram}.items()):
        volume = as_volume(f"the {name}", plane[None])
        [ends] = scales([volume], [f"the {name}"], [cmaps[i]], [units[i]], [None], [None])
        parts.append(panel(volume, ends, name, cmaps[i], True, units[i], i))
        stacks.append((volume[0], ends))
    packed = deflated(stacks, LIMIT_MB)
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
        "crystals": _deflated(scanner.crystals(), "<f4"),
        "pairs": _deflated(pairs, "<u2"),
        "live": _deflated(live, "u1"),
        "parts": [{**part, "voxels": voxels} for part, voxels in zip(parts, packed, strict=True)],
    }
    still = _picture(scanner, (image, np.ma.masked_where(~live, sinogram)), parts, cmaps, start)
    page = as_page("showSinogram", script("draw.js", "sinogram.js"), data, still)
    return Explorer(page, f"image {image.shape}, sinogram {live.shape}")


def _plane(name, values, shape, wanted, such):
    """Return one plane as a NumPy array; ValueError if it is none of this scanner's."""
    values = np.asarray(as_numpy(values))
    if values.shape != tuple(shape):
        raise ValueError(
            f"the {name} has shape {values.shape}, but {wanted} of this scanner has shape {tuple(shape)}: "
            f"give one, such as {such}, and the scanner that it belongs to."
        )
    return values


def _deflated(array, dtype):
    return base64.b64encode(zlib.compress(np.asarray(array).astype(dtype).tobytes(), 9)).decode()


def _picture(scanner, planes, parts, cmaps, start):
    """The still picture for where no script runs, as the bytes of a PNG."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and shows them

    figure = Figure((10, 4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    half = scanner.column_width * scanner.columns / 2
    extents = (-half, half, -half, half), None
    for ax, plane, part, cmap, extent in zip((left, right), planes, parts, cmaps, extents, strict=True):
        shown = ax.imshow(plane, cmap, vmin=part["vmin"], vmax=part["vmax"], extent=extent, aspect="auto")
        figure.colorbar(shown, ax=ax).set_label(part["unit"], parse_math=False)
        ax.set(title=part["title"], box_aspect=1)
    crystals = scanner.crystals()
    left.plot(*crystals.T, ",", color="grey")
    left.plot(*crystals[[c[*start] for c in scanner.bin_crystals()]].T, "o-", color="deepskyblue", markersize=5)
    left.set(xlabel="x [mm]", ylabel="y [mm]")
    right.plot(*start[::-1], "o", color="deepskyblue", markeredgecolor="black")
    right.set(xlabel="bin", ylabel="angle", facecolor=[c / 255 for c in GAP])
    return as_png(figure)
