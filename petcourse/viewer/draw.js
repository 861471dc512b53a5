// What both viewers of petcourse, volumes.js and sinogram.js, are drawn with: elements, the pixels of a picture, the
// text of a value, colour bars; draw.css is its style.

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

// Every text goes through textContent: a title is never parsed as HTML.
function add(parent, tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

function addSvg(parent, tag, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag); // a name, not an address to visit
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

// Without `data-lm-suppress-shortcuts` on the element itself JupyterLab takes its arrow or enter keys for its own.
function addButton(parent, text, label, press) {
  const button = add(parent, "button", "", text);
  button.type = "button";
  button.dataset.lmSuppressShortcuts = "true";
  if (label) button.setAttribute("aria-label", label);
  button.addEventListener("click", press);
  return button;
}

function addRange(parent, name, most, moved) {
  const input = add(parent, "input");
  Object.assign(input, { type: "range", min: 0, max: most, step: 1 });
  input.dataset.lmSuppressShortcuts = "true";
  input.setAttribute("aria-label", name);
  input.addEventListener("input", () => moved(Number(input.value)));
  return input;
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

// Round numbers between two values, about five: [[value, text], ...].
function ticksOf(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 5));
  const step = power * [1, 2, 2.5, 5, 10].find((s) => (high - low) / (s * power) <= 6);
  const digits = clamp(-Math.floor(Math.log10(step) - 0.4), 0, 20);
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 1e6;
  const ticks = [];
  for (let i = 0; i < 7; i++) { // counted, for a step may be too small to be seen beside a large value
    const value = (Math.ceil(low / step - 1e-9) + i) * step;
    const short = large || step < 1e-5 ? Number(value.toPrecision(4)).toExponential() : Number(value.toFixed(digits));
    if (value <= high + 1e-9 * step) ticks.push([value, String(short)]);
  }
  return ticks;
}

const nameOf = ({ title }) => title || "volume";
const valueOf = (panel, code) => panel.vmin + ((panel.vmax - panel.vmin) * code) / 255;
const unitOf = ({ unit }) => (unit === "1" ? "" : ` ${unit}`).trimEnd(); // nobody says "0.5 1"
const rounded = (panel, value) => String(Number(value.toPrecision(panel.digits)));
// What lies beyond the stored range is known as a bound only.
const boundOf = (panel, code) => (code === 255 && panel.above && "≥ ") || (code === 0 && panel.below && "≤ ") || "";

function valueText(panel, code) {
  const bound = boundOf(panel, code);
  const value = valueOf(panel, code);
  return `${bound}${panel.exact ? Math.round(value) : rounded(panel, value)}${unitOf(panel)}`;
}

function drawBar(bar, { unit, colours }, [low, high]) {
  bar.replaceChildren();
  paint(add(bar, "canvas"), 1, 256, Uint8Array.from({ length: 256 }, (_, i) => 255 - i), colours);
  const ticks = ticksOf(low, high);
  for (const [value, text] of ticks) {
    add(bar, "span", "pv-tick", text).style.bottom = `${(100 * (value - low)) / (high - low)}%`;
  }
  add(bar, "span", "pv-unit", unit);
  const longest = Math.max(3, ...ticks.map(([, text]) => text.length));
  // never narrower again, or the pictures would move while a window is dragged
  bar.style.minWidth = `${Math.max(24 + 7 * longest + (unit ? 16 : 0), parseInt(bar.style.minWidth) || 0)}px`;
  bar.setAttribute("aria-label", `colour bar from ${low} to ${high} ${unit}`);
}

export { add, addButton, addRange, addSvg, boundOf, bytesOf, clamp, drawBar, inflate, nameOf, paint, pixelTable,
         rounded, ticksOf, unitOf, valueOf, valueText };
