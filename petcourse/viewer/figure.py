"""Figures with words for those who cannot see them."""

import base64
import html

import matplotlib.pyplot as plt
from IPython.display import HTML, display

from petcourse.viewer.still import as_png


def show(figure, alt, at=None):
    """Show a Matplotlib figure in the notebook, with its alt text, and close it.

    Jupyter shows a figure as a bare picture, and has no place for a text beside it; an HTML image has. How a figure is
    drawn is decided before: notebooks begin with ``plt.style.use("petcourse.viewer.petcourse")``, a style file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the figure shows, in a sentence, for a reader who hears it.
    at : IPython.display.DisplayHandle, optional
        The place of a figure that changes: it replaces what stands there. ``display(display_id=True)`` makes one.

    Raises
    ------
    ValueError
        If there is no text.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt is {alt!r}, but a sentence is wanted that says what the figure shows: write one.")
    png = as_png(figure, scale=2)  # two pixels of the file for each of the page's
    plt.close(figure)  # or the notebook shows it once more
    width, height = (int.from_bytes(png[k : k + 4], "big") // 2 for k in (16, 20))
    code = base64.b64encode(png).decode()
    size = f'width="{width}" height="{height}" style="max-width: 100%; height: auto"'
    page = HTML(f'<img alt="{html.escape(alt)}" {size} src="data:image/png;base64,{code}">')
    if at is None:
        display(page)
    else:
        at.update(page)
