"""The still picture of a viewer, for where no script runs: an untrusted notebook, a printed page."""

import io
import math
import warnings

import numpy as np
from matplotlib import style
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure  # not pyplot, which keeps figures and shows them

STYLE = "petcourse.viewer.petcourse"  # petcourse.mplstyle, and nothing of what the notebook has set


@style.context(STYLE, after_reset=True)
def picture(data, panels):
    """One slice of each panel, as the bytes of a PNG."""
    ncols, (_, dy, dx), k = data["ncols"], data["voxel"], data["at"][0]
    nrows, width = math.ceil(len(panels) / ncols), 2.6 if ncols > 2 else 3.6
    tallest = max(panel.volume.shape[2] * dy / (panel.volume.shape[3] * dx) for panel in panels)
    figure = Figure((width * ncols, (width * min(max(tallest, 0.2), 2) + 0.3) * nrows))
    for i, panel in enumerate(panels, 1):
        ax = figure.add_subplot(nrows, ncols, i)
        ax.set_axis_off()
        ax.set_title(panel.title, parse_math=False)
        plane = panel.volume[min(data["frame"], len(panel.volume) - 1), k].astype(float)
        image = ax.imshow(plane, panel.cmap, vmin=panel.vmin, vmax=panel.vmax, aspect=dy / dx)
        if panel.contour is not None:
            ax.add_collection(LineCollection(borders(panel.contour[k]), colors="#7fd4ff", linewidths=1))
        if panel.bar:
            figure.colorbar(image, cax=ax.inset_axes([1.04, 0, 0.05, 1])).set_label(panel.unit, parse_math=False)
    return as_png(figure)


def as_png(figure, scale=1):
    """Return a Matplotlib figure as the bytes of a PNG, with so many of its pixels for each of the figure's."""
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font lacks many scripts; browsers do not, and the title is in the alt text as well.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(png, dpi=scale * figure.dpi, bbox_inches="tight", pad_inches=0.05)
    return png.getvalue()


def borders(labels):
    """Sides between voxels of different labels, as lines [[x, y], [x, y]] in the coordinates of Matplotlib's imshow."""
    inside = np.pad(labels, 1)
    y, x = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    flat = np.stack([x, y, x + 1, y], axis=-1)
    y, x = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    upright = np.stack([x, y, x, y + 1], axis=-1)
    return np.concatenate([flat, upright]).reshape(-1, 2, 2) - 0.5
