// The slice viewer of petcourse: one plain ES module, no build step, no library, no network.
//
// `show(root, data)` replaces the picture inside the element `root` by canvases and sliders. viewer.py embeds
// this file, less its last line, in a classic script of each output: such an output works in a saved notebook,
// an exported page and a slide, where there is neither a kernel nor a network.
//
// data = {alt, ncols, voxel: [dz, dy, dx], slice, frame,
//         sliders: [["slice", count, name], ["frame", count, name]],
//         panels: [{title, unit, lo, hi, below, above, exact, digits, error, bar, ticks: [[value, text]],
//                   shape: [frames, z, y, x], colours: base64 of 256 x RGB, voxels: base64 of zlib of uint8}]}

// Text takes the colour of the page around it, which is right in a light theme, a dark one and on a slide alike.
const CSS = `
.pv { font: 13px/1.35 var(--jp-ui-font-family, system-ui, sans-serif); color: inherit; width: fit-content;
      max-width: 100%; padding: 2px; }
.pv * { box-sizing: border-box; }
.pv-panels { display: grid; gap: 8px 0; }
/* Each panel takes its columns, picture and colour bar, from the grid: so all pictures are equally wide. */
.pv-panel { display: grid; grid-column: span 2; grid-template-columns: subgrid; gap: 3px 0; padding-right: 12px; }
.pv-title { font-weight: 600; text-align: center; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.pv-image { grid-column: 1; display: block; width: 100%; cursor: crosshair; touch-action: pan-y; }
.pv-bar { grid-column: 2; position: relative; }
.pv-bar canvas { display: block; position: absolute; left: 5px; width: 10px; height: 100%; }
.pv-tick { position: absolute; left: 15px; transform: translateY(50%); padding-left: 7px; font-size: 11px;
           line-height: 1; white-space: nowrap; }
.pv-tick::before { content: ""; position: absolute; left: 0; top: 50%; width: 4px; border-top: 1px solid; }
.pv-unit { position: absolute; right: 0; top: 50%; font-size: 11px; line-height: 1; white-space: nowrap;
           writing-mode: vertical-rl; transform: translateY(-50%) rotate(180deg); }
.pv-value { grid-column: 1; min-height: 1.35em; text-align: center; overflow: hidden; white-space: nowrap; }
.pv-controls { display: grid; grid-template-columns: max-content minmax(60px, 1fr) max-content; gap: 4px 10px;
               align-items: center; margin-top: 4px; }
.pv-controls label { display: contents; }
.pv output, .pv-tick { font-variant-numeric: tabular-nums; }
.pv-where { grid-column: 1 / -1; opacity: 0.75; }
.pv input[type=range] { appearance: none; -webkit-appearance: none; width: 100%; height: 20px; margin: 0; padding: 0;
                        background: none; color: inherit; cursor: pointer; }
.pv input::-webkit-slider-runnable-track { height: 4px; border-radius: 2px;
                                           background: color-mix(in srgb, currentColor 25%, transparent); }
.pv input::-moz-range-track { height: 4px; border-radius: 2px;
                              background: color-mix(in srgb, currentColor 25%, transparent); }
.pv input::-webkit-slider-thumb { -webkit-appearance: none; width: 16px; height: 16px; margin-top: -6px; border: 0;
                                  border-radius: 50%; background: var(--jp-brand-color1, #1976d2); }
.pv input::-moz-range-thumb { width: 16px; height: 16px; border: 0; border-radius: 50%;
                              background: var(--jp-brand-color1, #1976d2); }
.pv input:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; border-radius: 4px; }
`;

const HINT = "Point at a voxel for its value. Wheel or arrow keys change the slice.";

// Every text goes through textContent: a title is never parsed as HTML.
function add(parent, tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A canvas wants 32-bit pixels, so each of the 256 codes is turned into one once, not at every draw.
function pixelTable(base64) {
  const rgb = bytesOf(base64);
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    table[i] = 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i];
  }
  return table;
}

function paint(canvas, width, height, codes, table) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[codes[i]];
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function addBar(parent, panel) {
  const bar = add(parent, "div", "pv-bar");
  const longest = Math.max(...panel.ticks.map(([, text]) => text.length));
  bar.style.width = `${24 + 7 * longest + (panel.unit ? 16 : 0)}px`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `colour bar from ${panel.lo} to ${panel.hi} ${panel.unit}`);
  paint(add(bar, "canvas"), 1, 256, Uint8Array.from({ length: 256 }, (_, i) => 255 - i), panel.table);
  for (const [value, text] of panel.ticks) {
    add(bar, "span", "pv-tick", text).style.bottom = `${(100 * (value - panel.lo)) / (panel.hi - panel.lo)}%`;
  }
  add(bar, "span", "pv-unit", panel.unit);
}

function addPanel(parent, panel, voxel) {
  const [, , height, width] = panel.shape;
  const box = add(parent, "div", "pv-panel");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", panel.title || "volume");
  if (panel.title) add(box, "div", "pv-title", panel.title).title = panel.title;
  panel.canvas = add(box, "canvas", "pv-image");
  panel.canvas.setAttribute("role", "img");
  panel.canvas.style.aspectRatio = `${width * voxel[2]} / ${height * voxel[1]}`;
  if (panel.bar) addBar(box, panel);
  panel.value = add(box, "output", "pv-value");
  panel.value.setAttribute("aria-live", "off"); // it follows the mouse: read aloud, it would never stop
  panel.value.title = panel.exact ? "exact" : `8 bits: within ${panel.error} ${panel.unit} of the array's value`;
  // Enlarged voxels are shown as they are; shrunk ones are averaged, for dropping rows would invent patterns.
  new ResizeObserver(() => {
    panel.canvas.style.imageRendering = panel.canvas.clientWidth >= width ? "pixelated" : "auto";
  }).observe(panel.canvas);
}

// Without `data-lm-suppress-shortcuts` on the input itself JupyterLab takes the arrow keys for its own.
function addSlider(parent, [key, count, name], set) {
  const label = add(parent, "label");
  add(label, "span", "", name);
  const input = add(label, "input");
  Object.assign(input, { type: "range", min: 0, max: count - 1, step: 1 });
  input.dataset.lmSuppressShortcuts = "true";
  input.setAttribute("aria-label", name);
  input.addEventListener("input", () => set({ [key]: Number(input.value) }));
  return { key, input, count, name, place: add(label, "output", "pv-place") };
}

function valueText(panel, code) {
  const value = panel.lo + ((panel.hi - panel.lo) * code) / 255;
  const bound = (code === 255 && panel.above && "≥ ") || (code === 0 && panel.below && "≤ ") || "";
  const number = panel.exact ? String(Math.round(value)) : String(Number(value.toPrecision(panel.digits)));
  return `${bound}${number} ${panel.unit}`.trim();
}

async function show(root, data) {
  root.dataset.ready = ""; // at once: the script of the next output looks for a root without it
  try {
    const volumes = await Promise.all(data.panels.map((panel) => inflate(bytesOf(panel.voxels))));
    return build(root, data, data.panels.map((panel, i) =>
      ({ ...panel, codes: volumes[i], voxels: null, table: pixelTable(panel.colours) })));
  } catch (error) { // the picture stays, and the reader learns why it does not move
    add(root, "p", "", `This browser shows one slice only, ${data.slice}: ${error.message}`);
    throw error;
  }
}

function build(root, data, panels) {
  const state = { slice: data.slice, frame: data.frame, cursor: null };
  const view = document.createElement("div");
  view.className = "pv";
  view.setAttribute("role", "group");
  view.setAttribute("aria-label", data.alt);
  add(view, "style", "", CSS);

  // Narrow enough that one picture and the slider fit on a screen together.
  const ratios = panels.map(({ shape }) => (shape[3] * data.voxel[2]) / (shape[2] * data.voxel[1]));
  const widest = Math.max(120, 420 * Math.min(1, ...ratios));
  const grid = add(view, "div", "pv-panels");
  grid.style.gridTemplateColumns = `repeat(${data.ncols}, minmax(0, ${widest}px) auto)`;
  for (const panel of panels) addPanel(grid, panel, data.voxel);
  const controls = add(view, "div", "pv-controls");
  const sliders = data.sliders.filter(([, count]) => count > 1).map((slider) => addSlider(controls, slider, set));
  const where = add(controls, "output", "pv-where");
  where.setAttribute("aria-live", "off");

  const frameOf = (panel) => Math.min(state.frame, panel.shape[0] - 1); // a single frame stays put
  function codesOf(panel) {
    const [, slices, height, width] = panel.shape;
    const start = (frameOf(panel) * slices + state.slice) * height * width;
    return panel.codes.subarray(start, start + height * width);
  }

  function readOut() {
    const at = state.cursor;
    where.textContent = at ? `[${[...at.index(), at.y, at.x].join(", ")}]` : HINT;
    for (const panel of panels) {
      // Panels of one size are linked: all show their value at the place under the cursor.
      const [, , height, width] = panel.shape;
      const linked = at && height === at.height && width === at.width;
      panel.value.textContent = linked ? valueText(panel, codesOf(panel)[at.y * width + at.x]) : "";
    }
  }

  function draw() {
    for (const panel of panels) {
      paint(panel.canvas, panel.shape[3], panel.shape[2], codesOf(panel), panel.table);
      const place = sliders.map(({ key, name }) => `${name} ${state[key]}`).join(", ");
      panel.canvas.setAttribute("aria-label", `${panel.title || "volume"}, ${place || "the only slice"}`);
    }
    for (const { key, input, count, name, place } of sliders) {
      input.value = state[key];
      input.setAttribute("aria-valuetext", `${name} ${input.value} of 0 to ${count - 1}`);
      place.textContent = `${input.value} / ${count - 1}`;
    }
    readOut();
  }

  // The one way to change what is seen; returns whether anything did.
  function set(change) {
    let moved = false;
    for (const { key, count } of sliders) {
      const wanted = Math.max(0, Math.min(count - 1, change[key] ?? state[key]));
      moved ||= wanted !== state[key];
      state[key] = wanted;
    }
    if (moved) draw();
    return moved;
  }

  for (const panel of panels) {
    const [frames, , height, width] = panel.shape;
    panel.canvas.addEventListener("pointermove", (event) => {
      const box = panel.canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - box.left) / box.width) * width);
      const y = Math.floor(((event.clientY - box.top) / box.height) * height);
      const inside = x >= 0 && x < width && y >= 0 && y < height;
      const index = () => (frames > 1 ? [frameOf(panel), state.slice] : [state.slice]);
      state.cursor = inside ? { x, y, width, height, index } : null;
      readOut();
    });
    panel.canvas.addEventListener("pointerleave", () => { state.cursor = null; readOut(); });
    let turned = 0; // a track pad sends many small turns, a wheel few of 100 or more
    panel.canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey) return; // the browser's zoom
      turned += event.deltaMode ? 100 * Math.sign(event.deltaY) : event.deltaY;
      if (Math.abs(turned) < 40) { event.preventDefault(); return; }
      // At either end the page scrolls on, so that nobody is caught inside a picture.
      if (set({ slice: state.slice + Math.sign(turned) })) event.preventDefault();
      turned = 0;
    }, { passive: false });
  }

  draw();
  root.replaceChildren(view); // the picture goes only now that the canvases are drawn
  return { set, state };
}

export { show };
