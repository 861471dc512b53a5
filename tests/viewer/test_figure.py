"""Figures carry their alt text into every page, and are drawn in one style."""

import re
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from payload import picture_of

from petcourse.viewer.figure import show


@pytest.fixture
def shown(monkeypatch):
    pages = []
    monkeypatch.setattr("petcourse.viewer.figure.display", pages.append)
    return pages


def test_a_figure_is_shown_once_with_its_words(shown):
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.plot([0, 1])
    show(figure, alt='A line that "rises" from 0 to 1 < 2')
    [page] = shown
    assert 'alt="A line that &quot;rises&quot; from 0 to 1 &lt; 2"' in page.data
    assert int(re.search(r'width="(\d+)"', page.data)[1]) == picture_of(page).shape[1] // 2
    assert np.ptp(picture_of(page)) == 1
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_words_are_wanted(shown, alt):
    with pytest.raises(ValueError, match="alt is .*sentence"):
        show(plt.figure(), alt=alt)
    assert not shown


def test_a_figure_that_changes_stays_in_its_place(shown):
    pages = []
    figure, axes = plt.subplots()
    for k in range(2):
        axes.plot([0, k])
        show(figure, alt=f"Line {k}", at=SimpleNamespace(update=pages.append))
    assert not shown
    assert [re.search('alt="(.*?)"', page.data)[1] for page in pages] == ["Line 0", "Line 1"]
    assert len({page.data.partition("base64,")[2] for page in pages}) == 2


def test_the_style_is_found_and_says_nothing_without_its_first_font(shown, caplog):
    with matplotlib.style.context("petcourse.viewer.petcourse"):
        figure, axes = plt.subplots()
        axes.set(title="µ and θ")
        image = axes.imshow([[0, 1]])
        show(figure, alt="Two pixels")
    assert image.get_cmap().name == "inferno" and not axes.spines["top"].get_visible()
    assert not caplog.records
