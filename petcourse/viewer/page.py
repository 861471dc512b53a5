"""A viewer as one piece of HTML: a picture, the data and the script that replaces the picture by what can be moved."""

import base64
import html
import json
import re
import zlib
from pathlib import Path

import numpy as np

from petcourse.viewer.still import picture

LIMIT_MB = 12  # a notebook with larger outputs is slow to open and to save

_PAGE = """<div class="pv-root"><style>{style}</style>
<img alt="{alt}" src="data:image/png;base64,{picture}" style="max-width: 100%">
<script>(() => {{{script}
const root = document.currentScript?.closest(".pv-root") ?? document.querySelector(".pv-root:not([data-ready])");
{call}(root, {data});
}})();</script></div>"""


class Viewer:
    """What `volshow` and `sinoshow` return: Jupyter shows it as HTML."""

    def __init__(self, page, alt):
        self._page, self._alt = page, alt

    def _repr_html_(self):
        return self._page

    def __repr__(self):
        return f"<{len(self._page) / 1e6:.1f} MB: {self._alt}>"


def page(data, panels):
    """Return the viewer that needs no kernel: a picture, the voxels and the script in one piece of HTML."""
    entries, contours = described(panels)
    stacks = [(panel.volume.reshape(-1, *panel.volume.shape[2:]), panel.codes) for panel in panels]
    voxels = [{"voxels": text} for text in deflated([*stacks, *((contour, np.asarray) for contour in contours)])]
    entries = [entry | text for entry, text in zip(entries, voxels[: len(panels)], strict=True)]
    shown = {**data, "panels": entries, "contours": voxels[len(panels) :]}
    return as_page("volumes", "show", shown, picture(data, panels))


def described(panels):
    """Return what the script needs to know about each panel, and the contours: one that panels share comes once."""
    entries, contours = [], []
    for panel in panels:
        number = next((k for k, known in enumerate(contours) if np.array_equal(known, panel.contour)), None)
        if number is None and panel.contour is not None:
            number = len(contours)
            contours.append(panel.contour)
        entries.append(panel.entries(number))
    return entries, contours


def as_page(name, call, data, still):
    """Return a `Viewer`: a picture (the bytes of a PNG) that the script `name` replaces, by calling `call(root, data)`."""
    text = _PAGE.format(
        style=style(name),
        alt=html.escape(data["alt"]),
        picture=base64.b64encode(still).decode(),
        script=script(name),
        call=call,
        data=json.dumps(data).replace("<", "\\u003c"),  # inside a script "</script" would end it, even between quotes
    )
    return Viewer(text, data["alt"])


def script(name):
    """Return an ES module of this folder and all that it imports as one script, without imports and exports."""
    parts = {}

    def join(name):
        text = Path(__file__).with_name(f"{name}.js").read_text("utf-8")
        for other in re.findall(r'^import [^;]* from "\./(\w+)\.js";$', text, re.MULTILINE):
            if other not in parts:
                join(other)
        parts[name] = re.sub(r"^(import|export) [^;]*;\n", "", text, flags=re.MULTILINE)

    join(name)
    return "\n".join(parts.values())


def style(name):
    """Return the style of the viewer whose script has this name: what all viewers share, and its own."""
    return "".join(Path(__file__).with_name(f"{part}.css").read_text("utf-8") for part in ("draw", name))


def deflated(stacks):
    """Return stacks of slices, deflated and in base64; ValueError as soon as all pass `LIMIT_MB`.

    With each stack comes a function that makes of a slice what is stored, such as `Panel.codes`.
    """
    out, size, done, total = [], 0.0, 0, sum(len(stack) for stack, _ in stacks)
    for stack, stored in stacks:
        deflate, parts = zlib.compressobj(), []
        for image in stack:  # slice by slice: no second copy of the volume
            parts.append(deflate.compress(stored(image).tobytes()))
            done += 1
            size += len(parts[-1]) * 4 / 3e6
            if size > LIMIT_MB:
                raise ValueError(
                    f"the volumes would take about {size * total / done:.0f} MB of the notebook, more "
                    f"than the {LIMIT_MB} MB allowed: crop them, take every n-th slice, or show fewer."
                )
        out.append(base64.b64encode(b"".join([*parts, deflate.flush()])).decode())
    return out
