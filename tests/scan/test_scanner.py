"""The mMR's published numbers, and each table against loops that spell it out."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from reference import ring, scanners

from petcourse import Scanner

MMR = Scanner.mmr()
R = 334.7  # effective radius [mm]


def test_sizes():
    assert MMR.image_shape == (127, 344, 344)
    assert MMR.sinogram_shape == (837, 252, 344)
    assert MMR.slots == 504
    assert MMR.live().sum() == 68516
    assert MMR.multiplicity().sum() == 4084


def test_voxel():
    assert MMR.voxel == (4.0625 / 2, 2.08626, 2.08626)
    assert R * np.sin(np.pi / 504) == pytest.approx(MMR.column_width, abs=2e-5)


def test_axes():
    z, y, x = MMR.axes()
    assert z[63] == 0
    np.testing.assert_allclose(z[::2], (np.arange(64) - 31.5) * 4.0625)  # ring r lies on plane 2 r
    assert x[0] == -x[-1] == pytest.approx(-171.5 * 2.08626)
    np.testing.assert_array_equal(y, -x)  # rows grow towards -y


def test_crystals():
    """Each crystal's place from its block's centre and tangent."""
    crystals = MMR.crystals()
    for block in range(56):
        phi = np.pi / 2 - 0.1122 / 2 - 0.001 - 0.1122 * block
        centre, tangent = R * np.array([np.cos(phi), np.sin(phi)]), np.array([-np.sin(phi), np.cos(phi)])
        for n in range(1, 9):
            place = centre + (32.09 / 2 - (n - 0.5) * 32.09 / 8) * tangent
            np.testing.assert_allclose(crystals[9 * block + n - 1], place, atol=1e-10)


def test_crystals_run_clockwise_from_the_top():
    x, y = MMR.crystals()[0]
    assert abs(x) < 6
    assert y > 0
    turn = np.diff(np.unwrap(np.arctan2(*MMR.crystals().T[::-1])))
    assert (turn < 0).all()
    assert turn.sum() > -2 * np.pi


def test_bin_crystals():
    c0, c1 = MMR.bin_crystals()
    for a in range(0, 252, 7):
        for w in range(344):
            t = w - 172
            assert c0[a, w] == (a + 251 - -(-t // 2)) % 504
            assert c1[a, w] == (a - 1 + t // 2) % 504
            assert (c1[a, w] - c0[a, w]) % 504 == 80 + w
    pairs = {frozenset(pair) for pair in zip(c0.ravel().tolist(), c1.ravel().tolist(), strict=True)}
    assert len(pairs) == 86688


def test_first_angle_is_vertical():
    """At angle 0 the middle bin joins crystals 251 and 503, and bins grow with +x."""
    c0, c1 = MMR.bin_crystals()
    assert (c0[0, 172], c1[0, 172]) == (251, 503)
    ends = MMR.crystals()[[251, 502]]  # 503 is a gap; its neighbour is a crystal
    assert abs(ends[0, 0] - ends[1, 0]) < 0.02 * abs(ends[0, 1] - ends[1, 1])
    middle = MMR.crystals()[np.stack([c0[0], c1[0]])].mean(axis=0)
    # Every other bin is half a crystal nearer to one end, so x is compared at two bins' distance.
    assert (middle[2:, 0] > middle[:-2, 0]).all()


def test_dead_bins():
    """A bin is dead when (a + floor(t/2)) mod 9 = 0 or (a - ceil(t/2)) mod 9 = 0."""
    live = MMR.live()
    for a in range(252):
        for w in range(344):
            t = w - 172
            assert live[a, w] == ((a + t // 2) % 9 != 0 and (a - -(-t // 2)) % 9 != 0)
    np.testing.assert_array_equal(live[9:], live[:-9])
    np.testing.assert_array_equal(live[:, 18:], live[:, :-18])


def test_segments():
    table = [(s.lowest, s.highest, s.planes, s.first, s.offset, s.mean) for s in MMR.segments()]
    assert table == [
        (-5, 5, 127, 0, 0, 0),
        (-16, -6, 115, 127, 6, -11),
        (6, 16, 115, 242, 6, 11),
        (-27, -17, 93, 357, 17, -22),
        (17, 27, 93, 450, 17, 22),
        (-38, -28, 71, 543, 28, -33),
        (28, 38, 71, 614, 28, 33),
        (-49, -39, 49, 685, 39, -44),
        (39, 49, 49, 734, 39, 44),
        (-60, -50, 27, 783, 50, -55),
        (50, 60, 27, 810, 50, 55),
    ]


def test_multiplicity():
    n = MMR.multiplicity()
    pairs = [n[s.first : s.first + s.planes] for s in MMR.segments()]
    assert [p.sum() for p in pairs] == [674, *np.repeat([583, 462, 341, 220, 99], 2)]
    assert pairs[0][:10].tolist() == [1, 2, 3, 4, 5, 6, 5, 6, 5, 6]
    for oblique in pairs[1:]:
        assert oblique[:14].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 5, 6, 5]
    for segment in pairs:
        np.testing.assert_array_equal(segment, segment[::-1])


def test_hr_plus():
    """Published numbers: 18 432 crystals, 239 planes, 63 image planes; and no dead bin, for its blocks touch."""
    scanner = Scanner.hr_plus()
    assert scanner.rings * scanner.slots == 18432
    assert scanner.sinogram_shape == (239, 288, 288)
    assert scanner.image_shape[0] == 63 and scanner.voxel[0] == pytest.approx(2.425)
    assert scanner.live().all()
    assert 419 * np.sin(np.pi / 576) == pytest.approx(2.25, rel=0.02)  # distance of bins at the centre
    neighbours = np.linalg.norm(np.diff(scanner.crystals(), axis=0), axis=1)
    assert np.ptp(neighbours) < 0.8 and neighbours.min() == pytest.approx(4.5)  # gaps between blocks as thin as that
    assert Scanner.hr_plus(12).max_ring_difference == 11
    with pytest.raises(ValueError, match="HR. has 32 rings and 33"):
        Scanner.hr_plus(33)


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_gaps(gap):
    """A bin is dead if one of its crystals stands behind a block's last."""
    scanner = ring(10, 3, gap=gap, rings=1, max_ring_difference=0, bins=20)
    (c0, c1), slots = scanner.bin_crystals(), 3 + gap
    for place in np.ndindex(c0.shape):
        assert scanner.live()[place] == (c0[place] % slots < 3 and c1[place] % slots < 3)
    assert scanner.slots == 10 * slots


@settings(max_examples=50, deadline=None)
@given(scanners())
def test_every_ring_pair_has_its_plane(scanner):
    """Loops over rings find each pair's segment, its plane, and how many pairs a plane has."""
    count = np.zeros(scanner.sinogram_shape[0], int)
    for r0 in range(scanner.rings):
        for r1 in range(scanner.rings):
            if abs(r0 - r1) > scanner.max_ring_difference:
                continue
            (s,) = [s for s in scanner.segments() if s.lowest <= r0 - r1 <= s.highest]
            plane = r0 + r1 - s.offset
            assert 0 <= plane < s.planes
            count[s.first + plane] += 1
    np.testing.assert_array_equal(scanner.multiplicity(), count)


def test_ends_of_a_planes_ray():
    """Without compression they are the heights of its two rings; with it, those of the mean ring difference."""
    scanner = ring(span=1, rings=5, max_ring_difference=4)
    z = (np.arange(5) - 2) * scanner.ring_pitch
    ends = np.hstack([s.ends(5, scanner.ring_pitch) for s in scanner.segments()])
    for r0, r1, plane in zip(*scanner.ring_pairs(), strict=True):
        np.testing.assert_allclose(ends[:, plane], [z[r0], z[r1]])
    ends = MMR.segments()[1].ends(64, MMR.ring_pitch)
    np.testing.assert_allclose(ends[0] - ends[1], -11 * MMR.ring_pitch)


@settings(max_examples=50, deadline=None)
@given(scanners())
def test_each_crystal_pair_once(scanner):
    c0, c1 = scanner.bin_crystals()
    assert len({frozenset(p) for p in zip(c0.ravel(), c1.ravel(), strict=True)}) == c0.size
    assert len(np.unique((c1 - c0) % scanner.slots, axis=0)) == 1


@pytest.mark.parametrize(
    ("rings", "largest"), [(64, 60), (61, 60), (60, 49), (50, 49), (17, 16), (6, 5), (3, 2), (1, 0)]
)
def test_shorter_mmr(rings, largest):
    """Only whole segments of the mMR are kept."""
    short = Scanner.mmr(rings)
    assert (short.rings, short.max_ring_difference) == (rings, largest)
    assert (short.slots, short.bins, short.voxel) == (504, 344, MMR.voxel)
    if rings >= 6:
        full = [(s.lowest, s.highest) for s in MMR.segments()]
        assert [(s.lowest, s.highest) for s in short.segments()] == full[: len(short.segments())]
        assert (short.multiplicity() > 0).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rings": 0}, "rings is 0.*above 0"),
        ({"columns": 10.5}, "columns is 10.5.*whole"),
        ({"ring_pitch": -1}, "ring_pitch is -1.*above 0"),
        ({"radius": np.inf}, "radius is inf.*finite"),
        ({"block_angle": np.nan}, "block_angle is nan.*finite"),
        ({"bins": 343}, "343 bins with 504.*even"),
        ({"bins": 504}, "504 bins.*at most 502"),
        ({"blocks": 55}, "495 crystal slots.*even.*blocks"),
        ({"span": 4}, "span is 4.*odd.*11"),
        ({"span": -1}, "span is -1.*odd"),
        ({"max_ring_difference": 64}, "max_ring_difference is 64 with 64 rings.*0 to 63"),
        ({"gap": -1}, "gap is -1.*from 0"),
        ({"gap": 0.5}, "gap is 0.5.*whole"),
        (
            {"block_crystals": 1, "gap": 7, "blocks": 57, "bins": 2},
            "each of the 2 bins ends in a gap of 7 slots.*smaller gap",
        ),
        ({"max_ring_difference": -1}, "max_ring_difference is -1.*0 to 63"),
    ],
)
def test_impossible_scanner(given, message):
    with pytest.raises(ValueError, match=message):
        Scanner(**given)


@pytest.mark.parametrize("rings", [0, 65, 2.5, "8", None])
def test_impossible_mmr(rings):
    with pytest.raises(ValueError, match=f"{rings!r} were asked for.*1 to 64"):
        Scanner.mmr(rings)


def test_numpy_numbers_are_stored_as_plain_ones():
    assert Scanner.mmr(np.int64(6)) == Scanner.mmr(6)
    scanner = Scanner(rings=np.int64(61), ring_pitch=np.float32(4), columns=np.uint8(9), radius=300, first_angle=0)
    assert {type(value) for value in asdict(scanner).values()} == {int, float}
    assert json.loads(json.dumps(asdict(scanner))) == asdict(scanner)
