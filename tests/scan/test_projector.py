"""X and A: against a plain ray tracer, against their own transposes, analytic integrals and the exact model."""

import copy
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pylops
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import ODD, ONE_RING, SMALL, difference, random

import petcourse
from petcourse import PSF, Attenuation, Projector, Scanner, load_subject

MMR4 = Scanner.mmr(rings=4)


def asymmetry(operator, seed=0):
    """The dot test in float64: how far <P u, v> is from <u, P.T v>, relative to |P u| |v|."""
    rng = np.random.default_rng(seed)
    u, v = (rng.standard_normal(shape).astype(np.float32) for shape in (operator.dims, operator.dimsd))
    Pu, PTv = (operator @ u).astype(float), (operator.T @ v).astype(float)
    return abs((Pu * v).sum() - (u * PTv).sum()) / (np.linalg.norm(Pu) * np.linalg.norm(v))


# Against the tracer


@pytest.mark.parametrize("scanner", [SMALL, ODD, ONE_RING])
@pytest.mark.parametrize("part", [1, 0.6])
def test_equals_tracer(scanner, part):
    radius = part * scanner.fov_radius
    X, matrix = Projector(scanner, radius), reference.matrix(scanner, radius)
    theta, m = random(X.dims), random(X.dimsd)
    assert difference(X @ theta, (matrix @ theta.ravel()).reshape(X.dimsd)) < 1e-5
    assert difference(X.T @ m, (matrix.T @ m.ravel()).reshape(X.dims)) < 1e-5


@settings(max_examples=80, deadline=None)
@given(reference.scanners(), st.integers(0, 2**32))
def test_properties(scanner, seed):
    """On any scanner: the tracer's values, the exact transpose, linear, not negative, zero in gaps, same on 2 threads."""
    X, matrix = Projector(scanner, threads=1), reference.matrix(scanner, scanner.fov_radius)
    theta, m = random(X.dims, seed), random(X.dimsd, seed)
    projection, image = X @ theta, X.T @ m
    assert np.allclose(projection.ravel(), matrix @ theta.ravel(), rtol=1e-5, atol=1e-5 * projection.max())
    assert np.allclose(image.ravel(), matrix.T @ m.ravel(), rtol=1e-5, atol=1e-5 * image.max())
    assert projection.min() >= 0
    assert image.min() >= 0
    assert not projection[:, ~scanner.live()].any()
    assert np.isclose(np.vdot(projection.astype(float), m), np.vdot(theta, image.astype(float)), rtol=1e-6)
    assert np.allclose(X @ (3 * theta - 1), 3 * projection - X @ np.ones_like(theta), atol=1e-5 * projection.max())
    twice = Projector(scanner, threads=2)
    np.testing.assert_array_equal(twice @ theta, projection)
    np.testing.assert_array_equal(twice.T @ m, image)


@settings(max_examples=300, deadline=None)
@given(reference.scanners())
def test_rays_stay_in_memory(scanner):
    """Compiled loops do not check indices, so every ray's voxels and planes must lie in the padded image."""
    assert_in_memory(Projector(scanner))


@pytest.mark.parametrize("ring", range(3, 9))
def test_rays_stay_in_memory_at_the_rim(ring):
    """Radii just below that of a voxel at the rim, where a ray passes farthest outside the last voxel seen."""
    radius = 3 * (np.hypot(ring + 0.5, 0.5) - 1e-6)
    for turn in np.linspace(0.01, 0.8, 20):
        assert_in_memory(Projector(reference.ring(8, 4, first_angle=turn, bins=28, fov_radius=radius)))


def test_rays_end_at_their_crystals():
    """Short rays between neighbouring blocks and voxels that nearly reach them: going on would leave the planes."""
    coarse = {"columns": 10, "column_width": 8.0, "fov_radius": 39.9, "bins": 38}
    assert_in_memory(Projector(reference.ring(8, 4, rings=9, max_ring_difference=8, span=1, **coarse)))


def assert_in_memory(X):
    rays = X.engine.rays
    lines = rays.lines[rays.lines["first"] < rays.lines["last"]]
    assert lines["first"].min(initial=0) >= 0
    assert lines["last"].max(initial=0) <= rays.side
    for row in ("first", "last"):
        i = lines[row] - (row == "last")
        column = lines["column"] + i * lines["column_step"]
        assert column.min(initial=0) > -1  # which int() rounds to 0
        assert column.max(initial=0) < rays.side - 1
        t = lines["t"] + i * lines["t_step"]
        for s in rays.segments:
            z = s["base"] + s["slope"] * (0.5 - t)
            assert z.min(initial=0) > -1
            assert z.max(initial=0) + 1 + s["lanes"] <= rays.depth


@pytest.mark.parametrize("radius", [None, pytest.param(290, marks=pytest.mark.slow)])
def test_full_scanner_equals_tracer(radius):
    """Bins of the full mMR, drawn at random, in all 837 planes: forward of all voxels, and back from these bins."""
    scanner, rng = Scanner.mmr(), np.random.default_rng(1)
    X = Projector(scanner, radius)
    drawn = rng.permutation(np.argwhere(scanner.live()))[:60]
    theta, found = random(X.dims), np.zeros((60, 837))
    projection = X @ theta
    for row, (angle, bin_) in zip(found, drawn, strict=True):
        row[:] = reference.planes(theta, scanner, X.radius, angle, bin_)
    assert difference(projection[:, *drawn.T].T, found) < 1e-5
    assert not projection[:, ~scanner.live()].any()
    # Every live bin sees the image
    assert radius or projection[63, scanner.live()].min() > 0

    m, wanted = np.zeros(X.dimsd, np.float32), np.zeros(X.dims)
    m[:, *drawn.T] = random((837, 60))
    z0, z1 = reference.heights(scanner)
    for angle, bin_ in drawn[:60]:
        values = m[:, angle, bin_] * scanner.multiplicity()
        for k, row, col, weight in reference.walk(scanner, X.radius, angle, bin_, z0, z1):
            wanted[:, row, col] += np.bincount(k, weight * values, len(wanted))
    assert difference(X.T @ m, wanted) < 1e-5


# The transpose


@pytest.mark.parametrize("scanner", [SMALL, ODD, ONE_RING, MMR4])
@pytest.mark.parametrize("part", [1, 0.5])
def test_transpose(scanner, part):
    X = Projector(scanner, part * scanner.fov_radius)
    A = Attenuation(random(X.dimsd, 2))
    H = PSF(scanner, 4.5)
    for operator in (X, A, H, A @ X, A @ X @ H, X.T, (A @ X @ H).T):
        assert asymmetry(operator) < 1e-6


@pytest.mark.slow
def test_transpose_at_full_size():
    assert asymmetry(Projector(Scanner.mmr())) < 1e-6


def test_pylops_dot_test():
    """PyLops' own test. Its vectors have both signs, so what is compared may be nearly zero: hence ``atol``."""
    np.random.seed(0)  # dottest draws from here
    X = Projector(SMALL)
    for operator in (X, Attenuation(random(X.dimsd)) @ X @ PSF(SMALL, 4.5)):
        size = np.linalg.norm(operator @ random(operator.dims)) * np.sqrt(operator.shape[0])
        assert pylops.utils.dottest(operator, rtol=1e-6, atol=1e-6 * size)


def test_pylops_solver():
    """An ordinary PyLops operator: its least-squares solver finds the projected image."""
    X = Projector(ONE_RING)
    m = (X @ random(X.dims)).ravel()
    found = pylops.optimization.basic.cgls(X, m, np.zeros(X.shape[1], np.float32), niter=50)[0]
    assert np.linalg.norm((X @ found).ravel() - m) < 1e-2 * np.linalg.norm(m)


def test_composition():
    X, H = Projector(SMALL, threads=1), PSF(SMALL, 4.5)
    A = Attenuation(random(X.dimsd, 2))
    theta, m = random(X.dims), random(X.dimsd)
    assert difference((A @ X) @ theta, A.factors * (X @ theta)) < 1e-6
    assert difference((A @ X).T @ m, X.T @ (A.factors * m)) < 1e-6
    one, other = A @ X @ H, A @ (X @ H)
    assert difference(one @ theta, A.factors * (X @ (H @ theta))) < 1e-6
    assert difference(one @ theta, other @ theta) < 1e-6
    assert difference(one.T @ m, other.T @ m) < 1e-6
    B = Attenuation(random(X.dimsd, 3))
    assert difference(B @ (A @ X) @ theta, B.factors * A.factors * (X @ theta)) < 1e-6
    np.testing.assert_array_equal(one.T.T @ theta, one @ theta)
    assert (one.dims, one.dimsd) == (one.T.dimsd, one.T.dims) == (SMALL.image_shape, SMALL.sinogram_shape)


def test_attenuation_in_projector_is_the_same_object_in_memory():
    """A @ X multiplies on the way, without a second sinogram of factors."""
    A = Attenuation(random(SMALL.sinogram_shape))
    both = A @ Projector(SMALL)
    assert type(both).__name__ == "WeightedProjector"
    assert both.factors is A.factors


def applied(operator, x):
    return operator @ x


def test_operators_go_to_other_processes_and_can_be_copied():
    X = Projector(SMALL, 20, threads=1)
    A, H = Attenuation(random(X.dimsd, 2)), PSF(SMALL, 4.5)
    operators = [X, A, H, A @ X, A @ X @ H, X.T, (A @ X @ H).T]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for operator in operators:
            x = random(operator.dims)
            wanted = operator @ x
            np.testing.assert_array_equal(copy.deepcopy(operator) @ x, wanted)
            np.testing.assert_array_equal(pool.submit(applied, operator, x).result(), wanted)


# Some of the angles, part of the image


@settings(max_examples=20, deadline=None)
@given(reference.scanners(), st.integers(0, 2**32))
def test_a_subset_is_the_projector_at_its_angles(scanner, seed):
    X, H = Projector(scanner), PSF(scanner, 4.5)
    theta, m = random(X.dims, seed), random(X.dimsd, seed)
    of = min(n for n in range(2, X.dimsd[1] + 1) if X.dimsd[1] % n == 0)
    for P in (X, Attenuation(random(X.dimsd, 2)) @ X @ H, Attenuation(random(X.dimsd, 2)) @ (X @ H)):
        projection, back = P @ theta, 0
        for k in range(of):
            some = P.subset(k, of)
            np.testing.assert_array_equal(some @ theta, projection[:, k::of])
            back = back + (some.T @ m[:, k::of]).astype(float)
        wanted = P.T @ m
        np.testing.assert_allclose(back, wanted, rtol=1e-5, atol=1e-5 * wanted.max())


@settings(max_examples=20, deadline=None)
@given(reference.scanners(), st.floats(0.3, 1), st.integers(0, 2**32))
def test_inside_its_box_an_operator_is_the_same_bit_for_bit(scanner, part, seed):
    X = Projector(scanner, max(part * scanner.fov_radius, scanner.column_width))
    P = Attenuation(random(X.dimsd, 2)) @ X @ PSF(scanner, 4.5)
    cut = P.inside_box(P.box)
    theta, m = random(X.dims, seed), random(X.dimsd, seed)
    np.testing.assert_array_equal(cut @ theta[:, P.box, P.box], P @ theta)
    back = np.zeros(X.dims, np.float32)
    back[:, P.box, P.box] = cut.T @ m
    np.testing.assert_array_equal(back, P.T @ m)


@pytest.mark.parametrize(("k", "of"), [(0, 5), (14, 14), (-1, 14)])
def test_impossible_subset(k, of):
    with pytest.raises(ValueError, match=f"subset {k} of {of} .* 252 angles: take a number that divides"):
        Projector(MMR4).subset(k, of)


# Known integrals


@pytest.mark.parametrize("size", [50.0, 100.0, 150.0, 250.0])
def test_chord_lengths_through_a_cylinder(size):
    """A uniform cylinder about the axis: every bin holds multiplicity times chord over the cosine of its obliqueness.

    An image of voxels knows the rim to a part of a voxel only, and a chord has two ends there: together they may be off by
    half a voxel. Over many chords that cancels. (Rays that leave the image at its ends are left out.)
    """
    scanner = Scanner.mmr(rings=20)
    _, y, x = scanner.axes()
    rim = np.clip((size - np.hypot(y[:, None], x)) / scanner.column_width + 0.5, 0, 1)  # the part of a voxel inside
    projection = Projector(scanner) @ np.broadcast_to(rim, scanner.image_shape).astype(np.float32)
    p, q = (scanner.crystals()[c] for c in scanner.bin_crystals())
    length = np.hypot(*(q - p).transpose(2, 0, 1))
    distance = abs(p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]) / length
    bins = scanner.live() & (distance < 0.9 * size)  # beyond, a chord runs along the rim
    chord = 2 * np.sqrt(size**2 - distance[bins] ** 2)
    z0, z1 = reference.heights(scanner)
    # How far from the scanner's middle a ray leaves the cylinder
    ends = abs(z0 + z1) / 2 + abs(z0 - z1) / 2 * size / scanner.radius
    for s in scanner.segments():
        planes = s.first + np.flatnonzero(ends[s.first :][: s.planes] <= scanner.axes()[0].max())
        assert len(planes) > s.planes / 2
        oblique = np.hypot(1, s.mean * scanner.ring_pitch / length[bins])  # 1 / cos
        lengths = projection[planes][:, bins] / scanner.multiplicity()[planes, None] / oblique
        error = (lengths - chord) / scanner.column_width
        assert abs(error).max() < 0.5
        assert abs(error.mean()) < 0.02


def test_smaller_radius_is_a_mask():
    X = Projector(SMALL, 15)
    _, y, x = SMALL.axes()
    theta, mask = random(X.dims), np.hypot(y[:, None], x) <= 15
    assert difference(X @ theta, Projector(SMALL) @ (theta * mask)) < 1e-6
    m = random(X.dimsd)
    assert difference(X.T @ m, mask * (Projector(SMALL).T @ m)) < 1e-6


@pytest.mark.slow
def test_sums_through_voxels():
    """Lengths of all LORs inside a voxel: exact ones against NiftyPET's (NIPET), the projector's against the exact.

    Joseph's method shares a LOR's length between neighbours, and single voxels lie between few LORs and their gaps; so
    the projector is compared in boxes of voxels, and the scanner in single ones.
    """
    scanner = Scanner.mmr()
    sums = Projector(scanner).T @ np.ones(scanner.sinogram_shape, np.float32)
    _, y, x = scanner.axes()
    off = abs(y - 40).argmin(), abs(x - 80).argmin() - 1
    for nipet, k, (row, col), planes in ((30490, 63, (171, 171), 2), (13710, 30, off, 2), (500, 0, (171, 171), 0)):
        exact = reference.lengths_in_box(scanner, [k], [row], [col])
        assert exact == pytest.approx(nipet, rel=0.03)
        ks, rows, cols = range(k - planes, k + planes + 1), range(row - 10, row + 12), range(col - 10, col + 12)
        exact, found = reference.lengths_in_box(scanner, ks, rows, cols), sums[np.ix_(ks, rows, cols)].mean()
        print(f"plane {k}: projector {found:.0f} mm, exact {exact:.0f} mm")
        assert found == pytest.approx(exact, rel=0.01)


def test_mean_angle_error():
    """What one ray per plane leaves out, on a head: 0.45 % against the exact sum over each plane's ring pairs."""
    scanner, rng = Scanner.mmr(), np.random.default_rng(0)
    pet = PSF(scanner, 4.5) @ load_subject("embedded", scanner, lesions=False).pet
    projection = Projector(scanner, 150) @ pet
    drawn = rng.permutation(np.argwhere(scanner.live()))[:120]
    exact = np.array([reference.ring_pair_sums(pet, scanner, 150, *bin_) for bin_ in drawn])
    error = projection[:, *drawn.T].T - exact
    found = np.linalg.norm(error) / np.linalg.norm(exact)
    print(f"mean-angle model against all ring pairs: {found:.2%}")
    assert 0.003 < found < 0.0065
    for s in scanner.segments():
        planes = slice(s.first, s.first + s.planes)
        assert 0.002 < np.linalg.norm(error[:, planes]) / np.linalg.norm(exact[:, planes]) < 0.008


# Layouts, bad input, faults


def test_layout_does_not_matter():
    X = Projector(SMALL)
    theta, m = random(X.dims), random(X.dimsd)
    A = Attenuation(np.asfortranarray(random(X.dimsd, 2)))
    for view in (np.asfortranarray(theta), theta[::-1][::-1], np.stack([theta, theta], -1)[..., 0], theta.ravel()):
        np.testing.assert_array_equal((X @ view).reshape(X.dimsd), X @ theta)
    for view in (np.asfortranarray(m), m[:, ::-1][:, ::-1], np.stack([m, m], -1)[..., 0], m.ravel()):
        np.testing.assert_array_equal((X.T @ view).reshape(X.dims), X.T @ m)
    np.testing.assert_array_equal(A @ X @ theta, Attenuation(np.ascontiguousarray(A.factors)) @ X @ theta)
    np.testing.assert_array_equal((A @ X).T @ m, (Attenuation(np.ascontiguousarray(A.factors)) @ X).T @ m)


def test_input_stays_as_it_was():
    factors = random(SMALL.sinogram_shape, 2)
    X = Attenuation(factors) @ Projector(SMALL, 15)
    theta, m = random(X.dims), random(X.dimsd)
    theta.flags.writeable = m.flags.writeable = factors.flags.writeable = False
    assert (X @ theta).flags.writeable
    assert (X.T @ m).flags.writeable


def spoilt(shape, value):
    array = random(shape)
    array.flat[7] = value
    return array


@pytest.mark.parametrize("transposed", [False, True])
def test_bad_arrays(transposed):
    P = Attenuation(random(SMALL.sinogram_shape)) @ Projector(SMALL) @ PSF(SMALL, 4.5)
    if transposed:
        P = P.T
    with pytest.raises(ValueError, match=r"shape \(3, 4, 5\) and works on \((9|19), .*axes \(z, y, x\)"):
        P @ random((3, 4, 5))
    with pytest.raises(ValueError, match=r"shape \(127, 344, 344\) and works on"):
        P @ np.broadcast_to(np.float32(1), (127, 344, 344))
    with pytest.raises(TypeError, match=r"float64 and works on float32: pass x.astype"):
        P @ np.ones(P.dims)
    with pytest.raises(TypeError, match="uint8 and works on float32"):
        P @ np.ones(P.dims, np.uint8)
    with pytest.raises(ValueError, match="1 values that are NaN or infinite.*dead bins"):
        P @ spoilt(P.dims, np.nan)
    with pytest.raises(ValueError, match="1 values that are NaN or infinite"):
        P @ spoilt(P.dims, -np.inf)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"radius": 30.1}, "radius 30.1 mm does not fit.*allow 3 to 30.0 mm"),
        ({"radius": 2.9}, "radius 2.9 mm does not fit"),
        ({"radius": -10}, "radius -10 mm does not fit"),
        ({"radius": np.nan}, "radius nan mm does not fit"),
        ({"threads": 0}, "threads is 0 and a whole number from 1 is wanted: leave it out"),
        ({"threads": np.nan}, "threads is nan and a whole number"),
        ({"threads": "two"}, "threads is 'two' and a whole number"),
    ],
)
def test_impossible_projector(given, message):
    with pytest.raises(ValueError, match=message):
        Projector(SMALL, **given)


def test_field_of_view_that_does_not_fit():
    with pytest.raises(ValueError, match="radius 28 mm does not fit this scanner.*allow 3 to 24.0 mm"):
        Projector(reference.ring(columns=16))
    with pytest.raises(ValueError, match="radius 45 mm does not fit this scanner.*allow 3 to 40"):
        Projector(reference.ring(columns=40), 45)


def test_operators_of_two_scanners():
    A, X = Attenuation(random(ODD.sinogram_shape)), Projector(SMALL)
    with pytest.raises(ValueError, match="the attenuation A works on.*the projector X gives.*one scanner"):
        A @ X
    with pytest.raises(ValueError, match="the projector X works on.*the PSF H gives.*one scanner"):
        X @ PSF(ODD, 4.5)


@pytest.mark.parametrize(("value", "message"), [(1.5, "from 0.* to 1.5 were"), (-0.5, "from -0.5 to"), (np.nan, "nan")])
def test_impossible_attenuation(value, message):
    with pytest.raises(ValueError, match=f"{message}.*lie in 0 to 1: use np.exp"):
        Attenuation(spoilt(SMALL.sinogram_shape, value))


def test_attenuation_of_wrong_type():
    with pytest.raises(TypeError, match="float64 and float32 is wanted: use .astype"):
        Attenuation(np.ones(SMALL.sinogram_shape))


def test_too_little_memory(monkeypatch):
    """Refused before anything is allocated, with the amounts."""
    X = Projector(MMR4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=2**30, available=2 * 2**20))
    with pytest.raises(MemoryError, match=r"a forward projection needs \d+ MiB and 2 MiB are free: close.*shorter"):
        X @ random(X.dims)
    with pytest.raises(MemoryError, match=r"a back projection needs \d+ MiB and 2 MiB are free: close.*shorter"):
        X.T @ random(X.dimsd)


def run_without_a_cache_on_disk(package, env, before=""):
    code = before + (
        "import warnings, numpy as np\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    import petcourse.scan.joseph\n"
        "print(petcourse.scan.joseph.__file__, *(str(w.message) for w in caught), sep='\\n')\n"
        "from petcourse import Projector, Scanner\n"
        "X = Projector(Scanner.mmr(rings=1), 10)\n"
        "assert (X @ np.ones(X.dims, np.float32)).max() > 19\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=package, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    where, *said = run.stdout.splitlines()
    assert where.startswith(str(package))
    assert len(said) == 1, run.stdout
    assert re.search(
        "could not be kept on disk.*set NUMBA_CACHE_DIR to a folder that can be written and has room", said[0]
    )


def test_nowhere_to_keep_compiled_code(tmp_path):
    """No folder that can be written: files stand where all three folders would be made. One sentence, and it works."""
    shutil.copytree(
        Path(petcourse.__file__).parent, tmp_path / "petcourse", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("petcourse/scan/__pycache__", "file"):
        (tmp_path / name).write_text("")
    below = str(tmp_path / "file" / "cache")
    run_without_a_cache_on_disk(tmp_path, {"NUMBA_CACHE_DIR": below, "XDG_CACHE_HOME": below, "HOME": below})


@pytest.mark.slow
def test_full_disk_for_compiled_code(tmp_path):
    full = (
        "import errno, numba.core.caching as caching\n"
        "def full(*_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "caching.IndexDataCacheFile._save_data = full\n"
    )
    run_without_a_cache_on_disk(Path(petcourse.__file__).parents[1], {"NUMBA_CACHE_DIR": str(tmp_path)}, full)
