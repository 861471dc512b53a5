"""The projector on a GPU: compiles the kernels of joseph.cu through CuPy, gives them their tables, and launches them."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from petcourse.errors import first_line
from petcourse.hardware.device import free_bytes, require_memory
from petcourse.hardware.remedies import python
from petcourse.scan.rays import EDGE

SOURCE = Path(__file__).with_name("joseph.cu")
THREADS, MOST_PLANES = 128, 8  # in a block, and for each thread
SHARED = 40 * 2**10  # bytes of shared memory for a block: every GPU has 48 KiB
AT_ONCE = 32 * 2**20  # bytes of the back projection's work array, which then stays in a large GPU's cache
PLANE = np.dtype([(name, "i4") for name in ("segment", "number", "start")] + [("rise", "f4"), ("weight", "f4")])


class Kernels:
    """The engine of a GPU, CuPy's current one when it is made: the same two methods as `Loops`.

    Parameters
    ----------
    rays : Rays
    """

    device, threads = "gpu", None

    def __init__(self, rays):
        import cupy

        self.rays, self.xp, self.gpu = rays, cupy, cupy.cuda.Device()
        count, total = len(rays.segments), len(rays.multiplicity)
        planes = np.zeros(total, PLANE)
        for n, s in enumerate(rays.segments):
            some = planes[s["first"] : s["first"] + s["planes"]]
            some["segment"], some["number"], some["rise"] = n, np.arange(len(some)), s["rise"]
            some["start"] = s["start"] + some["number"]
        planes["weight"] = rays.multiplicity
        self.height = -(-rays.image_shape[0] // 32) * 32  # from one voxel column to the next: whole cache lines
        self.depth = max(rays.depth, rays.floor + self.height)
        self.steps = max(1, min(8, SHARED // (4 * self.depth + 8 * count + 16)))
        self.lines = max(1, min(32, (SHARED - 8 * count) // (8 * count + 16)))
        self.planes = min(MOST_PLANES, -(-total // THREADS))
        sizes = {"STEPS": self.steps, "PLANES": self.planes, "LINES": self.lines, "COUNT": count}
        seen = (rays.lines["first"] < rays.lines["last"]).ravel()
        steep = rays.lines["steep"].ravel() != 0
        with self.ready("making a projector"):
            self.project, self.gather, self.back_project = kernels(
                SOURCE, tuple(f"-D{k}={n}" for k, n in sizes.items()), ["project", "gather", "back_project"]
            )
            self.tables = [
                cupy.asarray(np.ascontiguousarray(table).view(np.uint8))
                for table in (rays.lines, rays.segments, planes)
            ]
            self.inside = cupy.asarray(rays.inside)
            self.flat, self.steep = (cupy.asarray(np.flatnonzero(seen & kind).astype("i4")) for kind in (~steep, steep))

    def forward(self, theta, factors=None):
        """As `Projector.forward`; ``factors`` (plane, angle, bin) multiply each bin on the way."""
        rays, xp = self.rays, self.xp
        table, segments, planes = self.tables
        count, total, lines = len(rays.segments), len(rays.multiplicity), rays.lines.size
        with self.ready("a forward projection", theta):
            require_memory(4 * (rays.side**2 * self.height + np.prod(rays.sinogram_shape)), "a forward projection", xp)
            image = xp.zeros((rays.side, rays.side, self.height), np.float32)
            fov = image[EDGE:-EDGE, EDGE:-EDGE, : rays.image_shape[0]]
            fov[...] = theta[:, rays.box, rays.box].transpose(1, 2, 0)
            fov *= self.inside[..., None]
            out = xp.empty(rays.sinogram_shape, np.float32)
            self.project(
                (lines, -(-total // (THREADS * self.planes))), (THREADS,),
                (image, *ints(rays.side, self.height, rays.floor, self.depth), table, *ints(lines), segments,
                 planes, *ints(total), *self.attenuation(factors, out), out),
                shared_mem=self.steps * (4 * self.depth + 8 * count + 16),
            )  # fmt: skip
            return out

    def back(self, m, factors=None):
        """As `Projector.back`: some lines at a time, as many as fit into the cache or the memory."""
        rays, xp = self.rays, self.xp
        table, segments, planes = self.tables
        count, total, lines = len(rays.segments), len(rays.multiplicity), rays.lines.size
        with self.ready("a back projection", m):
            need = 4 * (3 * rays.side**2 * self.height + np.prod(rays.image_shape))
            listed = len(self.flat) + len(self.steep)
            room = min(AT_ONCE, max(free_bytes(xp) - need, AT_ONCE // 32))
            parts = max(1, -(-listed * 4 * rays.width // room))
            require_memory(need + room, "a back projection", xp)
            m = xp.ascontiguousarray(m)
            image = xp.zeros((2, rays.side, rays.side, self.height), np.float32)
            work = xp.zeros((-(-listed // parts) + 2, rays.width), np.float32)
            for part in range(parts):
                flat, steep = (
                    all_[part * len(all_) // parts : (part + 1) * len(all_) // parts]
                    for all_ in (self.flat, self.steep)
                )
                some = xp.concatenate([flat, steep])
                if not len(some):
                    continue
                self.gather(
                    (-(-len(some) // 32), -(-total // 32)), (32, 8),
                    (m, table, *ints(lines), planes, *ints(total), *self.attenuation(factors, m), some,
                     *ints(len(some), rays.width), work),
                )  # fmt: skip
                self.back_project(
                    (rays.side, 2, -(-self.height // THREADS)), (THREADS,),
                    (work, *ints(rays.width), table, segments, some, *ints(len(flat), len(some)),
                     *ints(rays.side, self.height, rays.floor), image),
                    shared_mem=self.lines * (8 * count + 16) + 8 * count,
                )  # fmt: skip
            del work
            fov = image[:, EDGE:-EDGE, EDGE:-EDGE, : rays.image_shape[0]]
            found = fov[0] + fov[1].transpose(1, 0, 2)
            found *= self.inside[..., None]
            theta = xp.zeros(rays.image_shape, np.float32)
            theta[:, rays.box, rays.box] = found.transpose(2, 0, 1)
            return theta

    def attenuation(self, factors, unused):
        """The kernels' two arguments: any array will do where there are no factors."""
        if factors is None:
            return (unused, *ints(0))
        self.require_here(factors)
        return (self.xp.ascontiguousarray(factors), *ints(1))

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


def kernels(source, options, names):
    """Kernels of a CUDA source, by name: CuPy compiles and loads all of them when it is asked for the first."""
    import cupy

    try:
        module = cupy.RawModule(code=source.read_text(encoding="utf-8"), options=options)
        return [module.get_function(name) for name in names]
    except (RuntimeError, cupy.cuda.compiler.CompileException) as error:
        raise RuntimeError(
            f"the GPU's kernels cannot be made ({first_line(error)}): see what {python('-m petcourse.hardware')} "
            'reports, or take device="cpu".'
        ) from error


def ints(*values):
    """What a kernel takes as ``int``."""
    return tuple(np.int32(value) for value in values)
