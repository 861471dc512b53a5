// What is seen of the volumes, and the one way to change it: `state.set`. Who draws it, or tells others of it, listens.
//
// A panel is what Python says of a volume (see volumes.js), with its voxels: `frames`, one Uint8Array each, and the
// `contour`'s mask. Panels are called by their number, so that what is seen is plain data: a still viewer can take it
// over from the live one whose place it takes.

import { clamp } from "./draw.js";
import { cut } from "./plane.js";
import { TOOLS } from "./tools.js";

// axis: 0, 1 or 2, which is cut. at: the slice of each axis [z, y, x]. windows: what is looked through, a pair
// [low, high] a panel. active: the panel that the window's sliders and the keys are for. pinned: the panel in which the
// crosshair was set, at `at`. cursor: the voxel under the mouse {panel, point}. mark: a line or a circle
// {panel, from, to}, see measure.js. playing: "slice" or "frame". left, top: what is left out, in parts of a picture.
const SEEN = ["axis", "at", "frame", "windows", "tool", "active", "pinned", "cursor", "mark", "zoom", "left", "top",
              "playing"];

class State {
  constructor(data, panels, choices = {}) {
    Object.assign(this, { data, panels, listeners: [] });
    const first = { axis: 0, at: data.at, frame: data.frame, windows: this.full(), tool: "value", active: 0,
                    pinned: null, cursor: null, mark: null, zoom: 1, left: 0, top: 0, playing: null };
    Object.assign(this, first, data.seen, choices);
    this.set({}); // within bounds
  }

  // `slice` is that of the axis that is cut, `window` that of the active panel and of all panels of its group.
  set({ slice, window, ...changes }) {
    const [before, axis, tool] = [this.texts(), this.axis, this.tool];
    const { group } = this.panels[this.active];
    Object.assign(this, changes);
    this.axis = clamp(this.axis, 0, this.data.axes.length - 1);
    this.frame = clamp(this.frame, 0, this.count("frame") - 1);
    if (slice !== undefined) {
      this.at = [...this.at];
      this.at[this.axis] = clamp(slice, 0, this.count("slice") - 1);
    }
    this.windows = this.panels.map((panel, i) =>
      within(panel, (panel.group === group && window) || this.windows[i]));
    const turned = this.axis !== axis;
    if (turned) Object.assign(this, { cursor: null, zoom: 1, left: 0, top: 0 });
    if (turned || this.tool !== tool) this.mark = this.firstMark();
    this.zoom = clamp(this.zoom, 1, 20);
    this.left = clamp(this.left, 0, 1 - 1 / this.zoom);
    this.top = clamp(this.top, 0, 1 - 1 / this.zoom);
    const after = this.texts();
    this.announce(SEEN.filter((_, k) => before[k] !== after[k]));
  }

  // Other volumes, or more frames of them; `bounds` says for each panel whether values lie beyond its range.
  load(frames, bounds) {
    this.panels.forEach((panel, i) => Object.assign(panel, { frames: frames[i] }, bounds[i]));
    this.frame = Math.min(this.frame, this.count("frame") - 1);
    this.announce(["frame"]);
  }

  announce(changes) {
    if (changes.length) for (const listener of this.listeners) listener(new Set(changes));
  }

  // What the reader chose. Whoever looks at the last frame goes on to a later one, so that one is left out.
  choices() {
    const last = this.frame === this.count("frame") - 1;
    const kept = SEEN.filter((key) => key !== "cursor" && !(key === "frame" && last));
    return Object.fromEntries(kept.map((key) => [key, this[key]]));
  }

  reset() {
    this.set({ tool: "value", pinned: null, cursor: null, zoom: 1, left: 0, top: 0, windows: this.full() });
  }

  // Keeps the point (x, y) of what is seen, 0 to 1, where it is on the screen.
  zoomBy(factor, x = 0.5, y = 0.5) {
    const zoom = clamp(this.zoom * factor, 1, 20);
    const gain = 1 / this.zoom - 1 / zoom;
    this.set({ zoom, left: this.left + gain * x, top: this.top + gain * y });
  }

  pin(panel, place) {
    this.set({ active: panel, pinned: panel, cursor: null, at: this.voxelAt(panel, place) });
  }

  firstMark() {
    const mark = TOOLS[this.tool].mark?.(this.plane(this.active));
    return mark ? { panel: this.active, ...mark } : null;
  }

  full() {
    return this.panels.map(({ vmin, vmax }) => [vmin, vmax]);
  }

  // Below, what follows from what is seen. `key` is "slice" or "frame".

  get(key) {
    return key === "frame" ? this.frame : this.at[this.axis];
  }

  count(key) {
    return key === "frame" ? Math.max(...this.panels.map(({ frames }) => frames.length))
      : this.panels[0].shape[this.axis + 1];
  }

  nameOf(key) {
    return key === "frame" ? this.data.frames.name : this.data.axes[this.axis][1];
  }

  textOf(key) {
    const { labels } = this.data.frames;
    return key === "frame" && labels ? labels[this.frame] : `${this.get(key)} / ${this.count(key) - 1}`;
  }

  plane(panel) {
    return cut(this.panels[panel].shape, this.axis, this.data.voxel);
  }

  // The voxels of a panel that are shown; a single frame stays put.
  codes(panel) {
    const { frames } = this.panels[panel];
    return frames[Math.min(this.frame, frames.length - 1)];
  }

  codeAt(panel, [z, y, x]) {
    const [, , height, width] = this.panels[panel].shape;
    return this.codes(panel)[(z * height + y) * width + x];
  }

  // The voxel at a place [row, column] of the picture.
  voxelAt(panel, [row, column]) {
    const { height, width, at } = this.plane(panel);
    return at(this.get("slice"), clamp(Math.floor(row), 0, height - 1), clamp(Math.floor(column), 0, width - 1));
  }

  codesAt(panel, places) {
    return places.map((place) => this.codeAt(panel, this.voxelAt(panel, place)));
  }

  // Panels of one shape are linked: all show their value at the place under the cursor.
  linked(panel, other) {
    const [one, two] = [panel, other].map((i) => String(this.panels[i].shape.slice(1)));
    return one === two;
  }

  // The voxel that is read: under the mouse, or else at the crosshair that was kept; in the slice that is shown.
  pointed() {
    const panel = this.cursor?.panel ?? this.pinned;
    if (panel === null) return null;
    const point = [...(this.cursor?.point ?? this.at)];
    point[this.axis] = this.get("slice");
    return { panel, point };
  }

  texts() {
    return SEEN.map((key) => JSON.stringify(this[key]));
  }
}

// A window lies within the stored range, and is at least one of its 255 steps wide.
function within({ vmin, vmax }, [low, high]) {
  const step = (vmax - vmin) / 255;
  const start = clamp(low, vmin, vmax - step);
  return [start, clamp(high, start + step, vmax)];
}

// What the reader chose in a live viewer, by its id: a still one that takes its place begins there. The two are
// scripts of their own in one page.
const chosen = (globalThis[Symbol.for("petcourse.viewer.chosen")] ??= new Map());

export { State, chosen };
