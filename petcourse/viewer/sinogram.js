// The sinogram explorer of petcourse. `showSinogram(root, data)` replaces the picture inside the element `root` by an
// image and its sinogram: the line of the chosen bin is drawn across the image, and the curve of the chosen voxel
// across the sinogram. Where the crystals are, and which two make a bin, is the scanner's own table.
//
// data = {alt, start: {bin: [angle, bin], voxel: [row, column]}, axes: {x, y, voxel} in mm, gap: [r, g, b],
//         crystals: float32 (slot, x and y), pairs: uint16 (2, angle, bin), live: uint8 (angle, bin),
//         parts: [image, sinogram], as the panels of volumes.js}, where arrays are base64 of zlib

import { add, addSvg, bytesOf, drawBar, inflate, paint, pixelTable, ticksOf, valueText } from "./draw.js";

const TO_DO = "Point at a bin or a voxel, or use the arrow and Page keys; a click or Enter holds it.";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -10],
  End: [0, 10], PageUp: [-10, 0], PageDown: [10, 0] };

const signed = (number) => (Math.round(10 * number) / 10 || 0).toFixed(1).replace("-", "−"); // no −0.0

async function showSinogram(root, data) {
  root.dataset.ready = ""; // at once: the script of the next output looks for a root without it
  try {
    const packed = [data.crystals, data.pairs, data.live, ...data.parts.map((part) => part.voxels)];
    const [crystals, pairs, live, ...codes] = await Promise.all(packed.map((text) => inflate(bytesOf(text))));
    const lines = linesOf(new Float32Array(crystals.buffer), new Uint16Array(pairs.buffer));
    const parts = data.parts.map((part, i) => ({ ...part, codes: codes[i], colours: pixelTable(part.colours) }));
    explore(root, data, parts, live, lines);
  } catch (error) { // the picture stays, and the reader learns why it does not move
    add(root, "p", "", `This browser shows one line only: ${error.message}`);
    throw error;
  }
}

// The line of each bin: the numbers of its crystals, its ends, its normal, and how far along that it passes the axis.
function linesOf(crystals, pairs) {
  const count = pairs.length / 2;
  return Array.from({ length: count }, (_, i) => {
    const slots = [pairs[i], pairs[count + i]];
    const [start, end] = slots.map((slot) => [crystals[2 * slot], crystals[2 * slot + 1]]);
    const length = Math.hypot(end[0] - start[0], end[1] - start[1]);
    const [nx, ny] = [(end[1] - start[1]) / length, (start[0] - end[0]) / length];
    return { slots, start, end, nx, ny, distance: start[0] * nx + start[1] * ny };
  });
}

// `across` and `up` are axes: the values at the two ends, and a name.
function addPlot(parent, part, colour, across, up) {
  const panel = add(parent, "div", "ps-panel");
  const title = add(panel, "div", "pv-title", part.title);
  for (const [side, [low, high, name]] of [["ps-x", across], ["ps-y", up]]) {
    const axis = add(panel, "div", `ps-axis ${side}`);
    add(axis, "span", "ps-name", name);
    for (const [value, text] of ticksOf(Math.min(low, high), Math.max(low, high))) {
      const at = `${(100 * (value - low)) / (high - low)}%`;
      add(axis, "span", "", text.replace("-", "−")).style.setProperty("--at", at);
    }
  }
  const field = add(panel, "div", "ps-field");
  Object.assign(field.dataset, { lmSuppressShortcuts: "true", preventSwipe: "" }); // keys and touches are ours
  field.tabIndex = 0;
  field.setAttribute("role", "application"); // a screen reader hands the arrow keys over
  field.setAttribute("aria-label", `${part.title}: arrow and Page keys move, Enter holds the place`);
  const canvas = add(field, "canvas");
  const spans = [across[0], -up[1], across[1] - across[0], Math.abs(up[1] - up[0])]; // a drawing's y points down
  const svg = addSvg(field, "svg", { viewBox: spans.join(" "), preserveAspectRatio: "none", "aria-hidden": "true" });
  const bar = add(panel, "div", "pv-bar");
  bar.setAttribute("role", "img");
  drawBar(bar, part, [part.vmin, part.vmax]);
  const output = add(panel, "output", colour);
  output.title = part.exact ? "exact" : `8 bits: within ${part.error} ${part.unit} of the array's value`;
  return { title, field, canvas, svg, output };
}

// A dark edge lies below each coloured stroke: it is seen on bright and on dark colours.
function addStroke(svg, className) {
  const paths = [" ps-edge", ""].map((edge) => addSvg(svg, "path", { class: className + edge }));
  return (d, dead = false) => paths.forEach((path) => {
    path.setAttribute("d", d);
    path.classList.toggle("ps-dead", dead);
  });
}

// Move the place [row, column] of a panel by mouse, touch or keys; `draw` returns what is said: value, place, more.
function follow({ field, output }, counts, start, placeAt, draw) {
  let [place, held] = [start, false];
  function go(to, aloud) {
    place = to.map((k, axis) => Math.max(0, Math.min(counts[axis] - 1, k)));
    const [value, where, more] = draw(place);
    output.setAttribute("aria-live", aloud ? "polite" : "off"); // the mouse's moves, read aloud, would never end
    output.replaceChildren();
    add(output, "b", "", value);
    output.append(where + (held ? ", held" : ""));
    add(output, "span", "", more);
  }
  function pointed(event) {
    const box = field.getBoundingClientRect();
    return placeAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }
  for (const moved of ["pointermove", "pointerdown"]) {
    field.addEventListener(moved, (event) => { if (!held) go(pointed(event), false); });
  }
  field.addEventListener("click", (event) => { held = !held; go(held ? place : pointed(event), false); });
  field.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey || !(step || event.key === "Enter")) return;
    event.preventDefault();
    event.stopPropagation(); // a slide show would turn to another slide
    if (!step) held = !held;
    go(step ? place.map((k, axis) => k + step[axis]) : place, true);
  });
  go(start, false);
}

function explore(root, data, [image, sinogram], live, lines) {
  const [rows, columns] = image.shape.slice(2);
  const [angles, bins] = sinogram.shape.slice(2);
  const { x: left, y: top, voxel: size } = data.axes; // of the centre of voxel [0, 0]; y points up
  const ring = Math.min(...lines.map(({ start }) => Math.hypot(...start)));
  const half = (columns * size) / 2;
  const edge = Math.max(half, 1.05 * ring); // how far from the axis is drawn

  const view = document.createElement("div");
  view.className = "pv ps";
  view.setAttribute("role", "group");
  view.setAttribute("aria-label", data.alt);
  const panels = add(view, "div", "ps-panels");
  const imagePlot = addPlot(panels, image, "ps-voxel", [-edge, edge, "x [mm]"], [-edge, edge, "y [mm]"]);
  const sinogramPlot = addPlot(panels, sinogram, "ps-bin", [0, bins, "bin"], [angles, 0, "angle"]);
  add(view, "div", "ps-hint", TO_DO);

  paint(imagePlot.canvas, columns, rows, image.codes, image.colours);
  const [share, margin] = [`${(100 * half) / edge}%`, `${50 - (50 * half) / edge}%`];
  Object.assign(imagePlot.canvas.style, { width: share, height: share, left: margin, top: margin });
  const gap = 0xff000000 | (data.gap[2] << 16) | (data.gap[1] << 8) | data.gap[0];
  const codes = Uint16Array.from(sinogram.codes, (code, i) => (live[i] ? code : 256));
  paint(sinogramPlot.canvas, bins, angles, codes, [...sinogram.colours, gap]);
  const legend = add(sinogramPlot.title, "span");
  add(legend, "i").style.background = `rgb(${data.gap})`;
  legend.append("gap");

  const dot = ([x, y]) => `M${x} ${-y}h0.001`;
  const counting = lines.filter((_, i) => live[i]); // the ends of the others are gaps
  const crystals = new Map(counting.flatMap(({ slots, start, end }) => [[slots[0], start], [slots[1], end]]));
  addSvg(imagePlot.svg, "path", { class: "ps-ring", d: Array.from(crystals.values(), dot).join("") });
  const [drawLine, drawEnds] = ["ps-line", "ps-mark ps-ends"].map((name) => addStroke(imagePlot.svg, `ps-bin ${name}`));
  const drawCurve = addStroke(sinogramPlot.svg, "ps-voxel ps-curve");
  const markVoxel = addStroke(imagePlot.svg, "ps-voxel ps-mark");
  const markBin = addStroke(sinogramPlot.svg, "ps-bin ps-mark");

  // For each angle the bin whose line passes nearest; none where that is an outermost one, which may be far away.
  function curveOf(x, y) {
    let [d, pen] = ["", "M"];
    for (let a = 0; a < angles && Math.hypot(x, y) < ring; a++) {
      let [nearest, least] = [0, Infinity];
      for (let w = 0; w < bins; w++) {
        const { nx, ny, distance } = lines[a * bins + w];
        const off = Math.abs(nx * x + ny * y - distance);
        if (off < least) [nearest, least] = [w, off];
      }
      const seen = nearest > 0 && nearest < bins - 1;
      if (seen) d += `${pen}${nearest + 0.5} ${a + 0.5}`;
      pen = seen ? "L" : "M";
    }
    return d;
  }

  follow(imagePlot, [rows, columns], data.start.voxel,
    (u, v) => [Math.round((top - (1 - 2 * v) * edge) / size), Math.round(((2 * u - 1) * edge - left) / size)],
    ([row, column]) => {
      const [x, y] = [left + column * size, top - row * size];
      const curve = curveOf(x, y);
      markVoxel(dot([x, y]));
      drawCurve(curve);
      return [valueText(image, image.codes[row * columns + column]), `row ${row}, column ${column}`,
        `x ${signed(x)} mm, y ${signed(y)} mm${curve ? "" : ", seen by no line"}`];
    });
  const binAt = (u, v) => [Math.floor(v * angles), Math.floor(u * bins)];
  follow(sinogramPlot, [angles, bins], data.start.bin, binAt, ([a, w]) => {
    const i = a * bins + w;
    const { slots, start, end, nx, ny, distance } = lines[i];
    const turned = (-180 / Math.PI) * Math.atan2(ny, nx); // clockwise, as the crystals are numbered
    markBin(`M${w + 0.5} ${a + 0.5}h0.001`);
    drawLine(`M${start[0]} ${-start[1]}L${end[0]} ${-end[1]}`, !live[i]);
    drawEnds(dot(start) + dot(end), !live[i]);
    return [live[i] ? valueText(sinogram, sinogram.codes[i]) : "gap: never counts", `angle ${a}, bin ${w}`,
      `crystals ${slots.join(" and ")}, ${signed(distance)} mm off axis, ` +
      `turned ${signed(turned < -90 ? turned + 360 : turned)}°`];
  });
  root.replaceChildren(root.querySelector("style"), view); // the picture goes only now that all is drawn
}

export { showSinogram };
