"""Between an image (z, y, x) and the loops' work array, in which the voxels of one (y, x) stand side by side."""

from numba import boolean, float32, int64, types, void

from petcourse.scan.joseph import compiled

AT_ONCE = 16  # columns, the floats of a cache line
_image = types.Array(float32, 3, "A", readonly=True)
_inside = types.Array(boolean, 2, "A", readonly=True)


@compiled(void(_image, _inside, int64, int64, int64, int64, float32[:, :, ::1]))
def lay_columns(theta, inside, edge, floor, first, last, image):
    """Copy the rows [first, last) of what is inside to ``image``, ``edge`` voxels from its border."""
    for y in range(first, last):
        for x0 in range(0, len(inside), AT_ONCE):
            for z in range(len(theta)):
                for x in range(x0, min(x0 + AT_ONCE, len(inside))):
                    if inside[y, x]:
                        image[y + edge, x + edge, floor + z] = theta[z, y, x]


@compiled(void(float32[:, :, ::1], _inside, int64, int64, int64, int64, float32[:, :, :]))
def take_columns(image, inside, edge, floor, first, last, theta):
    """The way back: fill the rows [first, last) of ``theta`` where they are inside."""
    for y in range(first, last):
        for x0 in range(0, len(inside), AT_ONCE):
            for z in range(len(theta)):
                for x in range(x0, min(x0 + AT_ONCE, len(inside))):
                    if inside[y, x]:
                        theta[z, y, x] = image[y + edge, x + edge, floor + z]
