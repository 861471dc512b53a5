// Starts reveal.js; shrinks the words of a slide that would overflow, and makes a viewer as large as its place allows.
const LAYOUT = 860; // the width in which a viewer is laid out before it is enlarged: narrower means larger letters
const page = document.documentElement.dataset;

function fit(slide) {
  for (let scale = 1; scale > 0.5; scale -= 0.04) {
    slide.style.setProperty("--scale", scale);
    if (slide.scrollHeight <= slide.clientHeight) break;
  }
  for (const view of slide.querySelectorAll(".pv")) {
    const place = view.closest(".output");
    const root = view.closest(".pv-root");
    root.style.zoom = 1;
    root.style.width = `${LAYOUT}px`;
    root.style.zoom = Math.min(place.clientWidth / view.offsetWidth, place.clientHeight / view.offsetHeight);
  }
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
