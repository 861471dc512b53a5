// What the tools do in a picture: an object for each. Places are [row, column] of a picture; parts, 0 to 1, are of what
// is seen of it. A tool has
//   hint: the words below the pictures, unless `where(state)` has others
//   mark(plane): the line or circle it begins with, if any; path(mark, plane): the same as an SVG path
//   press(state, start): the button or finger goes down at `start` = {panel, place, part, window, left, top}
//   drag(state, start, now): and moves to `now` = {place, part}
//   step(state, panel, [down, right]): an arrow key; resize(state, larger): + or -
//   wheel(state, by, part): the wheel is turned; stopped(state, way): it can do no more that way, so the page scrolls
//   readOut(state, panel): the words below one picture

import { clamp, valueText } from "./draw.js";
import { circlePath, linePath, placesInside, radiusOf, statistics } from "./measure.js";

const POINTING = {
  press(state, { panel }) {
    state.set({ active: panel });
  },
  resize(state, larger) {
    state.zoomBy(larger ? 1.25 : 0.8);
  },
  wheel(state, by) {
    state.set({ slice: state.get("slice") + by });
  },
  stopped(state, way) {
    return state.get("slice") === (way > 0 ? state.count("slice") - 1 : 0);
  },
  where() {
    return this.hint;
  },
  readOut(state, panel) {
    const read = state.pointed();
    if (!read || !state.linked(panel, read.panel)) return "";
    return valueText(state.panels[panel], state.codeAt(panel, read.point));
  },
};

// A mark is drawn anew by dragging; arrow keys move it as a whole, as far as the picture goes.
const MARKING = {
  ...POINTING,
  drag(state, { panel, place }, now) {
    state.set({ mark: { panel, from: place, to: now.place } });
  },
  step(state, _, by) {
    const { panel, from, to } = state.mark;
    const { height, width } = state.plane(panel);
    const room = [height, width].map((size, i) => [-Math.min(from[i], to[i]), size - Math.max(from[i], to[i])]);
    const shift = (place) => place.map((k, i) => k + clamp(by[i], ...room[i]));
    state.set({ mark: { panel, from: shift(from), to: shift(to) } });
  },
};

const TOOLS = {
  value: {
    ...POINTING,
    hint: "Point at a voxel for its value; click to keep the crosshair. Wheel or Page keys change the slice.",
    press(state, { panel, place }) {
      state.pin(panel, place);
    },
    drag(state, { panel }, { place }) {
      state.pin(panel, place);
    },
    step(state, panel, [down, right]) {
      const [r, c] = state.plane(panel).place(state.at);
      state.pin(panel, state.pinned === null ? [r, c] : [r + down, c + right]);
    },
    where(state) {
      const read = state.pointed();
      if (!read) return this.hint;
      const names = read.point.map((k, i) => `${state.data.dims[i]} ${k}`);
      const { name, labels } = state.data.frames;
      if (state.count("frame") > 1) names.push(`${name} ${labels ? labels[state.frame] : state.frame}`);
      return names.join(", ");
    },
  },

  window: {
    ...POINTING,
    hint: "Drag up or down for brightness, sideways for contrast.",
    drag(state, start, now) {
      const { vmin, vmax } = state.panels[start.panel];
      const [low, high] = start.window;
      const width = (high - low) * Math.exp(2 * (now.part[1] - start.part[1]));
      const middle = (low + high) / 2 + (now.part[0] - start.part[0]) * (vmax - vmin);
      state.set({ window: [middle - width / 2, middle + width / 2] });
    },
    step(state, panel, [down, right]) {
      const [low, high] = state.windows[state.active];
      const size = (state.panels[panel].vmax - state.panels[panel].vmin) / 50;
      state.set({ window: [low - size * (down + right), high - size * (down - right)] });
    },
  },

  zoom: {
    ...POINTING,
    hint: "Wheel or + and - zoom, dragging moves the picture, 0 resets.",
    drag(state, start, now) {
      const [top, left] = now.part.map((k, i) => (k - start.part[i]) / state.zoom);
      state.set({ left: start.left - left, top: start.top - top });
    },
    step(state, _, [down, right]) {
      state.set({ left: state.left + (right * 0.1) / state.zoom, top: state.top + (down * 0.1) / state.zoom });
    },
    wheel(state, by, [y, x]) {
      state.zoomBy(1.2 ** -by, x, y);
    },
    stopped: (state, way) => state.zoom === 1 && way > 0,
  },

  profile: {
    ...MARKING,
    hint: "Drag a line: the values along it are drawn below. Arrow keys move it.",
    mark: ({ height, width }) => ({ from: [height / 2, width / 4], to: [height / 2, 0.75 * width] }),
    path: linePath,
  },

  region: {
    ...MARKING,
    hint: "Drag from the centre of a circle outwards for mean and standard deviation; + and - resize it.",
    mark: ({ height, width }) => ({ from: [height / 2, width / 2], to: [height / 2, 0.6 * width] }),
    path: circlePath,
    resize(state, larger) {
      const { panel, from } = state.mark;
      const plane = state.plane(panel);
      const radius = Math.max(0.5, radiusOf(state.mark, plane) / plane.dx + (larger ? 1 : -1));
      state.set({ mark: { panel, from, to: [from[0], from[1] + radius] } });
    },
    where(state) {
      const plane = state.plane(state.mark.panel);
      const count = placesInside(state.mark, plane).length;
      return `mean ± standard deviation of ${count} voxels, radius ${radiusOf(state.mark, plane).toFixed(1)} mm`;
    },
    readOut(state, panel) {
      if (!state.linked(panel, state.mark.panel)) return "";
      return statistics(state.panels[panel], state.codesAt(panel, placesInside(state.mark, state.plane(panel))));
    },
  },
};

export { TOOLS };
