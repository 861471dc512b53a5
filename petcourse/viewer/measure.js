// What is measured in a picture: a profile along a line, mean and standard deviation in a circle. A mark {from, to} is
// the line, or the circle's centre and a point of its rim, as places [row, column] of the picture. A plane is what
// `cut` of plane.js gives: the picture's size, and that of its voxels in mm.

import { addSvg, boundOf, nameOf, rounded, ticksOf, unitOf, valueOf } from "./draw.js";

// Colours and dashes for lines that everybody can tell apart (Okabe and Ito), on white and on black.
const LINES = [["#0095e0", ""], ["#e08a00", "6 3"], ["#009e73", "2 2"], ["#d55e00", "8 2 2 2"], ["#cc79a7", "4 4"]];

// The circle's radius in mm; of a line its length.
function radiusOf({ from, to }, { dy, dx }) {
  return Math.hypot((to[0] - from[0]) * dy, (to[1] - from[1]) * dx);
}

function linePath({ from, to }) {
  return `M${from[1]} ${from[0]}L${to[1]} ${to[0]}`;
}

function circlePath(mark, plane) {
  const [r, c] = mark.from;
  const radius = radiusOf(mark, plane);
  const [rx, ry] = [radius / plane.dx, radius / plane.dy];
  return `M${c - rx} ${r}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
}

// Places along a line, at most a voxel apart.
function placesAlong({ from, to }) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])));
  return Array.from({ length: steps + 1 }, (_, k) => from.map((start, i) => start + ((to[i] - start) * k) / steps));
}

// The voxels whose centre lies in the circle; at least the one at its centre.
function placesInside(mark, plane) {
  const { height, width, dy, dx } = plane;
  const [row, column] = mark.from;
  const radius = radiusOf(mark, plane);
  const [down, across] = [radius / dy, radius / dx];
  const places = [];
  for (let r = Math.max(0, Math.floor(row - down)); r < Math.min(height, row + down); r++) {
    for (let c = Math.max(0, Math.floor(column - across)); c < Math.min(width, column + across); c++) {
      const inside = ((r + 0.5 - row) * dy) ** 2 + ((c + 0.5 - column) * dx) ** 2 <= radius ** 2;
      if (inside) places.push([r, c]);
    }
  }
  return places.length ? places : [mark.from];
}

function statistics(panel, codes) {
  if (codes.some((code) => boundOf(panel, code))) return "beyond the colour range";
  const values = codes.map((code) => valueOf(panel, code));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return `${rounded(panel, mean)} ± ${rounded(panel, sd)}${unitOf(panel)}`;
}

// The values along the line that is drawn, of all panels that share its panel's unit and shape.
function drawProfile(chart, state) {
  const { mark, panels } = state;
  const places = placesAlong(mark);
  const curves = panels.flatMap((panel, i) => {
    if (panel.unit !== panels[mark.panel].unit || !state.linked(i, mark.panel)) return [];
    const codes = state.codesAt(i, places);
    const cut = codes.some((code) => boundOf(panel, code)) ? " (cut at its colour range)" : "";
    return [{ panel, title: nameOf(panel) + cut, values: codes.map((code) => valueOf(panel, code)) }];
  });
  drawChart(chart, radiusOf(mark, state.plane(mark.panel)) || 1, curves);
}

// Curves over the distance in mm, with a legend above.
function drawChart(chart, length, curves) {
  const [width, height, left, bottom] = [chart.clientWidth || 400, 150, 52, 34];
  const unit = unitOf(curves[0].panel).trim();
  const all = curves.flatMap(({ values }) => values);
  const low = Math.min(...all);
  const high = Math.max(...all) > low ? Math.max(...all) : low + (Math.abs(low) || 1);
  const x = (at) => left + (at / length) * (width - left - 10);
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - bottom - 22);
  chart.replaceChildren();
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const spoken = curves.map(({ panel, title, values }) =>
    `${title} from ${rounded(panel, Math.min(...values))} to ${rounded(panel, Math.max(...values))}`);
  chart.setAttribute("aria-label", `profile over ${length.toFixed(0)} mm, ${spoken.join("; ")} ${unit}`);
  for (const [value, text] of ticksOf(0, length)) {
    addSvg(chart, "path", { class: "pv-axis", d: `M${x(value)} 22V${height - bottom + 4}` });
    addSvg(chart, "text", { x: x(value), y: height - bottom + 15, "text-anchor": "middle" }, text);
  }
  for (const [value, text] of ticksOf(low, high)) {
    addSvg(chart, "path", { class: "pv-axis", d: `M${left - 4} ${y(value)}H${width - 10}` });
    addSvg(chart, "text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, text);
  }
  addSvg(chart, "text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, "along the line [mm]");
  if (unit) addSvg(chart, "text", { x: 0, y: 12 }, `[${unit}]`);
  curves.forEach(({ title, values }, i) => {
    const [stroke, dash] = LINES[i % LINES.length];
    const line = values.map((value, k) => `${x((k / (values.length - 1 || 1)) * length)},${y(value)}`).join(" ");
    addSvg(chart, "polyline", { points: line, stroke, "stroke-dasharray": dash });
    const start = left + (i * (width - left)) / curves.length;
    const room = Math.floor(((width - left) / curves.length - 34) / 6);
    addSvg(chart, "path", { d: `M${start} 9h22`, stroke, "stroke-dasharray": dash });
    addSvg(chart, "text", { x: start + 27, y: 13 }, title.length > room ? `${title.slice(0, room - 1)}…` : title);
  });
}

export { circlePath, drawProfile, linePath, placesInside, radiusOf, statistics };
