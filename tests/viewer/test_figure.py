"""Figures carry their alt text into every page."""

import base64
import io
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from petcourse.viewer.figure import show


@pytest.fixture
def shown(monkeypatch):
    pages = []
    monkeypatch.setattr("petcourse.viewer.figure.display", lambda page: pages.append(page.data))
    return pages


def test_a_figure_is_shown_once_with_its_words(shown):
    figure, axes = plt.subplots(figsize=(4, 2), layout="constrained")
    axes.plot([0, 1])
    show(figure, alt='A line that "rises" from 0 to 1 < 2')
    [page] = shown
    assert 'alt="A line that &quot;rises&quot; from 0 to 1 &lt; 2"' in page
    picture = plt.imread(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])))
    assert int(re.search(r'width="(\d+)"', page)[1]) == picture.shape[1] // 2
    assert np.ptp(picture[..., :3]) == 1
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_words_are_wanted(shown, alt):
    with pytest.raises(ValueError, match="a sentence is wanted"):
        show(plt.figure(), alt=alt)
    assert not shown


def test_a_figure_that_changes_stays_in_its_place(shown):
    pages = []
    place = SimpleNamespace(update=lambda page: pages.append(page.data))
    figure, axes = plt.subplots()
    for k in range(2):
        axes.plot([0, k])
        show(figure, alt=f"Line {k}", at=place)
    assert not shown
    assert [re.search('alt="(.*?)"', page)[1] for page in pages] == ["Line 0", "Line 1"]
    assert len({page.partition("base64,")[2] for page in pages}) == 2
