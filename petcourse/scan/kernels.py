"""The projector on a GPU: compiles the kernels of joseph.cu through CuPy, gives them their tables, and launches them."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from petcourse.errors import first_line
from petcourse.hardware.device import free_bytes, require_memory
from petcourse.scan.rays import EDGE

SOURCE = Path(__file__).with_name("joseph.cu")
THREADS, MOST_PLANES = 128, 8  # in a block, and for each thread
SHARED = 40 * 2**10  # bytes of shared memory for a block: every GPU has 48 KiB
AT_ONCE = 32 * 2**20  # bytes of the back projection's work array, which then stays in a large GPU's cache
PLANE = np.dtype([(name, "i4") for name in ("segment", "number", "start")] + [("rise", "f4"), ("weight", "f4")])


class Kernels:
    """The kernels for one projector, on the GPU that is CuPy's current one when they are made.

    Parameters
    ----------
    X : Projector
        Gives rays, segments and the field of view.
    xp : module
        ``cupy``.
    """

    def __init__(self, X, xp):
        self.X, self.xp, self.gpu = X, xp, xp.cuda.Device()
        count, total = len(X.segments), X.dimsd[0]
        planes = np.zeros(total, PLANE)
        for n, s in enumerate(X.segments):
            mine = planes[s["first"] : s["first"] + s["planes"]]
            mine["segment"], mine["number"], mine["rise"] = n, np.arange(len(mine)), s["rise"]
            mine["start"] = s["start"] + mine["number"]
        planes["weight"] = X.multiplicity
        self.height = -(-X.dims[0] // 32) * 32  # from one voxel column to the next: whole cache lines
        self.depth = max(X.depth, X.floor + self.height)
        self.width = int(X.segments["start"][-1] + X.segments["lanes"][-1])
        self.steps = max(1, min(8, SHARED // (4 * self.depth + 8 * count + 16)))
        self.lines = max(1, min(32, (SHARED - 8 * count) // (8 * count + 16)))
        self.planes = min(MOST_PLANES, -(-total // THREADS))
        given = {"STEPS": self.steps, "PLANES": self.planes, "LINES": self.lines, "COUNT": count}
        seen = (X.rays["first"] < X.rays["last"]).ravel()
        steep = X.rays["steep"].ravel() != 0
        with self.ready("making a projector"):
            self.project, self.gather, self.back_project = self.compiled(tuple(f"-D{k}={n}" for k, n in given.items()))
            self.tables = [
                xp.asarray(np.ascontiguousarray(table).view(np.uint8)) for table in (X.rays, X.segments, planes)
            ]
            self.inside = xp.asarray(X.inside)
            self.flat, self.steep = (xp.asarray(np.flatnonzero(seen & kind).astype("i4")) for kind in (~steep, steep))

    def compiled(self, options):
        """The three kernels: CuPy compiles and loads them when it is asked for the first."""
        try:
            module = self.xp.RawModule(code=SOURCE.read_text(encoding="utf-8"), options=options)
            return [module.get_function(name) for name in ("project", "gather", "back_project")]
        except (RuntimeError, self.xp.cuda.compiler.CompileException) as error:
            raise RuntimeError(
                f"the GPU's kernels cannot be made ({first_line(error)}): see what python -m petcourse.hardware reports, "
                'or take device="cpu".'
            ) from error

    def forward(self, theta, factor):
        """As `Projector.forward`; ``factor`` multiplies each bin unless it is empty."""
        X, xp = self.X, self.xp
        rays, segments, planes = self.tables
        count, total, lines = len(X.segments), X.dimsd[0], X.rays.size
        with self.ready("a forward projection", theta):
            require_memory(4 * (X.side**2 * self.height + np.prod(X.dimsd)), "a forward projection", xp)
            image = xp.zeros((X.side, X.side, self.height), np.float32)
            fov = image[EDGE:-EDGE, EDGE:-EDGE, : X.dims[0]]
            fov[...] = theta[:, X.box, X.box].transpose(1, 2, 0)
            fov *= self.inside[..., None]
            out = xp.empty(X.dimsd, np.float32)
            self.project(
                (lines, -(-total // (THREADS * self.planes))), (THREADS,),
                (image, *ints(X.side, self.height, X.floor, self.depth), rays, *ints(lines), segments,
                 planes, *ints(total), *self.attenuation(factor, out), out),
                shared_mem=self.steps * (4 * self.depth + 8 * count + 16),
            )  # fmt: skip
            return out

    def back(self, m, factor):
        """As `Projector.back`: some lines at a time, as many as fit into the cache or the memory."""
        X, xp = self.X, self.xp
        rays, segments, planes = self.tables
        count, total, lines = len(X.segments), X.dimsd[0], X.rays.size
        with self.ready("a back projection", m):
            need = 4 * (3 * X.side**2 * self.height + np.prod(X.dims))
            listed = len(self.flat) + len(self.steep)
            room = min(AT_ONCE, max(free_bytes(xp) - need, AT_ONCE // 32))
            parts = max(1, -(-listed * 4 * self.width // room))
            require_memory(need + room, "a back projection", xp)
            m = xp.ascontiguousarray(m)
            image = xp.zeros((2, X.side, X.side, self.height), np.float32)
            work = xp.zeros((-(-listed // parts) + 2, self.width), np.float32)
            for part in range(parts):
                flat, steep = (
                    some[part * len(some) // parts : (part + 1) * len(some) // parts]
                    for some in (self.flat, self.steep)
                )
                here = xp.concatenate([flat, steep])
                if not len(here):
                    continue
                self.gather(
                    (-(-len(here) // 32), -(-total // 32)), (32, 8),
                    (m, rays, *ints(lines), planes, *ints(total), *self.attenuation(factor, m), here,
                     *ints(len(here), self.width), work),
                )  # fmt: skip
                self.back_project(
                    (X.side, 2, -(-self.height // THREADS)), (THREADS,),
                    (work, *ints(self.width), rays, segments, here, *ints(len(flat), len(here)),
                     *ints(X.side, self.height, X.floor), image),
                    shared_mem=self.lines * (8 * count + 16) + 8 * count,
                )  # fmt: skip
            del work
            fov = image[:, EDGE:-EDGE, EDGE:-EDGE, : X.dims[0]]
            found = fov[0] + fov[1].transpose(1, 0, 2)
            found *= self.inside[..., None]
            theta = xp.zeros(X.dims, np.float32)
            theta[:, X.box, X.box] = found.transpose(2, 0, 1)
            return theta

    def attenuation(self, factor, unused):
        """The kernels' two arguments: any array will do where there are no factors."""
        if not factor.size:
            return (unused, *ints(0))
        self.require_here(factor)
        return (self.xp.ascontiguousarray(factor), *ints(1))

    def require_here(self, x):
        """Refuse an array that is on another GPU."""
        if x.device != self.gpu:
            raise ValueError(
                f"the array is on GPU {x.device.id} and the projector on GPU {self.gpu.id}: "
                f"make both inside `with cupy.cuda.Device({self.gpu.id}):`."
            )

    @contextmanager
    def ready(self, what, x=None):
        """Make the projector's GPU the current one, and say what to do if its memory gives out all the same."""
        if x is not None:
            self.require_here(x)
        try:
            with self.gpu:
                yield
        except self.xp.cuda.memory.OutOfMemoryError as error:
            raise MemoryError(
                f"{what} ran out of GPU memory ({str(error).rstrip('.')}): close what else uses the GPU (nvidia-smi lists "
                "it), or take a shorter scanner, such as Scanner.mmr(rings=16)."
            ) from error


def ints(*values):
    """What a kernel takes as ``int``."""
    return tuple(np.int32(value) for value in values)
