// Starts reveal.js, and lays out each slide as it is shown: pictures as large as can be, words that fit.
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

// Lays a viewer out narrower than a slide, so that its letters grow as well, and zooms it to fill its place.
function enlarge(root) {
  const { clientWidth, clientHeight } = root.closest(".output");
  const grid = root.querySelector(".pv-panels");
  const columns = grid ? getComputedStyle(grid).gridTemplateColumns.split(" ").length / 2 : 4;
  root.style.cssText = `width: ${Math.max(500, Math.min(860, 300 * columns))}px; zoom: 1`;
  const { offsetWidth, offsetHeight } = root.querySelector(".pv");
  if (!offsetHeight) return 0; // not on this slide
  root.tall = offsetHeight;
  root.style.width = `${offsetWidth + 1}px`;
  root.style.zoom = Math.min(clientWidth / (offsetWidth + 1), clientHeight / offsetHeight);
  return root.getBoundingClientRect().width / 400;
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
  // The space bar opens what is folded, and presses a button, where one of them has the focus.
  keyboardCondition: ({ key }) => !(key === " " && document.activeElement.matches("summary, button")),
  plugins: [RevealNotes],
});

const fitShown = () => (Reveal.isPrintView() ? Reveal.getSlides() : [Reveal.getCurrentSlide()]).forEach(fit);
Reveal.on("ready", () => {
  fitShown();
  MathJax.startup.promise.then(fitShown);
  // A viewer comes to life later, and changes its height with what the speaker chooses in it. A line of words more or
  // less is no reason to zoom: the picture would move under the mouse.
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    const root = target.closest(".pv-root");
    if (Math.abs(target.offsetHeight / root.tall - 1) > 0.06) enlarge(root);
  }));
  for (const root of document.querySelectorAll(".pv-root")) {
    const alive = () => {
      root.querySelectorAll(".pv").forEach((view) => sizes.observe(view));
      fitShown();
    };
    alive();
    new MutationObserver(alive).observe(root, { childList: true });
  }
});
Reveal.on("slidechanged", fitShown);
Reveal.on("pdf-ready", fitShown);
