// The controls below the pictures: sliders for slice, frame and window; buttons for axis, tool and zoom.

import { add, addButton, addRange, rounded, unitOf, valueOf } from "./draw.js";
import { TOOLS } from "./tools.js";

// Each of these returns a function that shows what has changed.

function addSlider(parent, state, key) {
  const row = add(parent, "div");
  const label = add(row, "label");
  const name = add(label, "span");
  const play = addButton(label, "", "", () => state.set({ playing: state.playing === key ? null : key }));
  const input = addRange(label, key, 0, (value) => state.set({ [key]: value }));
  const place = add(label, "output", "pv-place");
  let timer = null;

  function next() {
    if (!parent.isConnected) return state.set({ playing: null }); // the output was cleared
    if (!parent.offsetWidth) return; // on a slide that is turned away
    state.set({ [key]: (state.get(key) + 1) % state.count(key) });
  }

  return () => {
    const playing = state.playing === key;
    if (playing) {
      timer ??= setInterval(next, key === "frame" ? 400 : 80);
    } else {
      clearInterval(timer);
      timer = null;
    }
    row.hidden = state.count(key) < 2;
    name.textContent = state.nameOf(key);
    input.max = state.count(key) - 1;
    input.value = state.get(key);
    place.textContent = state.textOf(key);
    input.setAttribute("aria-label", name.textContent);
    input.setAttribute("aria-valuetext", `${name.textContent} ${place.textContent}`);
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", `${playing ? "pause" : "play"} ${name.textContent}`);
  };
}

// The window of the active panel: a slider for each of its ends.
function addWindow(parent, state) {
  const row = add(parent, "div");
  const name = add(row, "span");
  add(row, "span");
  const range = add(row, "span", "pv-window");
  const text = add(row, "output");
  const active = () => state.panels[state.active];
  const inputs = ["lower end", "upper end"].map((label, k) => addRange(range, label, 255, (code) => {
    const window = [...state.windows[state.active]];
    window[k] = valueOf(active(), code);
    state.set({ window });
  }));
  return () => {
    const panel = active();
    const { vmin, vmax } = panel;
    const window = state.windows[state.active];
    row.hidden = state.tool !== "window";
    name.textContent = panel.title || "window";
    inputs.forEach((input, k) => {
      input.value = Math.round((255 * (window[k] - vmin)) / (vmax - vmin));
      input.setAttribute("aria-valuetext", rounded(panel, window[k]));
    });
    text.textContent = `${window.map((value) => rounded(panel, value)).join(" to ")}${unitOf(panel)}`;
  };
}

function addButtons(parent, name, choices) {
  const group = add(parent, "div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", name);
  return choices.map(([text, press, label]) => addButton(group, text, label, press));
}

function addTools(parent, state) {
  const tools = add(parent, "div", "pv-tools");
  const { axes } = state.data;
  const names = Object.keys(TOOLS);
  const axisButtons = addButtons(tools, "cut along", axes.map(([name], axis) => [name, () => state.set({ axis })]));
  axisButtons[0].parentElement.hidden = axes.length < 2;
  const toolButtons = addButtons(tools, "tool", names.map((tool) => [tool, () => state.set({ tool })]));
  addButtons(tools, "zoom", [["−", () => state.zoomBy(1 / 1.5), "zoom out"], ["+", () => state.zoomBy(1.5), "zoom in"],
                             ["reset", () => state.reset()]]);
  return () => {
    axisButtons.forEach((button, axis) => button.setAttribute("aria-pressed", axis === state.axis));
    toolButtons.forEach((button, k) => button.setAttribute("aria-pressed", names[k] === state.tool));
  };
}

function addControls(view, state) {
  const rows = add(view, "div", "pv-controls");
  const updates = [addSlider(rows, state, "slice"), addSlider(rows, state, "frame"), addWindow(rows, state),
                   addTools(view, state)];
  return () => updates.forEach((update) => update());
}

export { addControls };
