// What mouse, finger, wheel and keys do in a picture: they call the tool's functions. `aloud` is told whether a screen
// reader may read what follows.

import { clamp } from "./draw.js";
import { TOOLS } from "./tools.js";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Where an event is: the place in the picture, and the part of what is seen of it.
function placed({ clientX, clientY }, { canvas, stage, plane }) {
  const [shown, seen] = [canvas.getBoundingClientRect(), stage.getBoundingClientRect()];
  const [row, column] = [(clientY - shown.top) / shown.height, (clientX - shown.left) / shown.width];
  return { place: [clamp(row, 0, 1) * plane.height, clamp(column, 0, 1) * plane.width],
           part: [(clientY - seen.top) / seen.height, (clientX - seen.left) / seen.width] };
}

function listenToPointer(picture, aloud) {
  const { canvas, state, number: panel } = picture;
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const { left, top } = state;
    start = { ...placed(event, picture), panel, window: state.windows[panel], left, top };
    TOOLS[state.tool].press(state, start);
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = placed(event, picture);
    aloud(false);
    if (start) TOOLS[state.tool].drag(state, start, now);
    else state.set({ cursor: { panel, point: state.voxelAt(panel, now.place) } });
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { start = null; });
  canvas.addEventListener("pointerleave", () => state.set({ cursor: null }));
}

function listenToWheel(picture) {
  const { canvas, state } = picture;
  let turned = 0; // a track pad sends many small turns, a wheel few of 100 or more
  canvas.addEventListener("wheel", (event) => {
    const [tool, way] = [TOOLS[state.tool], Math.sign(event.deltaY)];
    // the browser's zoom; and the page scrolls on at the end, so that nobody is caught inside a picture
    if (event.ctrlKey || tool.stopped(state, way)) return;
    event.preventDefault();
    turned += event.deltaMode ? 100 * way : event.deltaY;
    if (Math.abs(turned) < 40) return;
    const by = Math.round(turned / 100) || way;
    turned = 0;
    tool.wheel(state, by, placed(event, picture).part);
  }, { passive: false });
}

function listenToKeys({ canvas, state, number: panel }, aloud) {
  canvas.addEventListener("focus", () => state.set({ active: panel }));
  canvas.addEventListener("keydown", (event) => {
    const { key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    aloud(true); // keys move it step by step
    const tool = TOOLS[state.tool];
    if (ARROWS[key]) tool.step(state, panel, ARROWS[key].map((k) => k * (event.shiftKey ? 10 : 1)));
    else if (key === "PageUp") state.set({ slice: state.get("slice") + 1 });
    else if (key === "PageDown") state.set({ slice: state.get("slice") - 1 });
    else if ("+=-".includes(key)) tool.resize(state, key !== "-");
    else if (key === "0") state.reset();
    else if (key === "Escape") canvas.blur(); // so that the next keys turn slides again
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

export { listenToKeys, listenToPointer, listenToWheel };
