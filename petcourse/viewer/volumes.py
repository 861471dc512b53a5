"""Look through volumes slice by slice: in the notebook, in a saved one, in an exported page and on a slide.

The output of `volshow` is one piece of HTML that holds everything: a picture of one slice, the volumes in 8 bits, and
the script (volumes.js, with draw.js and measure.js) that replaces the picture by linked slices. Without scripts the
picture stays.
"""

import math
from numbers import Real

import numpy as np

from petcourse.scan.scanner import whole
from petcourse.viewer.live import LiveViewer
from petcourse.viewer.page import page
from petcourse.viewer.panel import as_volume, for_each, outline, panel, scales, subtract


def volshow(
    volumes,
    titles=None,
    cmaps=None,
    colorbars=None,
    ncols=None,
    vmins=None,
    vmaxs=None,
    units=None,
    alt=None,
    voxel=(1, 1, 1),
    slices="slice",
    frames="frame",
    contours=None,
    difference=None,
    live=False,
):
    """Show volumes side by side, with one slider for the slice of all.

    Options named in the plural take a list with one entry per volume, or a single value for all. Values are stored
    in 8 bits between the ends of the colour range: what is read under the cursor is within range / 510 of the array's
    value (exact for integers that span at most 255), and shown as a bound where it lies beyond vmin or vmax.

    Parameters
    ----------
    volumes : array, list of arrays or dict of title: array
        Real, integer or boolean, NumPy or CuPy, axes (z, y, x), or (frame, z, y, x) for a second slider (say,
        iterations). All have the same number of slices z; where y and x differ as well, only planes along z are
        shown. A list or a dict has one panel for each entry; a single 4-D array is one panel, or one for each frame
        where `ncols` says how to lay them out.
    titles, units, alt : str, optional
        Title of each panel, unit of its values, and what the whole picture shows, for those who cannot see it.
    cmaps : str, default "Greys_r"
        Names of Matplotlib's colour maps.
    colorbars : bool, optional
        By default where there is a unit.
    ncols : int, optional
        Panels in a row, by default up to four.
    vmins, vmaxs : float, optional
        Ends of the colour range, by default smallest and largest value of all panels of the same unit; a diverging
        map (RdBu_r) is even about zero.
    voxel : tuple of float, optional
        Size (dz, dy, dx) of a voxel in mm, by default a cube.
    slices : str or tuple of three str, optional
        By default the axes are those of a body, also for names that begin with "slice". Another name, such as
        "plane", is that of the slider, and only planes along z are shown; three names, such as ("plane", "angle", "bin"), are those of three axes.
    frames : str or dict, optional
        What the second slider is called; {"FWHM [mm]": [0, 2, 4]} also labels its steps.
    contours : array or list, optional
        Masks or labels (z, y, x), integer or boolean: their borders are drawn over the panels; None draws none.
    difference : tuple of two int or str, optional
        Adds a panel with the first minus the second of two volumes, named by number or title; its range is even about
        zero, and its contour is that of the first.
    live : bool, default False
        Return a `petcourse.viewer.live.LiveViewer`, an ipywidget that Python can change while it is shown.

    Returns
    -------
    Viewer or LiveViewer
        Shown where it is the last line of a cell, without a semicolon.

    Raises
    ------
    ValueError
        If it cannot be shown truly: values that are NaN, infinite or complex; shapes, lists, ranges or colour maps that
        do not fit; more data than an output should carry (12 MB).
    """
    if isinstance(volumes, dict):
        titles, volumes = list(volumes) if titles is None else titles, list(volumes.values())
    elif not isinstance(volumes, (list, tuple)):
        volumes = list(volumes) if np.ndim(volumes) == 4 and ncols is not None else [volumes]
    n = len(volumes)
    ncols = min(n + (difference is not None), 4 if ncols is None else whole("ncols", ncols))
    if n < 1 or ncols < 1:
        raise ValueError(f"{n} volumes in rows of {ncols} leave nothing to show: give at least one of each.")
    if np.shape(voxel) != (3,) or not all(isinstance(d, Real) and 0 < d < math.inf for d in voxel):
        raise ValueError(f"voxel is {voxel!r}, but three sizes (dz, dy, dx) above 0 mm are wanted: try scanner.voxel.")
    options = {"titles": titles, "cmaps": cmaps, "colorbars": colorbars, "vmins": vmins, "vmaxs": vmaxs, "units": units}
    columns = {name: for_each(name, value, n) for name, value in options.items()}
    columns["cmaps"] = ["Greys_r" if cmap is None else cmap for cmap in columns["cmaps"]]
    outlines = contours if isinstance(contours, (list, tuple)) else [contours] * n
    columns["contours"] = for_each("contours", outlines, n)
    names = [f"volume {i}" + (f" ({title})" if title else "") for i, title in enumerate(columns["titles"])]
    volumes = [as_volume(name, volume) for name, volume in zip(names, volumes, strict=True)]
    if difference is not None:
        volumes.append(subtract(difference, volumes, columns))
        names.append("the difference")
    count, depth = max(len(v) for v in volumes), volumes[0].shape[1]
    if any(v.shape[1] != depth or len(v) not in (1, count) for v in volumes):
        raise ValueError(
            f"the volumes have (frames, slices) {[v.shape[:2] for v in volumes]}, but one slider "
            "for all needs equal numbers: cut them to a common range."
        )
    ends = scales(volumes, names, columns["cmaps"], columns["units"], columns["vmins"], columns["vmaxs"])
    panels, masks = [], []
    for i, volume in enumerate(volumes):
        title, cmap, bar, unit, mask = (columns[k][i] for k in ("titles", "cmaps", "colorbars", "units", "contours"))
        like = [k for k in range(i) if unit and columns["units"][k] == unit and ends[k] == ends[i]]
        number = None if mask is None else outline(names[i], mask, volume, masks)
        panels.append(panel(volume, ends[i], title, cmap, bar, unit, like[0] if like else i, number))
    same = all(v.shape[1:] == volumes[0].shape[1:] for v in volumes)
    dims, axes = _axes(slices)
    data = {
        "ncols": ncols,
        "voxel": [float(d) for d in voxel],
        "at": [size // 2 for size in volumes[0].shape[1:]],
        "frame": count - 1,  # the last: of iterations the result
        "dims": dims,
        "axes": axes if same and depth > 1 else axes[:1],
        "frames": _frames(frames, count),
        "panels": panels,
    }
    shown = "; ".join(
        f"{p['title'] or 'volume'}, {p['vmin']:.4g} to {p['vmax']:.4g} {p['unit']}".strip() for p in panels
    )
    data["alt"] = alt or f"{axes[0][1]} {depth // 2} of {depth}: {shown}"
    if live:
        if difference is not None:
            raise ValueError(
                "a live viewer has no difference, for it would not follow its volumes: show it as a volume."
            )
        return LiveViewer(data, volumes, masks, columns["cmaps"])
    return page(data, volumes, masks, columns["cmaps"])


def _axes(slices):
    """Return the names of the three axes, and for each the words on its button and its slider."""
    if isinstance(slices, str):
        body = [["axial", slices], ["coronal", "coronal slice"], ["sagittal", "sagittal slice"]]
        return ["z", "y", "x"], body if slices.startswith("slice") else body[:1]
    if not isinstance(slices, (list, tuple)) or len(slices) != 3 or not all(isinstance(s, str) for s in slices):
        raise ValueError(f"slices is {slices!r}, but one name or three are wanted, such as ('plane', 'angle', 'bin').")
    return list(slices), [[s, s] for s in slices]


def _frames(frames, count):
    """Return what the second slider is called, and its labels if there are any."""
    if isinstance(frames, str):
        return {"name": frames, "labels": None}
    [(name, labels)] = frames.items() if isinstance(frames, dict) and len(frames) == 1 else [("", None)]
    if np.ndim(labels) != 1 or len(labels) != count:  # a text has no dimension
        raise ValueError(
            f"frames is {frames!r}, but a name is wanted, or a dict of one name and {count} labels: "
            'try frames="iteration" or frames={"FWHM [mm]": [0, 2, 4]}.'
        )
    return {"name": str(name), "labels": [str(label) for label in labels]}
