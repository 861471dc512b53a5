"""Look through volumes slice by slice: in the notebook, in a saved one, in an exported page and on a slide.

The output of `volshow` is one piece of HTML that holds everything: a picture of one slice, the volumes in 8 bits, and
the script (volumes.js and what it imports) that replaces the picture by linked slices. Without scripts the picture
stays.
"""

import math
from numbers import Real
from operator import index

import numpy as np

from petcourse.viewer.live import LiveViewer
from petcourse.viewer.page import page
from petcourse.viewer.panel import Panel, as_contour, as_volume, for_each, subtract, with_ranges


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
        "plane", is that of the slider, and only planes along z are shown; three names, such as
        ("plane", "angle", "bin"), are those of three axes.
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
    if np.shape(voxel) != (3,) or not all(isinstance(d, Real) and 0 < d < math.inf for d in voxel):
        raise ValueError(f"voxel is {voxel!r}, but three sizes (dz, dy, dx) above 0 mm are wanted: try scanner.voxel.")
    options = {"titles": titles, "units": units, "cmaps": cmaps, "vmins": vmins, "vmaxs": vmaxs, "contours": contours}
    panels = _panels(volumes, **options, colorbars=colorbars)
    if difference is not None:
        panels.append(subtract(difference, panels))
    ncols = min(len(panels), 4 if ncols is None else index(ncols))
    if ncols < 1:
        raise ValueError(f"{len(panels)} volumes in rows of {ncols} leave nothing to show: give at least one of each.")
    panels = with_ranges(panels)
    data = {"ncols": ncols, "voxel": [float(d) for d in voxel], **_sliders(panels, slices, frames)}
    shown = "; ".join(f"{p.title or 'volume'}, {p.vmin:.4g} to {p.vmax:.4g} {p.unit}".strip() for p in panels)
    data["alt"] = alt or f"{data['axes'][0][1]} {data['at'][0]} of {panels[0].volume.shape[1]}: {shown}"
    if live and difference is not None:
        raise ValueError("a live viewer has no difference, for it would not follow its volumes: show it as a volume.")
    return LiveViewer(data, panels) if live else page(data, panels)


def _panels(volumes, **options):
    """Return a panel for each volume; each option has a list with an entry for each, or one value for all."""
    columns = [for_each(name, value, len(volumes)) for name, value in options.items()]
    panels = []
    for i, (volume, title, unit, cmap, vmin, vmax, contour, bar) in enumerate(zip(volumes, *columns, strict=True)):
        name = f"volume {i} ({title})" if title else f"volume {i}"
        volume, bar = as_volume(name, volume), bool(unit if bar is None else bar)
        contour = None if contour is None else as_contour(name, contour, volume.shape[1:])
        title, unit, cmap = "" if title is None else str(title), str(unit or ""), cmap or "Greys_r"
        panels.append(Panel(name, volume, title, unit, cmap, vmin, vmax, contour, bar))
    return panels


def _sliders(panels, slices, frames):
    """Return what the viewer's sliders are called and where they start: in the middle, at the last frame."""
    shapes = [panel.volume.shape for panel in panels]
    count, depth = max(shape[0] for shape in shapes), shapes[0][1]
    if any(shape[1] != depth or shape[0] not in (1, count) for shape in shapes):
        raise ValueError(
            f"the volumes have (frames, slices) {[shape[:2] for shape in shapes]}, but one slider "
            "for all needs equal numbers: cut them to a common range."
        )
    dims, axes = _axes(slices)
    return {
        "at": [size // 2 for size in shapes[0][1:]],
        "frame": count - 1,  # the last: of iterations the result
        "dims": dims,
        "axes": axes if depth > 1 and len({shape[1:] for shape in shapes}) == 1 else axes[:1],
        "frames": _frames(frames, count),
    }


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
    name, labels = "", None
    if isinstance(frames, dict) and len(frames) == 1:
        [(name, labels)] = frames.items()
    if np.ndim(labels) != 1 or len(labels) != count:  # a text has no dimension
        raise ValueError(
            f"frames is {frames!r}, but a name is wanted, or a dict of one name and {count} labels: "
            'try frames="iteration" or frames={"FWHM [mm]": [0, 2, 4]}.'
        )
    return {"name": str(name), "labels": [str(label) for label in labels]}
