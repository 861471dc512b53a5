// The slice viewer of petcourse: plain ES modules, this one, draw.js and measure.js; no build step, no library, no
// network. viewer.py joins the three, less their imports and exports.
//
// Two carriers use it. `show(root, data)` replaces the picture inside the element `root`, from a classic script in each
// output, which works in a saved notebook, an exported page and a slide, where there is neither a kernel nor a network.
// `render({model, el})` is the same viewer as an anywidget, which Python can steer and listen to (live.py).
//
// data = {alt, ncols, voxel: [dz, dy, dx], at: [z, y, x], frame, dims: ["z", "y", "x"],
//         axes: [[button, slider], ...]: one for each axis that may be cut, frames: {name, labels: [text] or null},
//         panels: [{title, unit, group, vmin, vmax, below, above, exact, digits, error, bar, contour: number or null,
//                   shape: [frames, z, y, x], colours: base64 of 256 x RGB, voxels: base64 of zlib of uint8}],
//         contours: [{voxels: base64 of zlib of uint8}]}

import { CSS, add, addButton, addRange, addSvg, boundOf, bytesOf, clamp, drawBar, inflate, nameOf, pixelTable, rounded,
         unitOf, valueOf, valueText } from "./draw.js";
import { circlePath, drawChart, linePath, placesAlong, placesInside, radiusOf, statistics } from "./measure.js";

const VIEWER_CSS = `
.pv [hidden] { display: none !important; }
.pv-panels { display: grid; gap: 8px 0; justify-content: start; }
/* Each panel takes its columns, picture and colour bar, from the grid: so all pictures are equally wide. */
.pv-panel { display: grid; grid-column: span 2; grid-template-columns: subgrid; gap: 3px 0; padding-right: 12px; }
.pv-stage { grid-column: 1; position: relative; overflow: hidden; width: 100%; align-self: start; }
/* .pv as well: JupyterLab has a rule for every svg. */
.pv .pv-stage > * { position: absolute; left: 0; top: 0; width: 100%; height: 100%; transform-origin: 0 0; }
.pv-stage:has(:focus-visible) { outline: 2px solid var(--pv-accent); outline-offset: 1px; }
.pv-image { cursor: crosshair; touch-action: pan-y; outline: none; }
.pv-image:not([data-tool=value]) { touch-action: none; }
.pv-image[data-tool=window] { cursor: ns-resize; }
.pv-image[data-tool=zoom] { cursor: grab; }
.pv-over { pointer-events: none; fill: none; }
.pv-over path { vector-effect: non-scaling-stroke; stroke-width: 1.5px; stroke: #7fd4ff; stroke-linecap: square; }
.pv-over .pv-mark { stroke: #ffd24d; }
.pv-over .pv-cross { stroke-width: 1px; stroke: #fff; }
.pv-over .pv-halo { stroke-width: 3.5px; stroke: #000; opacity: 0.45; } /* seen on any colour */
.pv-value { grid-column: 1; min-height: 1.35em; text-align: center; overflow: hidden; white-space: nowrap; }
.pv-controls { display: grid; grid-template-columns: max-content max-content minmax(60px, 1fr) max-content;
               gap: 4px 8px; align-items: center; margin-top: 4px; }
.pv-controls > div, .pv-controls label { display: contents; }
.pv-ends { display: flex; gap: 8px; }
.pv-where { display: block; opacity: 0.8; min-height: 1.35em; margin-top: 4px; }
.pv-tools { display: flex; flex-wrap: wrap; gap: 4px 12px; margin-top: 6px; }
.pv-tools > div { display: flex; }
.pv-tools button + button { border-left: 0; }
.pv-tools button:first-child { border-radius: 4px 0 0 4px; }
.pv-tools button:last-child { border-radius: 0 4px 4px 0; }
.pv button[aria-pressed=true] { background: var(--pv-faint); font-weight: 600; }
.pv-controls button { border-radius: 4px; padding: 2px 0; width: 26px; text-align: center; }
.pv .pv-chart { width: 100%; height: 150px; margin-top: 4px; fill: none; stroke-width: 1.5px; }
.pv-chart text { fill: currentColor; font-size: 11px; stroke: none; }
.pv-chart .pv-axis { stroke: currentColor; stroke-width: 1px; opacity: 0.2; }
`;

// What dragging in a picture does, or the arrow keys when it has the focus.
const TOOLS = {
  value: "Point at a voxel for its value; click to keep the crosshair. Wheel or Page keys change the slice.",
  window: "Drag up or down for brightness, sideways for contrast.",
  zoom: "Wheel or + and - zoom, dragging moves the picture, 0 resets.",
  profile: "Drag a line: the values along it are drawn below. Arrow keys move it.",
  region: "Drag from the centre of a circle outwards for mean and standard deviation; + and - resize it.",
};

// How an axis cuts a volume: slice k, row and column of the picture, and the voxel there. Planes along z are shown with
// the head up: the last z in the first row.
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

// The borders between voxels of different labels, as an SVG path.
function borders(labels, plane, slice) {
  const base = plane.start + slice * plane.slice;
  const label = (r, c) => (r < 0 || c < 0 || r >= plane.height || c >= plane.width ? 0
    : labels[base + r * plane.row + c * plane.column]);
  let path = "";
  for (let r = 0; r <= plane.height; r++) {
    for (let c = 0; c <= plane.width; c++) {
      const here = label(r, c);
      if (here !== label(r - 1, c)) path += `M${c} ${r}h1`;
      if (here !== label(r, c - 1)) path += `M${c} ${r}v1`;
    }
  }
  return path;
}

async function show(root, data) {
  root.dataset.ready = ""; // at once: the script of the next output looks for a root without it
  try {
    const unpack = (items) => Promise.all(items.map(({ voxels }) => inflate(bytesOf(voxels))));
    const [volumes, contours] = await Promise.all([unpack(data.panels), unpack(data.contours)]);
    const frames = data.panels.map(({ shape }, i) => {
      const size = shape[1] * shape[2] * shape[3];
      return Array.from({ length: shape[0] }, (_, k) => volumes[i].subarray(k * size, (k + 1) * size));
    });
    build(root, data, frames, contours);
    root.replaceChildren(root.lastChild); // the picture goes only now that the canvases are drawn
  } catch (error) { // the picture stays, and the reader learns why it does not move
    add(root, "p", "", `This browser shows one slice only, ${data.at[0]}: ${error.message}`);
    throw error;
  }
}

function build(root, data, frames, contours, changed = () => {}) {
  const state = { axis: 0, at: [...data.at], frame: data.frame, pinned: null, cursor: null, tool: "value",
                  zoom: 1, left: 0, top: 0, mark: null, active: 0, playing: null,
                  windows: data.panels.map(({ vmin, vmax }) => [vmin, vmax]) };
  const panels = data.panels.map((panel, i) =>
    ({ ...panel, frames: frames[i], colours: pixelTable(panel.colours), table: new Uint32Array(256),
       labels: contours[panel.contour] }));
  const view = document.createElement("div");
  view.className = "pv";
  view.setAttribute("role", "group");
  view.setAttribute("aria-label", data.alt);
  add(view, "style", "", CSS + VIEWER_CSS);
  const grid = add(view, "div", "pv-panels");
  panels.forEach(addPanel);
  const chart = addSvg(view, "svg", { class: "pv-chart", role: "img" });
  const controls = add(view, "div", "pv-controls");
  const sliders = [addSlider("slice"), addSlider("frame")];
  const ends = add(controls, "div");
  const windowName = add(ends, "span");
  add(ends, "span");
  const range = add(ends, "span", "pv-ends");
  const windowText = add(ends, "output");
  const [lower, upper] = ["lower end", "upper end"].map((name, k) => addRange(range, name, 255, (code) => {
    const window = [...state.windows[state.active]];
    window[k] = valueOf(panels[state.active], code);
    set({ window });
  }));
  const tools = add(view, "div", "pv-tools");
  const axisButtons = addChoice("cut along", data.axes.map(([name], k) => [name, () => set({ axis: k })]));
  axisButtons[0].parentElement.hidden = data.axes.length < 2;
  const toolButtons = addChoice("tool", Object.keys(TOOLS).map((name) => [name, () => set({ tool: name })]));
  const zooms = [["−", () => zoomBy(1 / 1.5), "zoom out"], ["+", () => zoomBy(1.5), "zoom in"]];
  addChoice("zoom", [...zooms, ["reset", reset]]);
  const where = add(view, "output", "pv-where");

  function addPanel(panel, i) {
    const box = add(grid, "div", "pv-panel");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", nameOf(panel));
    if (panel.title) add(box, "div", "pv-title", panel.title).title = panel.title;
    panel.stage = add(box, "div", "pv-stage");
    panel.canvas = add(panel.stage, "canvas", "pv-image");
    panel.canvas.tabIndex = 0;
    panel.canvas.setAttribute("role", "application"); // arrow keys are the tool's, see TOOLS
    panel.canvas.dataset.lmSuppressShortcuts = "true";
    panel.over = addSvg(panel.stage, "svg", { class: "pv-over", preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const name of ["contour", "cross", "mark"]) {
      const lines = ["pv-halo", `pv-${name}`].map((className) => addSvg(panel.over, "path", { class: className }));
      panel[name] = (d) => lines.forEach((line) => line.setAttribute("d", d));
    }
    if (panel.bar) {
      panel.bar = add(box, "div", "pv-bar");
      panel.bar.setAttribute("role", "img");
    }
    panel.value = add(box, "output", "pv-value");
    panel.value.setAttribute("aria-live", "off"); // it follows the mouse: read aloud, it would never stop
    panel.value.title = panel.exact ? "exact" : `8 bits: within ${panel.error} ${panel.unit} of the array's value`;
    panel.canvas.addEventListener("focus", () => { state.active = i; update(); });
  }

  function addSlider(key) {
    const row = add(controls, "div");
    const label = add(row, "label");
    const name = add(label, "span");
    const play = addButton(label, "", "", () => togglePlay(key));
    const input = addRange(label, key, 0, (value) => set({ [key]: value }));
    return { key, row, name, play, input, place: add(label, "output", "pv-place") };
  }

  function addChoice(name, choices) {
    const group = add(tools, "div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", name);
    return choices.map(([text, press, label]) => addButton(group, text, label, press));
  }

  const planeOf = (panel) => cut(panel.shape, state.axis, data.voxel);
  const frameOf = (panel) => Math.min(state.frame, panel.frames.length - 1); // a single frame stays put
  const frameCount = () => Math.max(...panels.map((panel) => panel.frames.length));
  const frameText = () => (data.frames.labels ? data.frames.labels[state.frame] : String(state.frame));
  const count = (key) => (key === "frame" ? frameCount() : panels[0].shape[state.axis + 1]);
  const get = (key) => (key === "frame" ? state.frame : state.at[state.axis]);
  // Panels of one shape are linked: all show their value at the place under the cursor.
  const linked = (panel, other) => String(panel.shape.slice(1)) === String(other.shape.slice(1));

  function codeAt(panel, [z, y, x]) {
    const [, , height, width] = panel.shape;
    return panel.frames[frameOf(panel)][(z * height + y) * width + x];
  }

  // The voxel at a place (row, column) of the picture.
  function voxelAt(panel, [row, column]) {
    const { height, width, at } = planeOf(panel);
    return at(state.at[state.axis], clamp(Math.floor(row), 0, height - 1), clamp(Math.floor(column), 0, width - 1));
  }

  // The voxel that is read: under the mouse, or else at the crosshair that was kept; in the slice that is shown.
  function pointed() {
    const panel = state.cursor?.panel ?? state.pinned;
    if (!panel) return null;
    const point = [...(state.cursor?.point ?? state.at)];
    point[state.axis] = state.at[state.axis];
    return { point, panel };
  }

  function readOut() {
    const read = pointed();
    const circle = state.tool === "region" && state.mark;
    for (const panel of panels) {
      const { height, width, place } = planeOf(panel);
      const shown = read && linked(panel, read.panel);
      const measured = circle && linked(panel, circle.panel);
      panel.value.textContent = measured ? statistics(panel, codesInside(panel))
        : shown && !circle ? valueText(panel, codeAt(panel, read.point)) : "";
      const [r, c] = shown ? place(read.point) : [];
      const [y, x] = [r + 0.5, c + 0.5]; // the voxel itself stays free
      panel.cross(shown && (state.pinned || state.tool === "value")
        ? `M0 ${y}H${c}M${c + 1} ${y}H${width}M${x} 0V${r}M${x} ${r + 1}V${height}` : "");
    }
    const names = read?.point.map((k, i) => `${data.dims[i]} ${k}`);
    if (read && frameCount() > 1) names.push(`${data.frames.name} ${frameText()}`);
    where.textContent = circle
      ? `mean ± standard deviation of ${codesInside(circle.panel).length} voxels, radius ${radius().toFixed(1)} mm`
      : read && state.tool === "value" ? names.join(", ") : TOOLS[state.tool];
    tell(read?.point ?? null);
  }

  // Whoever listens hears of a change once, and of a cursor that moves inside a voxel not at all.
  let told = "";
  function tell(point) {
    const news = JSON.stringify([state.axis, state.at[state.axis], state.frame, state.windows, point]);
    if (news !== told) {
      told = news;
      changed(state, point);
    }
  }

  function draw() {
    const paths = new Map(); // panels may share a mask
    for (const panel of panels) {
      const plane = planeOf(panel);
      const { canvas, table } = panel;
      if (canvas.width !== plane.width || canvas.height !== plane.height || !panel.pixels) {
        Object.assign(canvas, { width: plane.width, height: plane.height });
        panel.image = new ImageData(plane.width, plane.height);
        panel.pixels = new Uint32Array(panel.image.data.buffer);
      }
      const { pixels } = panel;
      const codes = panel.frames[frameOf(panel)];
      let pixel = 0;
      for (let r = 0; r < plane.height; r++) {
        let voxel = plane.start + state.at[state.axis] * plane.slice + r * plane.row;
        for (let c = 0; c < plane.width; c++, voxel += plane.column) pixels[pixel++] = table[codes[voxel]];
      }
      canvas.getContext("2d").putImageData(panel.image, 0, 0);
      canvas.setAttribute("aria-label", `${nameOf(panel)}, ${sliders.filter(({ key }) => count(key) > 1)
        .map(({ name, place }) => `${name.textContent} ${place.textContent}`).join(", ") || "the only slice"}`);
      const { labels } = panel;
      if (!labels) continue;
      if (!paths.has(labels)) paths.set(labels, borders(labels, plane, state.at[state.axis]));
      panel.contour(paths.get(labels));
    }
  }

  // As many pictures in a row as there is room for, in even rows; none is taller than 420 pixels, so that the sliders
  // can be seen together with it.
  function layout() {
    const planes = panels.map(planeOf);
    const ratios = planes.map(({ width, height, dx, dy }) => (width * dx) / (height * dy));
    const room = clamp(Math.floor((root.clientWidth || Infinity) / 170), 1, data.ncols);
    const columns = room < data.ncols ? Math.ceil(panels.length / Math.ceil(panels.length / room)) : room;
    const widest = Math.max(24, 420 * Math.min(1, ...ratios));
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${widest}px) auto)`;
    panels.forEach((panel, i) => { panel.stage.style.aspectRatio = ratios[i]; });
    for (const panel of panels) panel.wide = panel.stage.clientWidth;
    look();
    update();
  }

  // Zoom and pan. Enlarged voxels are shown as they are; shrunk ones averaged, for dropping rows would invent patterns.
  function look() {
    const { zoom, left, top } = state;
    for (const panel of panels) {
      const { width, height } = planeOf(panel);
      panel.canvas.style.transform = `scale(${zoom}) translate(${-100 * left}%, ${-100 * top}%)`;
      panel.canvas.style.imageRendering = panel.wide * zoom >= width ? "pixelated" : "auto";
      panel.over.setAttribute("viewBox", `${left * width} ${top * height} ${width / zoom} ${height / zoom}`);
    }
  }

  // Everything but the pixels: sliders, buttons, windows, marks.
  function update() {
    for (const { key, row, name, play, input, place } of sliders) {
      const [most, value, playing] = [count(key) - 1, get(key), state.playing?.key === key];
      row.hidden = most < 1;
      name.textContent = key === "frame" ? data.frames.name : data.axes[state.axis][1];
      input.max = most;
      input.value = value;
      place.textContent = key === "frame" && data.frames.labels ? frameText() : `${value} / ${most}`;
      input.setAttribute("aria-label", name.textContent);
      input.setAttribute("aria-valuetext", `${name.textContent} ${place.textContent}`);
      play.textContent = playing ? "❚❚" : "▶";
      play.setAttribute("aria-label", `${playing ? "pause" : "play"} ${name.textContent}`);
    }
    axisButtons.forEach((button, k) => button.setAttribute("aria-pressed", k === state.axis));
    toolButtons.forEach((button) => button.setAttribute("aria-pressed", button.textContent === state.tool));
    const active = panels[state.active];
    const [low, high] = state.windows[state.active];
    const code = (value) => Math.round((255 * (value - active.vmin)) / (active.vmax - active.vmin));
    ends.hidden = state.tool !== "window";
    windowName.textContent = active.title || "window";
    [lower.value, upper.value] = [code(low), code(high)];
    lower.setAttribute("aria-valuetext", rounded(active, low));
    upper.setAttribute("aria-valuetext", rounded(active, high));
    windowText.textContent = `${rounded(active, low)} to ${rounded(active, high)}${unitOf(active)}`;
    for (const panel of panels) {
      panel.canvas.dataset.tool = state.tool;
      panel.canvas.setAttribute("aria-description", TOOLS[state.tool]);
      panel.mark(state.mark && linked(panel, state.mark.panel) ? markPath(panel) : "");
    }
    chart.toggleAttribute("hidden", !(state.tool === "profile" && state.mark));
    if (!chart.hasAttribute("hidden")) drawProfile();
    readOut();
  }

  // The colours that a window gives to the 256 codes, by Matplotlib's rule.
  function colour() {
    panels.forEach((panel, i) => {
      const [low, high] = state.windows[i];
      for (let code = 0; code < 256; code++) {
        const part = (valueOf(panel, code) - low) / (high - low);
        panel.table[code] = panel.colours[clamp(Math.floor(256 * part), 0, 255)];
      }
      if (panel.bar) drawBar(panel, state.windows[i]);
    });
  }

  // The one way to change what is seen.
  let seen = "";
  function set({ axis = state.axis, tool = state.tool, at = state.at, frame = state.frame, slice, window, windows }) {
    const turned = !seen || clamp(axis, 0, data.axes.length - 1) !== state.axis;
    const other = turned || tool !== state.tool;
    const { group } = panels[state.active]; // one scale for all panels of a group
    const before = String(state.windows);
    state.axis = clamp(axis, 0, data.axes.length - 1);
    Object.assign(state, { tool, at: [...at], frame: clamp(frame, 0, frameCount() - 1) });
    if (slice !== undefined) state.at[state.axis] = clamp(slice, 0, count("slice") - 1);
    state.windows = panels.map((panel, i) =>
      within(panel, (panel.group === group && window) || windows?.[i] || state.windows[i]));
    const now = JSON.stringify([state.axis, tool, state.at, state.frame, state.windows]);
    if (now === seen) return;
    if (!seen || before !== String(state.windows)) colour();
    seen = now;
    if (other) startMark();
    if (turned) {
      Object.assign(state, { cursor: null, zoom: 1, left: 0, top: 0 });
      layout();
    } else update();
    draw();
  }

  // A window lies within the stored range, and is at least one of its 255 steps wide.
  function within({ vmin, vmax }, [low, high]) {
    const step = (vmax - vmin) / 255;
    const start = clamp(low, vmin, vmax - step);
    return [start, clamp(high, start + step, vmax)];
  }

  function togglePlay(key) {
    clearInterval(state.playing?.timer);
    const stop = state.playing?.key === key;
    state.playing = stop ? null : { key, timer: setInterval(() => {
      if (!view.isConnected) togglePlay(key); // the output was cleared
      else if (view.offsetWidth) set({ [key]: (get(key) + 1) % count(key) }); // not on a slide that is turned away
    }, key === "frame" ? 400 : 80) };
    update();
  }

  // Keeps the point (x, y) of the picture, 0 to 1, where it is on the screen.
  function zoomBy(factor, x = 0.5, y = 0.5) {
    const zoom = clamp(state.zoom * factor, 1, 20);
    const gain = (1 / state.zoom - 1 / zoom);
    pan(state.left + gain * x, state.top + gain * y, zoom);
  }

  function pan(left, top, zoom = state.zoom) {
    Object.assign(state, { zoom, left: clamp(left, 0, 1 - 1 / zoom), top: clamp(top, 0, 1 - 1 / zoom) });
    look();
  }

  function reset() {
    Object.assign(state, { pinned: null, cursor: null });
    pan(0, 0, 1);
    set({ tool: "value", windows: panels.map(({ vmin, vmax }) => [vmin, vmax]) });
    update();
  }

  // A mark is a line or a circle from one place (row, column) of the picture to another; keys move it as a whole.
  function startMark() {
    const panel = panels[state.active];
    const { height, width } = planeOf(panel);
    const [r, c] = [height / 2, width / 2];
    state.mark = state.tool === "profile" ? { panel, from: [r, c / 2], to: [r, 1.5 * c] }
      : state.tool === "region" ? { panel, from: [r, c], to: [r, 1.2 * c] } : null;
  }

  const markPath = (panel) => (state.tool === "profile" ? linePath : circlePath)(state.mark, planeOf(panel));
  const radius = () => radiusOf(state.mark, planeOf(state.mark.panel));
  const codesInside = (panel) =>
    placesInside(state.mark, planeOf(panel)).map((place) => codeAt(panel, voxelAt(panel, place)));

  function drawProfile() {
    const { panel } = state.mark;
    const places = placesAlong(state.mark);
    const shown = panels.filter((other) => other.unit === panel.unit && linked(other, panel));
    drawChart(chart, radius() || 1, shown.map((other) => {
      const codes = places.map((place) => codeAt(other, voxelAt(other, place)));
      const cropped = codes.some((code) => boundOf(other, code)) ? " (cut at its colour range)" : "";
      return { panel: other, title: nameOf(other) + cropped, values: codes.map((code) => valueOf(other, code)) };
    }));
  }

  function pin(panel, place) {
    Object.assign(state, { pinned: panel, cursor: null });
    set({ at: voxelAt(panel, place) });
    readOut();
  }

  // What dragging does with each tool, from where it started; places are [row, column], parts are of the picture.
  const drag = {
    value: (start, now) => pin(start.panel, now.place),
    window: (start, now) => {
      const [low, high] = start.window;
      const width = (high - low) * Math.exp(2 * (now.part[1] - start.part[1]));
      const middle = (low + high) / 2 + (now.part[0] - start.part[0]) * (start.panel.vmax - start.panel.vmin);
      set({ window: [middle - width / 2, middle + width / 2] });
    },
    zoom: (start, now) => pan(start.left - (now.part[1] - start.part[1]) / state.zoom,
                              start.top - (now.part[0] - start.part[0]) / state.zoom),
    profile: (start, now) => {
      state.mark = { panel: start.panel, from: start.place, to: now.place };
      update();
    },
  };
  drag.region = drag.profile;

  // What an arrow key does: one step [down, right].
  const step = {
    value: (panel, by) => {
      const [r, c] = planeOf(panel).place(state.at);
      pin(panel, state.pinned ? [r + by[0], c + by[1]] : [r, c]);
    },
    window: (panel, by) => {
      const [low, high] = state.windows[state.active];
      const size = (panel.vmax - panel.vmin) / 50;
      set({ window: [low - size * (by[0] + by[1]), high - size * (by[0] - by[1])] });
    },
    zoom: (panel, by) => pan(state.left + (by[1] * 0.1) / state.zoom, state.top + (by[0] * 0.1) / state.zoom),
    profile: (panel, by) => {
      const { from, to } = state.mark;
      const size = planeOf(state.mark.panel);
      by.forEach((far, i) => {
        const [near, most] = [Math.min(from[i], to[i]), Math.max(from[i], to[i])];
        const moved = clamp(far, -near, [size.height, size.width][i] - most);
        from[i] += moved;
        to[i] += moved;
      });
      update();
    },
  };
  step.region = step.profile;

  function resize(larger) {
    if (state.tool !== "region") return zoomBy(larger ? 1.25 : 0.8);
    const { from: [r, c], panel } = state.mark;
    state.mark.to = [r, c + Math.max(0.5, radius() / planeOf(panel).dx + (larger ? 1 : -1))];
    update();
  }

  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  function pressed(event, panel) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    where.setAttribute("aria-live", "polite"); // keys move it step by step, which may be read aloud
    const { key } = event;
    if (ARROWS[key]) step[state.tool](panel, ARROWS[key].map((k) => k * (event.shiftKey ? 10 : 1)));
    else if (key === "PageUp" || key === "PageDown") set({ slice: get("slice") + (key === "PageUp" ? 1 : -1) });
    else if ("+=-".includes(key)) resize(key !== "-");
    else if (key === "0") reset();
    else if (key === "Escape") panel.canvas.blur(); // so that the next keys turn slides again
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  // A slide show would turn the slide at the keys of sliders and buttons.
  view.addEventListener("keydown", (event) => {
    if (/^(Arrow|Page|Home|End|Enter| )/.test(event.key)) event.stopPropagation();
  });

  panels.forEach((panel, i) => {
    const { canvas } = panel;
    let start = null;
    function placed({ clientX, clientY }) {
      const { height, width } = planeOf(panel);
      const [box, stage] = [canvas.getBoundingClientRect(), panel.stage.getBoundingClientRect()];
      const [row, column] = [(clientY - box.top) / box.height, (clientX - box.left) / box.width];
      return { place: [clamp(row, 0, 1) * height, clamp(column, 0, 1) * width],
               part: [(clientY - stage.top) / stage.height, (clientX - stage.left) / stage.width] };
    }
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      state.active = i;
      canvas.setPointerCapture(event.pointerId);
      start = { ...placed(event), panel, window: state.windows[i], left: state.left, top: state.top };
      if (state.tool === "value") drag.value(start, start);
      else update();
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = placed(event);
      where.setAttribute("aria-live", "off");
      if (start) return drag[state.tool](start, now);
      state.cursor = { panel, point: voxelAt(panel, now.place) };
      readOut();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { start = null; });
    canvas.addEventListener("pointerleave", () => {
      state.cursor = null;
      readOut();
    });
    canvas.addEventListener("keydown", (event) => pressed(event, panel));
    let turned = 0; // a track pad sends many small turns, a wheel few of 100 or more
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey) return; // the browser's zoom
      const way = Math.sign(event.deltaY);
      const zooming = state.tool === "zoom";
      const done = zooming ? state.zoom === 1 && way > 0 : get("slice") === (way > 0 ? count("slice") - 1 : 0);
      if (done) return; // the page scrolls on, so that nobody is caught inside a picture
      event.preventDefault();
      turned += event.deltaMode ? 100 * way : event.deltaY;
      if (Math.abs(turned) < 40) return;
      const by = Math.round(turned / 100) || way;
      turned = 0;
      const { part: [y, x] } = placed(event);
      if (zooming) zoomBy(1.2 ** -by, x, y);
      else set({ slice: get("slice") + by });
    }, { passive: false });
  });

  // Other volumes, or more frames of them, from Python.
  function load(given, bounds) {
    panels.forEach((panel, i) => Object.assign(panel, { frames: given[i] }, bounds[i]));
    state.frame = Math.min(state.frame, frameCount() - 1);
    update();
    draw();
  }

  root.append(view);
  set({});
  // In the next frame, for a picture that grew within this one would call for another round.
  new ResizeObserver(() => requestAnimationFrame(layout)).observe(root);
  return { set, load, state };
}

// The live carrier. Each frame of each panel is a trait of its own, so that a new one is sent alone.
async function render({ model, el }) {
  const root = add(el, "div", "pv-root");
  root.dataset.ready = "";
  const bytes = (name) => {
    const view = model.get(name);
    return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  const sent = () => JSON.stringify(model.get("_sent"));
  // the volumes follow the widget in messages of their own
  if (!model.get("_sent").length) await new Promise((there) => { model.on("change:_sent", there); });
  const gather = () => model.get("_sent").map((frames, i) => frames.map((_, k) => bytes(`_voxels_${i}_${k}`)));
  const bounds = () => model.get("_bounds").map(([below, above]) => ({ below, above }));
  const data = { ...model.get("_data"), frame: model.get("frame") };
  const viewer = build(root, data, gather(), data.contours.map((_, i) => bytes(`_contour_${i}`)), (state, point) => {
    const { axis, at, frame, windows } = state;
    model.set({ slice: at[axis], frame, axis, window: windows, cursor: point });
    model.save_changes();
  });
  const steer = () => viewer.set({ axis: model.get("axis"), slice: model.get("slice"), frame: model.get("frame"),
                                   windows: model.get("window") });
  let seen = sent();
  const refresh = () => {
    if (seen !== sent()) {
      seen = sent();
      viewer.load(gather(), bounds());
    }
    steer();
  };
  steer();
  viewer.load(gather(), bounds());
  model.on("change", refresh);
  return () => model.off("change", refresh);
}

export { render, show };
