// The slice viewer of petcourse: plain ES modules; no build step, no library, no network. page.py joins them, less
// their imports and exports. This one puts the viewer together; it stands on
//   state.js     what is seen, and the one way to change it
//   pictures.js  what is drawn of it; plane.js: how an axis cuts a volume
//   controls.js  sliders and buttons; inputs.js: mouse, finger, wheel and keys in a picture
//   tools.js     what these do with each tool; measure.js: profile and region
//   draw.js      elements, pixels, colour bars: shared with sinogram.js
//
// Two carriers use it. `show(root, data)` replaces the picture inside the element `root`, from a classic script in each
// output, which works in a saved notebook, an exported page and a slide, where there is neither a kernel nor a network.
// live.js is the same viewer as a widget, which Python can steer and listen to.
//
// data = {alt, ncols, voxel: [dz, dy, dx], at: [z, y, x], frame, dims: ["z", "y", "x"],
//         axes: [[button, slider], ...]: one for each axis that may be cut, frames: {name, labels: [text] or null},
//         panels: [{title, unit, group, vmin, vmax, below, above, exact, digits, error, bar, contour: number or null,
//                   shape: [frames, z, y, x], colours: base64 of 256 x RGB, voxels: base64 of zlib of uint8}],
//         contours: [{voxels: base64 of zlib of uint8}]}; of a live viewer's still also its `id`, and
//         `seen`: what Python has set, see state.js

import { addControls } from "./controls.js";
import { add, addSvg, bytesOf, inflate, pixelTable } from "./draw.js";
import { listenToKeys, listenToPointer, listenToWheel } from "./inputs.js";
import { drawProfile } from "./measure.js";
import { Picture, drawContours, layOut } from "./pictures.js";
import { State, chosen } from "./state.js";
import { TOOLS } from "./tools.js";

async function show(root, data) {
  root.dataset.ready = ""; // at once: the script of the next output looks for a root without it
  const choices = chosen.get(data.id); // at once as well: the viewer it replaces is just gone
  try {
    const unpack = (items) => Promise.all(items.map(({ voxels }) => inflate(bytesOf(voxels))));
    const [volumes, contours] = await Promise.all([unpack(data.panels), unpack(data.contours)]);
    const frames = data.panels.map(({ shape }, i) => {
      const size = shape[1] * shape[2] * shape[3];
      return Array.from({ length: shape[0] }, (_, k) => volumes[i].subarray(k * size, (k + 1) * size));
    });
    const style = root.querySelector("style");
    build(root, data, frames, contours, choices);
    root.replaceChildren(style, root.lastChild); // the picture goes only now that the canvases are drawn
  } catch (error) { // the picture stays, and the reader learns why it does not move
    add(root, "p", "", `This browser shows one slice only, ${data.at[0]}: ${error.message}`);
    throw error;
  }
}

// Builds a viewer at the end of `root` and returns its state, through which it is steered.
function build(root, data, frames, contours, choices) {
  const state = new State(data, data.panels.map((panel, i) =>
    ({ ...panel, frames: frames[i], colours: pixelTable(panel.colours), contour: contours[panel.contour] })), choices);
  const view = document.createElement("div");
  view.className = "pv";
  view.setAttribute("role", "group");
  view.setAttribute("aria-label", data.alt);
  const grid = add(view, "div", "pv-panels");
  const pictures = data.panels.map((_, i) => new Picture(grid, state, i));
  const chart = addSvg(view, "svg", { class: "pv-chart", role: "img" });
  const updateControls = addControls(view, state);
  const where = add(view, "output", "pv-where");

  const every = (method) => pictures.forEach((picture) => picture[method]());
  function updateChart() {
    chart.toggleAttribute("hidden", state.tool !== "profile");
    if (state.tool === "profile") drawProfile(chart, state);
  }
  function resize() {
    layOut(grid, pictures, root.clientWidth, data.ncols);
    every("look");
    updateChart(); // it is as wide as the pictures
  }
  function redraw(changes) {
    const changed = (...keys) => keys.some((key) => changes.has(key));
    if (changed("windows")) every("colour");
    if (changed("axis")) resize();
    else if (changed("zoom", "left", "top")) every("look");
    if (changed("axis", "at", "frame", "windows", "tool", "active", "mark", "playing")) {
      updateControls();
      every("update");
    }
    if (changed("axis", "at", "frame", "windows")) every("draw");
    if (changed("axis", "at")) drawContours(pictures);
    if (changed("axis", "at", "frame", "tool", "mark")) updateChart();
    if (changed("axis", "at", "frame", "tool", "mark", "pinned", "cursor")) {
      every("readOut");
      where.textContent = TOOLS[state.tool].where(state);
    }
  }

  const aloud = (yes) => where.setAttribute("aria-live", yes ? "polite" : "off");
  for (const picture of pictures) {
    listenToPointer(picture, aloud);
    listenToWheel(picture);
    listenToKeys(picture, aloud);
  }
  // A slide show would turn the slide at the keys of sliders and buttons.
  view.addEventListener("keydown", (event) => {
    if (/^(Arrow|Page|Home|End|Enter| )/.test(event.key)) event.stopPropagation();
  });
  root.append(view);
  redraw(new Set(["axis", "windows"]));
  state.listeners.push(redraw);
  // In the next frame, for a picture that grew within this one would call for another round.
  new ResizeObserver(() => requestAnimationFrame(resize)).observe(root);
  return state;
}

export { build, show };
