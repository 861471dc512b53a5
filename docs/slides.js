// Starts reveal.js, and lays out each slide as it is shown: pictures as large as can be, words that fit.
const WIDTHS = [860, 720, 600, 500, 400]; // in which a viewer is laid out before it is enlarged
const page = document.documentElement.dataset;

// The picture stands below the words or beside them: where it becomes larger.
function fit(slide) {
  const single = slide.matches(":has(> .cell):not(:has(> .cell ~ .cell, > .fragment))");
  const below = arrange(slide, false);
  if (!below || !single || arrange(slide, true) < 1.1 * below) arrange(slide, false);
}

const size = (image) => [image.getAttribute("width") ?? image.naturalWidth, image.getAttribute("height") ?? image.naturalHeight];

// Returns how much the pictures are enlarged; 0 if there are none.
function arrange(slide, beside) {
  slide.classList.toggle("beside", beside);
  const viewers = [...slide.querySelectorAll(".pv-root:has(.pv)")];
  for (const root of viewers) root.style.zoom = 0.1; // out of the words' way
  let scale = 1;
  while (slide.style.setProperty("--scale", scale), slide.scrollHeight > slide.clientHeight && scale > 0.5) scale -= 0.04;
  let larger = 0;
  for (const image of slide.querySelectorAll(".output > img")) {
    const [width, height] = size(image);
    larger += Math.min(image.clientWidth / width, image.clientHeight / height);
  }
  for (const root of viewers) larger += enlarge(root);
  return larger * scale ** 2; // small words are a price
}

// A viewer keeps its proportions of letters to pictures: where letters would be small, it is laid out narrower.
function enlarge(root) {
  const { clientWidth, clientHeight } = root.closest(".output");
  const area = WIDTHS.map((width) => {
    root.style.cssText = `width: ${width}px; zoom: 1; position: absolute; visibility: hidden`;
    const { offsetWidth, offsetHeight } = root.querySelector(".pv");
    return { width: offsetWidth + 1, zoom: Math.min(clientWidth / (offsetWidth + 1), clientHeight / offsetHeight) };
  });
  const { width, zoom } = area.find(({ zoom }) => zoom > 1.3) ?? area.at(-1);
  root.style.cssText = `width: ${width}px; zoom: ${zoom}`;
  return width * zoom / 400;
}

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  display: "flex",
  hash: true,
  slideNumber: "h.v",
  transition: "none",
  pdfSeparateFragments: false,
  keyboard: { 68: () => (page.theme = page.theme === "dark" ? "light" : "dark") }, // D
  plugins: [RevealNotes],
});
Reveal.on("ready", () => {
  fit(Reveal.getCurrentSlide());
  // Formulas and viewers come to life later, and then take another room.
  MathJax.startup.promise.then(() => fit(Reveal.getCurrentSlide()));
  for (const root of document.querySelectorAll(".pv-root")) {
    new MutationObserver(() => fit(Reveal.getCurrentSlide())).observe(root, { childList: true });
  }
});
Reveal.on("slidechanged", ({ currentSlide }) => fit(currentSlide));
Reveal.on("pdf-ready", () => Reveal.getSlides().forEach(fit));
