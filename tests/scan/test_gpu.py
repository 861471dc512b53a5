"""The projector's GPU kernels against the CPU's: as loops on this machine's CPU, and on a GPU where there is one."""

import copy
import importlib.util
import pickle
import re
import subprocess
import sys
import tracemalloc
from collections import deque
from ctypes.util import find_library
from pathlib import Path
from types import SimpleNamespace

import fake_cupy
import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import ODD, ONE_RING, SMALL, difference, random

from petcourse import PSF, Attenuation, Projector, Scanner, attenuation_factors, measure, mlem, reconstruct, simulate
from petcourse.data.subject import Subject
from petcourse.hardware.device import as_numpy, free_bytes
from petcourse.hardware.gpu import gpu_trouble
from petcourse.learning import cut, make_case
from petcourse.reconstruction import ratio
from petcourse.scan import kernels as launching

SCANNERS = {
    "1 ring": ONE_RING,
    "3 rings": reference.ring(rings=3, max_ring_difference=2, span=1),
    "6 rings": reference.ring(rings=6, max_ring_difference=5, span=3),
    "odd": ODD,
}
SOURCE = launching.SOURCE.read_text(encoding="utf-8")


def insert_fake(monkeypatch, **faults):
    if not fake_cupy.COMPILER:
        pytest.skip("the kernels run as loops where there is Linux and a C++ compiler, and here is none")
    return fake_cupy.insert(monkeypatch, **faults)


@pytest.fixture
def fake(monkeypatch):
    cupy = insert_fake(monkeypatch)
    yield cupy
    cupy.check_guards()


@pytest.fixture(params=["loops", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request):
    """The kernels as loops on the CPU, and the real CuPy on a GPU."""
    if request.param == "loops":
        return request.getfixturevalue("fake")
    return real_cupy()


def real_cupy():
    trouble = gpu_trouble()
    if trouble:
        pytest.skip(f"no GPU: {trouble}")
    return importlib.import_module("cupy")


def assert_same(cupy, scanner, radius=None, most=1e-5):
    """Forward and back, plain and with attenuation: GPU and CPU agree, and the transposes are transposes."""
    X, wanted = Projector(scanner, radius, device="gpu"), Projector(scanner, radius, device="cpu")
    theta, m, factors = random(X.dims), random(X.dimsd, 1), random(X.dimsd, 2)
    A, B = Attenuation(cupy.asarray(factors)), Attenuation(factors)
    for one, other in ((X, wanted), (A @ X, B @ wanted)):
        for on_gpu, on_cpu, x in ((one, other, theta), (one.T, other.T, m)):
            found = on_gpu @ cupy.asarray(x)
            assert isinstance(found, cupy.ndarray)
            assert found.dtype == np.float32
            assert difference(as_numpy(found), on_cpu @ x) < most
    left = np.vdot(as_numpy(X @ cupy.asarray(theta)).astype(float), m)
    assert left == pytest.approx(np.vdot(theta.astype(float), as_numpy(X.T @ cupy.asarray(m))), rel=1e-6)


@pytest.mark.parametrize("part", [1, 0.6])
@pytest.mark.parametrize("scanner", SCANNERS)
def test_equals_cpu(cupy, scanner, part):
    assert_same(cupy, SCANNERS[scanner], part * SCANNERS[scanner].fov_radius)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reference.scanners(), st.integers(0, 2**32))
def test_any_scanner(fake, scanner, seed):
    """Against the CPU, with the threads of a block in either order: the same bits, so no barrier is missing."""
    X, wanted = Projector(scanner, device="gpu"), Projector(scanner, device="cpu")
    for operator, other in ((X, wanted), (X.T, wanted.T)):
        x = random(operator.dims, seed)
        found = operator @ fake.asarray(x)
        assert np.allclose(found.get(), other @ x, rtol=1e-5, atol=1e-5 * abs(found.get()).max())
        fake.backwards = True
        np.testing.assert_array_equal((operator @ fake.asarray(x)).get(), found.get())
        fake.backwards = False


def test_more_planes_than_a_block_has(fake):
    """34 rings without axial compression: 2 blocks for a line's planes, and so many segments that tables are short."""
    scanner = reference.ring(
        5, 1, rings=34, max_ring_difference=33, span=1, bins=8, columns=6, column_width=9.0, fov_radius=20
    )
    assert scanner.sinogram_shape[0] > launching.THREADS * launching.MOST_PLANES
    assert_same(fake, scanner)


def test_little_shared_memory(fake, monkeypatch):
    monkeypatch.setattr(launching, "SHARED", 2**9)
    assert_same(fake, SMALL)


def test_few_lines_at_once(fake, monkeypatch):
    """The back projection in parts gives what it gives at once."""
    monkeypatch.setattr(launching, "AT_ONCE", 2**14)
    assert_same(fake, SMALL)


@pytest.mark.parametrize("barrier", range(7))
def test_missing_barrier_is_noticed(fake, monkeypatch, tmp_path, barrier):
    """The loops would show a race: without any one of its barriers a kernel gives something else in some order."""
    call = "__syncthreads();"
    places = [place.start() for place in re.finditer(re.escape(call), SOURCE)]
    assert len(places) == 7
    spoilt = tmp_path / "joseph.cu"
    spoilt.write_text(SOURCE[: places[barrier]] + SOURCE[places[barrier] + len(call) :])
    monkeypatch.setattr(launching, "SOURCE", spoilt)
    X, wanted, off = Projector(SMALL, device="gpu"), Projector(SMALL, device="cpu"), []
    for fake.backwards in (False, True):
        for operator, other in ((X, wanted), (X.T, wanted.T)):
            x = random(operator.dims)
            off.append(difference((operator @ fake.asarray(x)).get(), other @ x))
    assert not all(error < 1e-3 for error in off)  # most are NaN


# The whole chain


def test_chain_equals_cpu(cupy):
    """Attenuation, simulation, MLEM: the same data and images on both, and each stays on its device."""
    scanner = reference.ring(blocks=12)
    _, y, x = scanner.axes()
    theta = np.broadcast_to(np.hypot(y[:, None], x) < 20, scanner.image_shape).astype(np.float32)
    found = []
    for device, asarray in (("cpu", np.asarray), ("gpu", cupy.asarray)):
        X = Projector(scanner, device=device)
        A = Attenuation(attenuation_factors(X, asarray(0.01 * theta)))
        P = A @ X @ PSF(scanner, 4.5)
        m, r, scale = simulate(P, asarray(theta), scanner.pairs(), counts=2e5)
        assert all(type(array) is X.xp.ndarray for array in (m, r, A.factors))
        steps = list(mlem(P, m, r, 3))
        assert all(type(image) is X.xp.ndarray for image, _ in steps)
        found.append((as_numpy(m), scale, [as_numpy(image) for image, _ in steps], [value for _, value in steps]))
    (m, scale, images, values), (m1, scale1, images1, values1) = found
    assert (m != m1).sum() < 1e-4 * m.size
    assert scale1 == pytest.approx(scale, rel=1e-6)
    assert values1 == pytest.approx(values, rel=1e-3 if (m != m1).any() else 1e-6)
    for one, other in zip(images, images1, strict=True):
        assert difference(other, one) < (1e-2 if (m != m1).any() else 1e-5)


@pytest.mark.parametrize("kind", ["int16", "float32", "int32"])
@pytest.mark.parametrize("subsets", [1, 4])
def test_division_equals_cpu(cupy, kind, subsets):
    """Ratio and log-likelihood by the kernel and by the CPU's loops, of all angles or some, with bins that expect nothing."""
    rng, shape = np.random.default_rng(0), (19, 24 // subsets, 20)
    r = rng.random((19, 24, 20), np.float32) * (rng.random((19, 24, 20)) < 0.9)
    m = (rng.poisson(3, r.shape) * (r > 0)).astype(kind)
    y = random(shape) * (r[:, ::subsets] > 0)
    wanted, made = y.copy(), cupy.asarray(y)
    value = ratio.divide(m[:, ::subsets], wanted, r[:, ::subsets], likelihood=True)
    assert ratio.divide(cupy.asarray(m)[:, ::subsets], made, cupy.asarray(r)[:, ::subsets], likelihood=True) == (
        pytest.approx(value, rel=1e-6)
    )
    np.testing.assert_allclose(as_numpy(made), wanted, rtol=1e-6)
    assert not wanted.all()
    with pytest.raises(ValueError, match="19 bins counted although"):
        ratio.divide(
            cupy.ones((1, 1, 19), np.float32), cupy.zeros((1, 1, 19), np.float32), cupy.zeros((1, 1, 19), np.float32)
        )


def test_missing_barrier_in_the_division_is_noticed(fake, monkeypatch, tmp_path):
    source = ratio.SOURCE.read_text(encoding="utf-8")
    assert source.count("__syncthreads();") == 1
    (tmp_path / "ratio.cu").write_text(source.replace("__syncthreads();", ""))
    monkeypatch.setattr(ratio, "SOURCE", tmp_path / "ratio.cu")
    monkeypatch.setattr(ratio, "_kernel", ratio._kernel.__wrapped__)
    m, values = np.ones((1, 30, 40), np.float32), []
    for fake.backwards in (False, True):
        y, r = fake.ones(m.shape, np.float32), fake.ones(m.shape, np.float32)
        values.append(ratio.divide(fake.asarray(m), y, r, likelihood=True))
    assert not all(value == pytest.approx(1200 * (np.log(2) - 2), rel=1e-3) for value in values)


def test_measure(cupy):
    """A subject is copied to the projector's device; the scan is there, and the same from the cache."""
    disc = np.zeros(SMALL.image_shape, np.float32)
    disc[:, 6:14, 6:14] = 1
    subject, found = SimpleNamespace(name="disc", pet=disc, mu=0.01 * disc), []
    for device in ("gpu", "gpu", "cpu"):
        measured = measure(subject, Projector(SMALL, device=device), counts=1e5, seed=len(found) // 2)
        kind = cupy.ndarray if device == "gpu" else np.ndarray
        assert all(type(x) is kind for x in (measured.m, measured.r, measured.A.factors, measured.truth))
        found.append(measured)
    first, again, _ = found
    np.testing.assert_array_equal(as_numpy(first.m), as_numpy(again.m))
    assert as_numpy(first.m).sum() == pytest.approx(1e5 / 0.7, rel=0.01)
    assert as_numpy(first.truth).max() > 1


def test_what_a_network_learns_from_is_on_the_cpu(cupy, monkeypatch, tmp_path):
    """Both devices give the same NumPy arrays, each without a look into the other's cache."""
    disc = np.zeros(SMALL.image_shape, np.float32)
    disc[:, 6:14, 6:14] = 1
    subject = Subject("disc", "disc", disc, 0.01 * disc, disc, disc, disc > 0, 0 * disc, ())
    found = []
    for device in ("gpu", "cpu"):
        monkeypatch.setenv("PETCOURSE_CACHE", str(tmp_path / device))
        X = Projector(SMALL, device=device)
        case = make_case(cut(subject, size=8), X, (1, 3), counts=1e5)
        found.append([case.mlem[1], case.mlem[3], case.truth, *reconstruct(subject, X, 2, counts=1e5)])
        assert all(type(x) is np.ndarray for x in found[-1])
    for one, other in zip(*found, strict=True):
        assert difference(one, other) < 1e-2  # a count may differ, where the mean was rounded the other way


# Arrays of the wrong device, layouts


def test_nothing_is_copied_unasked(cupy):
    X, there = Projector(SMALL, device="gpu"), Projector(SMALL, device="cpu")
    theta, factors = random(X.dims), random(X.dimsd)
    with pytest.raises(TypeError, match="the projector X is applied to is a NumPy array and a CuPy.*pass cupy.asarray"):
        X @ theta
    with pytest.raises(TypeError, match="is a CuPy array and a NumPy array is wanted, on the CPU: pass cupy.asnumpy"):
        there @ cupy.asarray(theta)
    with pytest.raises(TypeError, match="the attenuation A works with numpy and the projector X with cupy.*xp.asarray"):
        Attenuation(factors) @ X
    P = Attenuation(cupy.asarray(factors)) @ X @ PSF(SMALL, 4.5)
    with pytest.raises(TypeError, match="A @ X @ the PSF H is applied to is a NumPy array"):
        P @ theta
    m = np.ones(X.dimsd, np.uint8)
    with pytest.raises(TypeError, match="the set of counts m is a NumPy array"):
        mlem(P, m, m, 1)
    with pytest.raises(TypeError, match="the set of randoms r is a NumPy array"):
        mlem(P, cupy.asarray(m), m, 1)
    with pytest.raises(TypeError, match="the attenuation map mu is a NumPy array"):
        attenuation_factors(X, theta)
    with pytest.raises(TypeError, match="of type list and a CuPy array is wanted: use cupy.asarray"):
        X @ [1.0]


def test_layout_does_not_matter(cupy):
    X = Projector(SMALL, device="gpu")
    theta, m, factors = (cupy.asarray(random(shape)) for shape in (X.dims, X.dimsd, X.dimsd))
    turned = cupy.asarray(as_numpy(m).transpose(2, 0, 1).copy()).transpose(1, 2, 0)
    assert not turned.flags.c_contiguous
    for P, Q in ((X, X), (Attenuation(factors) @ X, Attenuation(factors[:, ::-1][:, ::-1]) @ X)):
        assert difference(as_numpy(Q @ theta[::-1][::-1]), as_numpy(P @ theta)) == 0
        assert difference(as_numpy(Q.T @ turned), as_numpy(P.T @ m)) == 0


def test_fold(cupy):
    X = Projector(SMALL, device="gpu")
    factors = cupy.asarray(random(X.dimsd))
    both = Attenuation(factors) @ X
    assert (both.factors, both.X) == (factors, X)  # nothing is compiled or copied anew
    assert (both.name, both.xp, both.T.xp) == ("A @ X", cupy, cupy)


def test_pickled_on_a_gpu_read_without_one(monkeypatch):
    """A worker computes with what it has; a copy in the same process stays on the GPU."""
    cupy = insert_fake(monkeypatch)
    monkeypatch.delenv("PETCOURSE_DEVICE", raising=False)
    X, factors = Projector(SMALL), random(SMALL.sinogram_shape)
    A = Attenuation(cupy.asarray(factors))
    P, theta = A @ X @ PSF(SMALL, 4.5), random(X.dims)
    wanted, again = as_numpy(P @ cupy.asarray(theta)), copy.deepcopy(P)
    assert (X.device, again.xp) == ("gpu", cupy)
    np.testing.assert_array_equal(as_numpy(again @ cupy.asarray(theta)), wanted)
    pickled = pickle.dumps([P, P.T, A])
    monkeypatch.setenv("PETCOURSE_DEVICE", "cpu")
    for name in ("cupy", "cupyx"):
        monkeypatch.setitem(sys.modules, name, None)  # an import fails
    there, back, attenuation = pickle.loads(pickled)
    assert there.xp is back.xp is np
    assert difference(there @ theta, wanted) < 1e-5
    np.testing.assert_array_equal(attenuation.factors, factors)


# Memory and devices


def test_too_little_memory_to_begin_with(monkeypatch):
    cupy = insert_fake(monkeypatch)
    X = Projector(Scanner.mmr(rings=4), device="gpu")
    theta, m = cupy.zeros(X.dims, np.float32), cupy.zeros(X.dimsd, np.float32)
    cupy.knobs.free = 2**21
    for operator, x, what in ((X, theta, "a forward"), (X.T, m, "a back")):
        with pytest.raises(MemoryError, match=rf"{what} projection needs \d+ MiB and 2 MiB are free on the GPU: close"):
            operator @ x
    with pytest.raises(MemoryError, match=r"an MLEM reconstruction needs \d+ MiB and 2 MiB are free on the GPU"):
        mlem(X, m, m, 1)
    cupy.knobs.pooled = 2**30  # what CuPy's pool holds for later is free as well
    assert free_bytes(cupy) == 2**21 + 2**30
    mlem(X, m, m, 1)  # nothing is computed before an iteration is asked for


@pytest.mark.parametrize("allocations", range(6))
def test_memory_gives_out_at_any_allocation(monkeypatch, allocations):
    """Although enough was free a moment ago: whether a projector is made, or projects, or projects back."""
    cupy, (theta, m) = insert_fake(monkeypatch), (random(shape) for shape in (SMALL.image_shape, SMALL.sinogram_shape))
    X = Projector(SMALL, device="gpu")
    theta, m = cupy.asarray(theta), cupy.asarray(m)
    cases = [
        ("making a projector", 6, lambda: Projector(SMALL, device="gpu")),
        ("a forward projection", 2, lambda: X @ theta),
        ("a back projection", 4, lambda: X.T @ m),
    ]
    for what, most, work in cases:
        cupy.knobs.allocations = allocations + (what == "making a projector")  # `choose` proves the GPU with an array
        if allocations < most:
            with pytest.raises(MemoryError, match=f"^{what} ran out of GPU memory .Out of memory allocating.*: close"):
                work()
        cupy.knobs.allocations = 10**9
        work()


def test_little_memory_is_enough(monkeypatch):
    """What does not fit at once is done in parts."""
    cupy = insert_fake(monkeypatch)
    monkeypatch.setattr(launching, "AT_ONCE", 2**16)
    X, m = Projector(SMALL, device="gpu"), random(SMALL.sinogram_shape)
    x, gather, parts = cupy.asarray(m), X.engine.gather, []
    X.engine.gather = lambda *given: (parts.append(given), gather(*given))
    wanted = Projector(SMALL, device="cpu").T @ m
    for room, least, most in ((2**30, 1, 1), (2**13, 4, 50)):
        parts.clear()
        cupy.knobs.free = 4 * (3 * X.engine.rays.side**2 * X.engine.height + np.prod(X.dims)) + room
        assert difference((X.T @ x).get(), wanted) < 1e-5
        assert least <= len(parts) <= most


@pytest.mark.parametrize("allocations", [*range(7), 30])
def test_memory_gives_out_in_mid_iteration(monkeypatch, allocations):
    """Another program takes the memory: the last image is as it was and good to go on from."""
    cupy = insert_fake(monkeypatch)
    X = Projector(SMALL, device="gpu")
    m, r = (cupy.asarray(random(X.dimsd, seed)) for seed in (1, 2))
    r[:, ~SMALL.live()] = 1
    three = [theta.get() for theta, _ in mlem(X, m, r, 3)]
    steps = mlem(X, m, r, 3)
    theta, _ = next(steps)
    cupy.knobs.allocations = allocations
    if allocations < 7:  # the image, the sinogram; then the back projection's image, work, list of lines, and result
        with pytest.raises(MemoryError, match="Out of memory allocating"):
            next(steps)
    else:
        next(steps)
    np.testing.assert_array_equal(theta.get(), three[0])
    cupy.knobs.allocations = 10**9
    again = [image.get() for image, _ in mlem(X, m, r, 2, theta=theta)]
    np.testing.assert_array_equal(again, three[1:])


def test_two_gpus(monkeypatch):
    """A projector stays on the GPU on which it was made, and an array of the other is refused."""
    cupy = insert_fake(monkeypatch, gpus=2)
    with cupy.cuda.Device(1):
        X = Projector(SMALL, device="gpu")
        there, m = cupy.zeros(X.dims, np.float32), cupy.zeros(X.dimsd, np.float32)
    theta = cupy.zeros(X.dims, np.float32)
    refused = r"array is on GPU 0 and the projector on GPU 1: make both inside `with"
    with pytest.raises(ValueError, match=refused):
        X @ theta
    assert X.forward(there).device.id == X.back(m).device.id == 1  # although GPU 0 is the current one
    A = Attenuation(cupy.zeros(X.dimsd, np.float32))
    with cupy.cuda.Device(1):
        for operator, x in ((X, there), (X.T, m)):
            operator @ x
        for operator, x in ((A @ X, there), ((A @ X).T, m)):
            with pytest.raises(ValueError, match=refused):
                operator @ x


def test_the_projector_says_which_device_it_takes(monkeypatch):
    """No GPU to be had: the CPU and one warning, or an error, with one sentence; and the CPU's result."""
    insert_fake(monkeypatch, driver=0)
    monkeypatch.delenv("PETCOURSE_DEVICE")
    with pytest.warns(
        UserWarning, match="computing on the CPU: CuPy is installed but finds no NVIDIA driver"
    ) as caught:
        X, again = Projector(SMALL), Projector(SMALL, device="auto")
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the line that a reader wrote, and none of the package
    assert (X.device, X.xp, again.device) == ("cpu", np, "cpu")
    assert type(X @ random(X.dims)) is np.ndarray
    with pytest.raises(RuntimeError, match="no GPU can be used: CuPy is installed but finds no NVIDIA driver"):
        Projector(SMALL, device="gpu")


KERNEL_ERRORS = {
    "compiler": (
        fake_cupy.CompileException("joseph.cu(3): error: expected a ;\n1 error"),
        "cannot be made .joseph.cu.3",
    ),
    "loading": (
        fake_cupy.CUDARuntimeError("CUDA_ERROR_INVALID_IMAGE: bad"),
        "cannot be made .CUDA_ERROR_INVALID_IMAGE",
    ),
    "memory": (fake_cupy.OutOfMemoryError("Out of memory allocating 512 bytes."), "making a projector ran out of GPU"),
}


@pytest.mark.parametrize("fault", KERNEL_ERRORS)
def test_kernels_that_cannot_be_made(monkeypatch, fault):
    """The GPU works and the projector's kernels do not: "auto" is the CPU, with one warning, and "gpu" is an error."""
    cupy = insert_fake(monkeypatch)
    monkeypatch.delenv("PETCOURSE_DEVICE", raising=False)
    cupy.knobs.kernel_error, message = KERNEL_ERRORS[fault]
    kind = MemoryError if fault == "memory" else RuntimeError
    with pytest.warns(UserWarning, match=f"computing on the CPU: .*{message}") as caught:
        X, again = Projector(SMALL, 20, threads=1), Projector(SMALL)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert (X.device, X.xp, X.radius, X.threads, again.device) == ("cpu", np, 20, 1, "cpu")
    theta = random(X.dims)
    np.testing.assert_array_equal(X @ theta, Projector(SMALL, 20, device="cpu") @ theta)
    with pytest.raises(kind, match=message) as raised:
        Projector(SMALL, device="gpu")
    assert "\n" not in str(raised.value)
    monkeypatch.setenv("PETCOURSE_DEVICE", "gpu")
    with pytest.raises(kind, match=message):
        Projector(SMALL)


# The compiler, and the real thing


MMR = ("-DSTEPS=8", "-DPLANES=7", "-DLINES=32", "-DCOUNT=11")  # as RawModule is told for the whole scanner


def compiled(source, library, prefix, *options):
    """Compile in a process of its own: exit status, result, log."""
    script = Path(__file__).parents[1] / "tools" / "runtime_compiler.py"
    command = [sys.executable, str(script), str(library), prefix, *MMR, *options]
    run = subprocess.run(command, input=source.encode(), capture_output=True, check=False, timeout=100)
    return run.returncode, run.stdout, run.stderr.decode()


@pytest.mark.parametrize("arch", ["compute_75", "compute_90"])
def test_source_compiles_for_nvidia(arch):
    """NVRTC needs no driver: no loop over the 11 segments is left."""
    nvrtc = importlib.util.find_spec("nvidia") and next(
        (path for root in importlib.util.find_spec("nvidia").submodule_search_locations
         for path in sorted(Path(root).glob("**/libnvrtc.so.1?"))), None)  # fmt: skip
    if not nvrtc:
        pytest.skip("NVRTC is not installed (nvidia-cuda-nvrtc-cu12, in the extra kernels)")
    failed, assembly, log = compiled(SOURCE, nvrtc, "nvrtc", "-std=c++17", f"-arch={arch}")
    assert not failed, log
    for kind in ratio.KINDS.values():
        options = f"-DKIND={kind}", *ratio.OPTIONS, "-std=c++17", f"-arch={arch}"
        failed, _, other = compiled(ratio.SOURCE.read_text(encoding="utf-8"), nvrtc, "nvrtc", *options)
        assert not failed, other
    back = assembly.decode().partition(".entry back_project")[2].partition(".entry")[0]
    assert len(re.findall(r"ld\.global\.nc\.f32", back)) >= 2 * 11


@pytest.fixture
def hiprtc():
    """AMD's run-time compiler, which needs neither driver nor GPU."""
    library = find_library("hiprtc") or find_library("amdhip64")  # ROCm's package; or Debian's, which holds both
    return library or pytest.skip("hipRTC is not installed (Debian and Ubuntu: libamdhip64-5)")


@pytest.mark.parametrize(("arch", "threads"), [("gfx906", 64), ("gfx90a", 64), ("gfx1030", 32)])
def test_source_compiles_for_amd(hiprtc, arch, threads):
    """With CuPy's options, for waves of 64 threads (Instinct) and of 32 (Radeon); nothing spills out of the registers."""
    failed, code, log = compiled(SOURCE, hiprtc, "hiprtc", "-fcuda-flush-denormals-to-zero", f"--offload-arch={arch}")
    assert not failed, log
    assert code.startswith(b"\x7fELF")
    for entry in (b".wavefront_size" + bytes([threads]), b".private_segment_fixed_size\0"):  # its bytes
        assert code.count(entry) == 3, f"{entry} is not so in each of the three kernels"
    options = "-DKIND=short", *ratio.OPTIONS, "-fcuda-flush-denormals-to-zero", f"--offload-arch={arch}"
    failed, _, log = compiled(ratio.SOURCE.read_text(encoding="utf-8"), hiprtc, "hiprtc", *options)
    assert not failed, log


def test_amds_compiler_refuses_what_only_nvidia_has(hiprtc):
    source = SOURCE.replace("__syncthreads()", "__syncwarp()")
    failed, _, log = compiled(source, hiprtc, "hiprtc", "--offload-arch=gfx90a")
    assert failed and "__syncwarp" in log


@pytest.mark.slow
def test_full_mlem_asks_for_less_than_4_gib(monkeypatch):
    """Whatever is allocated for it, counted on the stand-in: the kernels are left out, for they allocate nothing.

    What a GPU takes beyond (CuPy's context, rounding in its pool) is not in it: the test below asks that.
    """
    cupy, scanner = insert_fake(monkeypatch, free=4 * 2**30), Scanner.mmr()
    cupy.made = deque(maxlen=0)  # no array is kept longer than the package keeps it
    ones = SimpleNamespace(get_function=lambda _: lambda grid, block, args, shared_mem=0: args[-1].plain.fill(1))
    cupy.RawModule = lambda **_: ones
    tracemalloc.start()
    try:
        X = Projector(scanner, device="gpu")
        A = Attenuation(cupy.ones(X.dimsd, np.float32))
        m, r = cupy.ones(X.dimsd, np.uint16), cupy.ones((1, *X.dimsd[1:]), np.float32)
        tracemalloc.reset_peak()  # what is made on the CPU to begin with
        for theta, _ in mlem(A @ X @ PSF(scanner, 2.5), m, r, 2):
            assert theta.any()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{peak / 2**20:.0f} MiB")
    assert A.factors.nbytes + m.nbytes < peak < 2 * 2**30  # the other half is for what is not in it


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("radius", [150, 290])
def test_full_scanner_on_a_gpu(radius):
    assert_same(real_cupy(), Scanner.mmr(), radius)


@pytest.mark.gpu
@pytest.mark.slow
def test_full_mlem_fits_into_4_gib_on_a_gpu():
    cupy = real_cupy()
    pool, scanner = cupy.get_default_memory_pool(), Scanner.mmr()
    pool.free_all_blocks()
    pool.set_limit(size=4 * 2**30)
    try:
        X = Projector(scanner, device="gpu")
        A = Attenuation(cupy.ones(X.dimsd, np.float32))
        m, r = cupy.ones(X.dimsd, np.uint16), cupy.ones((1, *X.dimsd[1:]), np.float32)
        for theta, value in mlem(A @ X @ PSF(scanner, 2.5), m, r, 2):
            assert bool(cupy.isfinite(theta).all())
            assert np.isfinite(value)
    finally:
        pool.set_limit(size=0)
