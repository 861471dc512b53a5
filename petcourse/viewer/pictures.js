// The pictures, one for each panel: the slice in its colours; contour, crosshair and mark over it; the colour bar
// beside it; the value that is read below it.

import { add, addSvg, clamp, drawBar, nameOf, valueOf } from "./draw.js";
import { contourPath, fill } from "./plane.js";
import { TOOLS } from "./tools.js";

class Picture {
  constructor(grid, state, number) {
    const panel = state.panels[number];
    Object.assign(this, { state, number, panel, table: new Uint32Array(256) });
    const box = add(grid, "div", "pv-panel");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", nameOf(panel));
    if (panel.title) add(box, "div", "pv-title", panel.title).title = panel.title;
    this.stage = add(box, "div", "pv-stage");
    this.canvas = add(this.stage, "canvas", "pv-image");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application"); // arrow keys are the tool's, see TOOLS
    this.canvas.dataset.lmSuppressShortcuts = "true";
    this.over = addSvg(this.stage, "svg", { class: "pv-over", preserveAspectRatio: "none", "aria-hidden": "true" });
    [this.drawContour, this.drawCross, this.drawMark] = ["contour", "cross", "mark"].map((name) => {
      const lines = ["pv-halo", `pv-${name}`].map((className) => addSvg(this.over, "path", { class: className }));
      return (d) => lines.forEach((line) => line.setAttribute("d", d));
    });
    if (panel.bar) {
      this.bar = add(box, "div", "pv-bar");
      this.bar.setAttribute("role", "img");
    }
    this.value = add(box, "output", "pv-value");
    this.value.setAttribute("aria-live", "off"); // it follows the mouse: read aloud, it would never stop
    this.value.title = panel.exact ? "exact" : `8 bits: within ${panel.error} ${panel.unit} of the array's value`;
  }

  get plane() {
    return this.state.plane(this.number);
  }

  // The colours that a window gives to the 256 codes, by Matplotlib's rule.
  colour() {
    const [low, high] = this.state.windows[this.number];
    for (let code = 0; code < 256; code++) {
      const part = (valueOf(this.panel, code) - low) / (high - low);
      this.table[code] = this.panel.colours[clamp(Math.floor(256 * part), 0, 255)];
    }
    if (this.bar) drawBar(this.bar, this.panel, [low, high]);
  }

  draw() {
    const { canvas, plane, state } = this;
    const { width, height } = plane;
    if (canvas.width !== width || canvas.height !== height || !this.image) {
      Object.assign(canvas, { width, height });
      this.image = new ImageData(width, height);
    }
    fill(new Uint32Array(this.image.data.buffer), state.codes(this.number), plane, state.get("slice"), this.table);
    canvas.getContext("2d").putImageData(this.image, 0, 0);
    const places = ["slice", "frame"].filter((key) => state.count(key) > 1)
      .map((key) => `${state.nameOf(key)} ${state.textOf(key)}`);
    canvas.setAttribute("aria-label", `${nameOf(this.panel)}, ${places.join(", ") || "the only slice"}`);
  }

  // Zoom and pan. Enlarged voxels are shown as they are; shrunk ones averaged, for dropping rows would invent patterns.
  look() {
    const { zoom, left, top } = this.state;
    const { width, height } = this.plane;
    this.canvas.style.transform = `scale(${zoom}) translate(${-100 * left}%, ${-100 * top}%)`;
    this.canvas.style.imageRendering = this.wide * zoom >= width ? "pixelated" : "auto";
    this.over.setAttribute("viewBox", `${left * width} ${top * height} ${width / zoom} ${height / zoom}`);
  }

  update() {
    const { canvas, state } = this;
    const { tool, mark } = state;
    canvas.dataset.tool = tool;
    canvas.setAttribute("aria-description", TOOLS[tool].hint);
    this.drawMark(mark && state.linked(this.number, mark.panel) ? TOOLS[tool].path(mark, this.plane) : "");
  }

  readOut() {
    const { state, number } = this;
    const read = state.pointed();
    this.value.textContent = TOOLS[state.tool].readOut(state, number);
    if (!read || !state.linked(number, read.panel) || (state.pinned === null && state.tool !== "value")) {
      return this.drawCross("");
    }
    const { height, width, place } = this.plane;
    const [r, c] = place(read.point);
    const [y, x] = [r + 0.5, c + 0.5]; // the voxel itself stays free
    this.drawCross(`M0 ${y}H${c}M${c + 1} ${y}H${width}M${x} 0V${r}M${x} ${r + 1}V${height}`);
  }
}

function drawContours(pictures) {
  const paths = new Map(); // panels may share a mask
  for (const { panel, plane, state, drawContour } of pictures) {
    const { contour } = panel;
    if (!contour) continue;
    if (!paths.has(contour)) paths.set(contour, contourPath(contour, plane, state.get("slice")));
    drawContour(paths.get(contour));
  }
}

// As many pictures in a row as there is room for, in even rows; none is taller than 420 pixels, so that the sliders
// can be seen together with it.
function layOut(grid, pictures, room, most) {
  const ratios = pictures.map(({ plane }) => (plane.width * plane.dx) / (plane.height * plane.dy));
  const fitting = clamp(Math.floor((room || Infinity) / 170), 1, most);
  const columns = fitting < most ? Math.ceil(pictures.length / Math.ceil(pictures.length / fitting)) : fitting;
  const widest = Math.max(24, 420 * Math.min(1, ...ratios));
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${widest}px) auto)`;
  pictures.forEach(({ stage }, i) => { stage.style.aspectRatio = ratios[i]; });
  for (const picture of pictures) picture.wide = picture.stage.clientWidth;
}

export { Picture, drawContours, layOut };
