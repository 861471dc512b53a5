"""The still picture of a viewer, for where no script runs: an untrusted notebook, a printed page."""

import io
import math
import warnings

import numpy as np


def picture(data, volumes, contours, cmaps):
    """One slice of each panel, as the bytes of a PNG; the arguments are what `petcourse.viewer.volumes` has worked out."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and shows them

    panels, ncols, voxel, slice_ = data["panels"], data["ncols"], data["voxel"], data["at"][0]
    nrows, width = math.ceil(len(panels) / ncols), 2.6 if ncols > 2 else 3.6
    tallest = max(p["shape"][2] * voxel[1] / (p["shape"][3] * voxel[2]) for p in panels)
    figure = Figure((width * ncols, (width * min(max(tallest, 0.2), 2) + 0.3) * nrows), dpi=100, layout="constrained")
    for i, (p, volume, cmap) in enumerate(zip(panels, volumes, cmaps, strict=True), 1):
        ax = figure.add_subplot(nrows, ncols, i)
        ax.set_axis_off()
        ax.set_title(p["title"], parse_math=False, fontsize=10)
        plane = volume[min(data["frame"], len(volume) - 1), slice_].astype(float)
        image = ax.imshow(plane, cmap, vmin=p["vmin"], vmax=p["vmax"], aspect=voxel[1] / voxel[2])
        if p["contour"] is not None:
            ax.add_collection(LineCollection(borders(contours[p["contour"]][slice_]), colors="#7fd4ff", linewidths=1))
        if p["bar"]:
            figure.colorbar(image, cax=ax.inset_axes([1.04, 0, 0.05, 1])).set_label(p["unit"], parse_math=False)
    return as_png(figure)


def as_png(figure):
    """Return a Matplotlib figure as the bytes of a PNG."""
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font lacks many scripts; browsers do not, and the title is in the alt text as well.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(png, bbox_inches="tight", pad_inches=0.05)
    return png.getvalue()


def borders(labels):
    """Sides between voxels of different labels, as lines [[x, y], [x, y]] in the coordinates of Matplotlib's imshow."""
    inside = np.pad(labels, 1)
    y, x = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    flat = np.stack([x, y, x + 1, y], axis=-1)
    y, x = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    upright = np.stack([x, y, x, y + 1], axis=-1)
    return np.concatenate([flat, upright]).reshape(-1, 2, 2) - 0.5
