/** The ways in which a picture comes to the page: chosen, dropped, pasted. */

/**
 * Watch them all.
 *
 * @param {HTMLInputElement} input For files.
 * @param {HTMLElement} frame Shows that a file may be dropped.
 * @param {(file: File) => void} came
 */
export function watchFiles(input, frame, came) {
  input.addEventListener("change", () => {
    if (input.files.length) came(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData?.files.length) came(clipboardData.files[0]);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    frame.classList.add("over");
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) frame.classList.remove("over"); // it has left the window
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    frame.classList.remove("over");
    if (event.dataTransfer?.files.length) came(event.dataTransfer.files[0]);
  });
}
