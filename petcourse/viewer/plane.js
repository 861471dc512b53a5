// The pictures that an axis cuts out of a volume. A plane says how: its size in voxels, that of a voxel in mm, where in
// the volume's bytes it starts and goes on, and which voxel a place [row, column] is.

// Planes along z are shown with the head up: the last z in the first row.
function cut([, depth, height, width], axis, [dz, dy, dx]) {
  const area = height * width;
  const up = { height: depth, row: -area, start: (depth - 1) * area, dy: dz };
  return [
    { height, width, slice: area, row: width, column: 1, start: 0, dy, dx,
      at: (k, r, c) => [k, r, c], place: ([, y, x]) => [y, x] },
    { ...up, width, slice: width, column: 1, dx,
      at: (k, r, c) => [depth - 1 - r, k, c], place: ([z, , x]) => [depth - 1 - z, x] },
    { ...up, width: height, slice: 1, column: width, dx: dy,
      at: (k, r, c) => [depth - 1 - r, c, k], place: ([z, y]) => [depth - 1 - z, y] },
  ][axis];
}

// A slice of a volume of codes, as pixels in the colours of a table.
function fill(pixels, codes, plane, slice, table) {
  let pixel = 0;
  for (let r = 0; r < plane.height; r++) {
    let voxel = plane.start + slice * plane.slice + r * plane.row;
    for (let c = 0; c < plane.width; c++, voxel += plane.column) pixels[pixel++] = table[codes[voxel]];
  }
}

// The contour of a mask, or of labels, in a slice: the sides between voxels that differ, as an SVG path.
function contourPath(mask, plane, slice) {
  const base = plane.start + slice * plane.slice;
  const label = (r, c) => (r < 0 || c < 0 || r >= plane.height || c >= plane.width ? 0
    : mask[base + r * plane.row + c * plane.column]);
  let path = "";
  for (let r = 0; r <= plane.height; r++) {
    for (let c = 0; c <= plane.width; c++) {
      const own = label(r, c);
      if (own !== label(r - 1, c)) path += `M${c} ${r}h1`;
      if (own !== label(r, c - 1)) path += `M${c} ${r}v1`;
    }
  }
  return path;
}

export { contourPath, cut, fill };
