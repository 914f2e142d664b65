/** The buttons that zoom, and the scale between them. */

/**
 * @param {HTMLElement} bar With the buttons `zoom-out`, `zoom-fit` and `zoom-in`.
 * @param {import("./viewport.js").Viewport} viewport
 */
export function watchZoom(bar, viewport) {
  const [out, fit, more] = ["zoom-out", "zoom-fit", "zoom-in"].map((id) => bar.querySelector(`#${id}`));
  out.addEventListener("click", () => viewport.step(-1));
  more.addEventListener("click", () => viewport.step(1));
  fit.addEventListener("click", () => (viewport.fitted ? viewport.actual() : viewport.fit()));
  viewport.onchange = () => {
    const { least, most } = viewport.limits();
    const percent = percentage(viewport.scale);
    if (fit.textContent !== percent) {
      fit.textContent = percent;
      fit.setAttribute("aria-label", `${percent}. ${viewport.fitted ? "Show at 100 %" : "Show the whole picture"}`);
    }
    fit.title = viewport.fitted ? "Show at 100 %" : "Show the whole picture (0)";
    out.disabled = viewport.scale <= least;
    more.disabled = viewport.scale >= most;
  };
}

function percentage(scale) {
  const percent = scale * 100;
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}
