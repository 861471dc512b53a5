"""The live viewer without a browser: what it refuses, what it keeps, what its still holds."""

import numpy as np
import pytest
from payload import data_of

from petcourse import volshow

VOLUME = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)


@pytest.mark.parametrize(
    ("panel", "volume", "message"),
    [
        ("PET", VOLUME, r"panel is 'PET', but one of \['a', 'b'\]"),
        (2, VOLUME, "panel is 2, but one of"),
        (True, VOLUME, "panel is True, but one of"),
        ("a", VOLUME[1:], r"has shape \(8, 12, 10\), but the panel shows \(9, 12, 10\)"),
        ("a", VOLUME + np.nan, "NaN or infinite"),
        ("a", VOLUME + 1j, "complex"),
    ],
)
def test_what_cannot_be_shown_is_refused(panel, volume, message):
    view = volshow({"a": VOLUME, "b": VOLUME}, live=True)
    for change in (view.append, view.replace):
        with pytest.raises(ValueError, match=message) as error:
            change(panel, volume)
        assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize("frame", [2, -3, "last", 0.0])
def test_a_frame_that_is_not_there_is_refused(frame):
    view = volshow({"a": np.stack([VOLUME] * 2)}, live=True)
    with pytest.raises(ValueError, match=f"frame is {frame!r}, but panel 'a' has 2 frames"):
        view.replace("a", VOLUME, frame=frame)
    view.replace("a", 2 * VOLUME, frame=0)
    np.testing.assert_array_equal(view._volumes[0], [2 * VOLUME, VOLUME])
    assert view._sent == [[1, 0]]


@pytest.mark.parametrize("window", [[], [[0, 1], [0, 1]], [[1, 0]], [[0, np.nan]], [[0, np.inf]], [[0]]])
def test_a_window_that_colours_nothing_is_refused(window):
    view = volshow(VOLUME, live=True)
    with pytest.raises(ValueError, match="window is"):
        view.window = window
    view.window = [[0, 0.5]]


def test_a_difference_that_would_not_follow_is_refused():
    with pytest.raises(ValueError, match="live viewer has no difference"):
        volshow({"a": VOLUME, "b": VOLUME}, difference=("a", "b"), live=True)


def test_one_too_large_to_be_stored_says_so(monkeypatch):
    monkeypatch.setattr("petcourse.viewer.page.LIMIT_MB", -1)
    bundle, _ = volshow(VOLUME, live=True)._repr_mimebundle_()
    assert bundle["text/html"].startswith("<p>Not stored, for the volumes would take about")


def test_the_still_has_all_frames_and_bounds():
    view = volshow({"a": VOLUME}, vmins=0, vmaxs=1, live=True)
    assert data_of(view.still())["panels"][0]["shape"] == [1, 9, 12, 10]
    view.append("a", 3 * VOLUME)
    assert view.frame == 1 and data_of(view.still())["panels"][0]["shape"] == [2, 9, 12, 10]
    assert view._bounds == [[False, True]]
    view.frame = 0
    view.append("a", VOLUME)
    assert view.frame == 0  # a reader who went back stays there
    bundle, _ = view._repr_mimebundle_()
    assert bundle["text/html"] == view.still()._repr_html_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_frame_that_is_computed_on_in_place_stays_as_it_was_shown():
    view, theta = volshow({"a": VOLUME}, live=True), VOLUME.copy()
    view.append("a", theta)
    theta[:] = 0
    np.testing.assert_array_equal(view._volumes[0][1], VOLUME)
