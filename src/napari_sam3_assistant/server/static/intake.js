/** The ways in which pictures come to the page: chosen, dropped, pasted. */

import { PictureError, pictureOf } from "./picture.js";

/**
 * Watch them all.
 *
 * @param {HTMLInputElement} input For files.
 * @param {HTMLElement} frame Shows that files may be dropped.
 * @param {(files: File[]) => void} came
 */
export function watchFiles(input, frame, came) {
  input.addEventListener("change", () => {
    if (input.files.length) came([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData?.files.length) came([...clipboardData.files]);
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
    if (event.dataTransfer?.files.length) came([...event.dataTransfer.files]);
  });
}

/**
 * Open files one after the other; those that cannot be opened do not hold up the others.
 *
 * @param {Blob[]} files
 * @param {(picture: import("./picture.js").Picture) => void} opened Called for each, in their order; it may refuse, too.
 * @returns {Promise<string>} What is wrong with the others, for the user; empty if nothing is.
 */
export async function openAll(files, opened) {
  const wrong = [];
  for (const file of files) {
    try {
      opened(await pictureOf(file));
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      wrong.push(error.message);
    }
  }
  return wrong.join(" ");
}
