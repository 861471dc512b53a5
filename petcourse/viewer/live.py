"""The viewer as a widget: Python changes what it shows while it is shown, and hears what the reader does.

It needs a kernel. What should outlive the kernel is shown by `LiveViewer.still`, the same viewer without one.
"""

import math
import secrets
from dataclasses import replace
from html import escape

import anywidget
import numpy as np
import traitlets

from petcourse.viewer.page import described, page, script, style
from petcourse.viewer.panel import as_volume


class LiveViewer(anywidget.AnyWidget):
    """What ``volshow(..., live=True)`` returns: an ipywidget, which can be linked with others.

    Attributes
    ----------
    slice, frame, axis : int
        What is shown: number of the slice, of the frame, and of the axis (0 for z) that is cut.
    window : list of [float, float]
        Ends of the colour range of each panel.
    cursor : list of int or None
        The voxel [z, y, x] under the mouse, or at the crosshair.
    """

    _esm = script("live") + "export default { render };\n"
    _css = style("volumes")
    _data = traitlets.Dict().tag(sync=True)
    _sent = traitlets.List().tag(sync=True)  # for each panel the versions of its frames: how often each was replaced
    _bounds = traitlets.List().tag(sync=True)
    slice = traitlets.Int().tag(sync=True)
    frame = traitlets.Int().tag(sync=True)
    axis = traitlets.Int(0).tag(sync=True)
    window = traitlets.List().tag(sync=True)
    cursor = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, data, panels):
        self._panels, self._volumes = panels, [list(panel.volume) for panel in panels]
        entries, contours = described(panels)
        super().__init__(
            # by its id a still viewer knows the one whose place it takes
            _data={**data, "panels": entries, "contours": [{} for _ in contours], "id": secrets.token_hex(8)},
            _bounds=[[entry["below"], entry["above"]] for entry in entries],
            slice=data["at"][0],
            frame=data["frame"],
            window=[[panel.vmin, panel.vmax] for panel in panels],
        )
        for i, contour in enumerate(contours):
            self._share(f"_contour_{i}", contour)
        for i, frames in enumerate(self._volumes):
            for k in range(len(frames)):
                self._share_frame(i, k)
        self._sent = [[0] * len(frames) for frames in self._volumes]  # last: it tells the page that all is there

    def append(self, panel, volume):
        """Add a frame, such as the next iterate; a viewer that shows the last frame goes on to the new one.

        Parameters
        ----------
        panel : int or str
            Number or title of the panel.
        volume : array, shape (z, y, x)
            NumPy or CuPy, of the panel's shape. The colour range stays: values beyond it are shown as bounds.

        Raises
        ------
        ValueError
            If there is no such panel, the shape differs, or a value is NaN, infinite or complex.
        """
        i, volume = self._check(panel, volume)
        self._volumes[i].append(volume)
        self._send_frame(i, len(self._volumes[i]) - 1)
        last = max(map(len, self._volumes)) - 1
        if self.frame == last - 1:
            self.frame = last

    def replace(self, panel, volume, frame=-1):
        """Show another volume in one of the panel's frames, by default its last.

        Parameters
        ----------
        panel, volume
            As for `append`; so are the errors.
        frame : int
            Number of the frame, 0 for the first, -1 for the last.
        """
        i, volume = self._check(panel, volume)
        known = len(self._volumes[i])
        if not isinstance(frame, int) or not -known <= frame < known:
            raise ValueError(
                f"frame is {frame!r}, but panel {panel!r} has {known} frames: append others, or change it."
            )
        self._volumes[i][frame] = volume
        self._send_frame(i, frame % known)

    def still(self):
        """Return the same viewer without a kernel, as `volshow` makes it: the frames, slice, axis and window of now.

        Where it takes the place of this one in a page, what the reader has chosen there stays.
        """
        stacks = [np.stack(frames) for frames in self._volumes]
        panels = [replace(panel, volume=stack) for panel, stack in zip(self._panels, stacks, strict=True)]
        at = list(self._data["at"])
        at[self.axis] = self.slice
        seen = {"axis": self.axis, "windows": self.window}
        return page({**self._data, "at": at, "frame": max(map(len, self._volumes)) - 1, "seen": seen}, panels)

    def _repr_mimebundle_(self, **options):
        """As a widget, and for whoever cannot show one as it stands now: an exported page, a slide."""
        data, metadata = super()._repr_mimebundle_(**options)
        try:
            html = self.still()._repr_html_()
        except ValueError as error:  # too large to be stored: the widget can be, so it is shown, and the reader told
            html = f"<p>Not stored, for {escape(str(error))}</p>"
        return {**data, "text/html": html}, metadata

    @traitlets.validate("window")
    def _check_window(self, proposal):
        window = proposal["value"]
        good = len(window) == len(self._volumes) and all(
            len(ends) == 2 and -math.inf < ends[0] < ends[1] < math.inf for ends in window
        )
        if not good:
            raise ValueError(f"window is {window!r}, but a lower and a higher end for each of the panels are wanted.")
        return window

    def _check(self, panel, volume):
        titles = [panel.title for panel in self._panels]
        i = titles.index(panel) if panel in titles else panel
        if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(titles):
            raise ValueError(f"panel is {panel!r}, but one of {titles} or its number is wanted: change it.")
        volume = as_volume(f"the new volume of panel {panel!r}", volume)
        if volume.shape != (1, *self._volumes[i][0].shape):
            raise ValueError(
                f"the new volume of panel {panel!r} has shape {volume.shape[1:]}, but the panel shows "
                f"{self._volumes[i][0].shape}: cut it alike."
            )
        return i, volume[0].copy()  # the caller may go on computing in place

    def _send_frame(self, i, k):
        """Send a frame, then that it is new; where a value passes an end of the range, that end becomes a bound."""
        self._share_frame(i, k)
        p, frame = self._panels[i], self._volumes[i][k]
        bounds, sent = [list(b) for b in self._bounds], [list(s) for s in self._sent]
        bounds[i] = [bounds[i][0] or bool(frame.min() < p.vmin), bounds[i][1] or bool(frame.max() > p.vmax)]
        sent[i][k : k + 1] = [sent[i][k] + 1 if k < len(sent[i]) else 0]
        self._bounds, self._sent = bounds, sent

    def _share_frame(self, i, k):
        self._share(f"_voxels_{i}_{k}", self._panels[i].codes(self._volumes[i][k]))

    def _share(self, name, array):
        """Set a trait of that name: each is sent alone, and a page that is opened again gets them all."""
        if not self.has_trait(name):
            self.add_traits(**{name: traitlets.Bytes().tag(sync=True)})
        setattr(self, name, array.tobytes())
