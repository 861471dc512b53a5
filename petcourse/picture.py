"""The still picture of a viewer, for where no script runs: an untrusted notebook, a printed page."""

import io
import math
import warnings


def picture(panels, start, ncols, voxel):
    """One slice of each panel, as the bytes of a PNG; the arguments are what `petcourse.viewer` has worked out."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and shows them

    nrows, width = math.ceil(len(panels) / ncols), 2.6 if ncols > 2 else 3.6
    tallest = max(p["shape"][2] * voxel[1] / (p["shape"][3] * voxel[2]) for p in panels)
    figure = Figure((width * ncols, (width * min(tallest, 2) + 0.3) * nrows), dpi=100, layout="constrained")
    for i, p in enumerate(panels, 1):
        ax = figure.add_subplot(nrows, ncols, i)
        ax.set_axis_off()
        ax.set_title(p["title"], parse_math=False, fontsize=10)
        plane = p["volume"][min(start["frame"], p["shape"][0] - 1), start["slice"]].astype(float)
        image = ax.imshow(plane, p["cmap"], vmin=p["lo"], vmax=p["hi"], aspect=voxel[1] / voxel[2])
        if p["bar"]:
            figure.colorbar(image, cax=ax.inset_axes([1.04, 0, 0.05, 1])).set_label(p["unit"], parse_math=False)
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font lacks many scripts; browsers do not, and the title is in the alt text as well.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(png, bbox_inches="tight", pad_inches=0.05)
    return png.getvalue()
