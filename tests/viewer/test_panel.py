"""What a panel keeps of a volume: its range, its 8 bits and their stated error, its difference from another."""

import base64

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from petcourse.viewer.panel import Panel, subtract, with_ranges

VOLUME = np.arange(5 * 4 * 3, dtype=np.float32).reshape(1, 5, 4, 3)


def panels(*volumes, cmap="Greys_r", **options):
    """Panels with their ranges, of volumes (frame, z, y, x)."""
    return with_ranges([Panel(f"volume {i}", v, f"v{i}", "", cmap, **options) for i, v in enumerate(volumes)])


def values(panel):
    """What the page shows, from the 8 bits and the range that it gets."""
    entries = panel.entries()
    return entries["vmin"] + panel.codes(panel.volume) / 255 * (entries["vmax"] - entries["vmin"])


def within_half_the_floats(volume):
    return np.abs(volume.astype(float)).max() <= np.finfo(float).max / 2


KINDS = st.sampled_from([np.float32, np.float64, np.int16, np.uint8, np.bool_])
REALS = arrays.arrays(KINDS, arrays.array_shapes(min_dims=4, max_dims=4, max_side=4)).filter(within_half_the_floats)


@settings(deadline=None)
@given(REALS)
def test_values_survive_to_the_stated_error(volume):
    [panel] = panels(volume)
    entries, want = panel.entries(), volume.astype(float)
    got = np.rint(values(panel)) if entries["exact"] else values(panel)
    bound = (
        0 if entries["exact"] else (entries["vmax"] - entries["vmin"]) / 510 * (1 + 1e-9) + 1e-12 * np.abs(want).max()
    )
    assert np.abs(got - want).max() <= bound <= entries["error"] * 1.06 + 1e-12 * np.abs(want).max()


@settings(deadline=None)
@given(st.lists(st.tuples(REALS, st.sampled_from(["kBq/mL", "1/cm", ""])), min_size=1, max_size=4))
def test_panels_of_one_unit_share_a_range(volumes):
    try:
        got = with_ranges([Panel("it", volume, "", unit, "Greys_r") for volume, unit in volumes])
    except ValueError as error:  # a constant at the very end of the floats
        assert "upper above the lower" in str(error)
        return
    for panel, (volume, unit) in zip(got, volumes, strict=True):
        alike = [k for k, (v, u) in enumerate(volumes) if v is volume or (u and u == unit)]
        lowest, highest = (end([float(end(volumes[k][0])) for k in alike]) for end in (np.min, np.max))
        assert panel.vmin == lowest and (panel.vmax == highest or panel.vmin == highest)
        assert panel.group == (alike[0] if unit else [p is panel for p in got].index(True))


def test_values_beyond_the_range_are_marked():
    [panel] = panels(VOLUME, vmin=10, vmax=20)
    entries = panel.entries()
    assert (entries["vmin"], entries["vmax"], entries["below"], entries["above"]) == (10, 20, True, True)
    np.testing.assert_allclose(values(panel), VOLUME.clip(10, 20), atol=10 / 510 + 1e-6)


def test_large_integers_are_not_called_exact():
    exact = [
        p.entries()["exact"] for p in panels(*(np.arange(8).reshape(1, 2, 2, 2) + far for far in (0, 2**40, 2**60)))
    ]
    assert exact == [True, True, False]


def test_the_least_floats_are_told_apart():
    [panel] = panels(VOLUME.astype(float) * 5e-324)
    np.testing.assert_array_equal(panel.codes(panel.volume), np.rint(VOLUME / 59 * 255))


@pytest.mark.parametrize("constant", [0, 7, -3.5, True])
@pytest.mark.parametrize("cmap", ["viridis", "RdBu_r"])
def test_a_constant_volume_keeps_its_value(constant, cmap):
    [panel] = panels(np.full((1, 2, 3, 3), constant), cmap=cmap)
    np.testing.assert_allclose(values(panel), constant, atol=0 if cmap == "viridis" else abs(constant) / 255)
    assert panel.vmax > panel.vmin


def test_views_of_any_order_keep_their_places():
    flipped = VOLUME.transpose(0, 3, 2, 1)[:, :, ::-1]
    [panel] = panels(flipped)
    coded = np.frombuffer(panel.codes(flipped).tobytes(), np.uint8).reshape(flipped.shape)
    np.testing.assert_array_equal(coded, np.rint(flipped / 59 * 255))


@pytest.mark.parametrize(
    ("cmap", "ends", "expected"),
    [
        ("RdBu_r", {}, (-59, 59)),
        ("seismic", {"vmin": -3}, (-3, 3)),
        ("coolwarm", {"vmax": 5}, (-5, 5)),
        ("RdBu", {"vmin": -1, "vmax": 9}, (-1, 9)),
        ("inferno", {"vmin": -1}, (-1, 59)),
    ],
)
def test_a_diverging_map_is_even_about_zero(cmap, ends, expected):
    [panel] = panels(VOLUME, cmap=cmap, **ends)
    assert (panel.vmin, panel.vmax) == expected


def test_colours_are_matplotlibs():
    table = base64.b64decode(panels(VOLUME, cmap="magma")[0].entries()["colours"])
    assert table == matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].tobytes()


def test_a_difference_changes_nothing_of_the_two():
    movie = np.concatenate([VOLUME, VOLUME + 1])
    first = Panel("volume 0", movie, "a", "mm", "magma", contour=np.ones((5, 4, 3), np.uint8), bar=False)
    two = [first, Panel("volume 1", VOLUME, "", "mm", "magma")]
    got = subtract(("a", 1), two)
    np.testing.assert_array_equal(got.volume, movie - VOLUME)
    assert (got.title, got.unit, got.bar, got.contour is first.contour) == ("a − volume 1", "mm", True, True)
    assert [p.vmin for p in two] == [None, None] and with_ranges([*two, got])[2].vmin == -1
    cut = subtract((0, 1), panels(movie, VOLUME, vmin=0, vmax=0.25))  # what is cut in the two is cut here as well
    assert [(p.vmin, p.vmax) for p in with_ranges([cut])] == [(-0.25, 0.25)]
    assert subtract((0, 1), panels(VOLUME > 3, VOLUME > 1)).volume.min() == -1  # booleans are subtracted as numbers
