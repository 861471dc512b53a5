// The live carrier of the slice viewer: an anywidget, see live.py. Each frame of each panel is a trait of its own, so
// that a new one is sent alone.

import { add } from "./draw.js";
import { chosen } from "./state.js";
import { build } from "./volumes.js";

async function render({ model, el }) {
  const root = add(el, "div", "pv-root");
  root.dataset.ready = "";
  const bytes = (name) => {
    const view = model.get(name);
    return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  const versions = () => JSON.stringify(model.get("_sent"));
  // the volumes follow the widget in messages of their own
  if (!model.get("_sent").length) await new Promise((resolve) => { model.on("change:_sent", resolve); });
  const frames = () => model.get("_sent").map((sent, i) => sent.map((_, k) => bytes(`_voxels_${i}_${k}`)));
  const bounds = () => model.get("_bounds").map(([below, above]) => ({ below, above }));
  const data = { ...model.get("_data"), frame: model.get("frame") };
  const state = build(root, data, frames(), data.contours.map((_, i) => bytes(`_contour_${i}`)));
  const steer = () => state.set({ axis: model.get("axis"), slice: model.get("slice"), frame: model.get("frame"),
                                  windows: model.get("window") });

  let reported = "";
  function report() {
    chosen.set(data.id, state.choices());
    const { axis, frame, windows } = state;
    const news = { slice: state.get("slice"), frame, axis, window: windows, cursor: state.pointed()?.point ?? null };
    if (JSON.stringify(news) === reported) return; // of a cursor that moves inside a voxel it hears nothing
    reported = JSON.stringify(news);
    model.set(news);
    model.save_changes();
  }

  let loaded = versions();
  function refresh() {
    if (loaded !== versions()) {
      loaded = versions();
      state.load(frames(), bounds());
    }
    steer();
  }
  steer();
  state.load(frames(), bounds());
  report(); // only now: what Python set before it was shown stays
  state.listeners.push(report);
  model.on("change", refresh);
  return () => {
    model.off("change", refresh);
    state.listeners.length = 0;
  };
}

export { render };
