/** The keys of the page, and the sheet that lists them. */

/** Those of the picture, of the list and of the page, as the sheet shows them. */
const LISTED = {
  "Anywhere": [
    ["Ctrl+Z", "undo"],
    ["Ctrl+Shift+Z, Ctrl+Y", "redo"],
    ["L", "load a picture"],
    ["S", "save the mask"],
    ["M", "show or hide masks"],
    ["R", "reset"],
    ["N", "new object"],
    ["[ and ]", "object before, object after"],
    [", and .", "reading before, reading after"],
    ["E", "draw an object, or an example"],
    ["/", "find by words"],
    ["PageUp, PageDown", "picture before, picture after"],
    ["?", "this sheet"],
  ],
  "On the picture": [
    ["Arrows", "move the cross; with Shift, a pixel"],
    ["Enter, Space", "add what is under it"],
    ["Delete", "remove what is under it"],
    ["B", "begin and end a box"],
    ["+ − 0", "zoom in, out, all"],
    ["Ctrl+arrows", "pan"],
  ],
  "In the list": [
    ["↑ ↓", "choose an object"],
    ["Delete", "delete it"],
    ["H", "hide it"],
    ["F2", "name it"],
  ],
};
const TEXT = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select";

/** Fill the sheet, and let a button open it. @param {HTMLDialogElement} sheet @param {HTMLButtonElement} button */
export function watchSheet(sheet, button) {
  const list = sheet.querySelector("#keys-list");
  for (const [where, keys] of Object.entries(LISTED)) {
    const title = Object.assign(document.createElement("h3"), { textContent: where });
    const table = document.createElement("dl");
    for (const [key, does] of keys) {
      const row = document.createElement("div");
      const name = document.createElement("dt");
      name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      row.append(name, Object.assign(document.createElement("dd"), { textContent: does }));
      table.append(row);
    }
    list.append(title, table);
  }
  button.addEventListener("click", () => sheet.showModal());
}

/**
 * Watch the keys that hold anywhere, but not where a text is written or a sheet is open.
 *
 * @param {Record<string, () => void>} actions By key; with Ctrl or Cmd as `^z`, with Shift too as `^Z`.
 */
export function watchKeys(actions) {
  addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.defaultPrevented || (target instanceof Element && target.closest(`${TEXT}, dialog`))) return;
    const held = event.ctrlKey || event.metaKey;
    if (event.altKey || (event.repeat && !held)) return;
    const letter = event.key.toLowerCase();
    const action = actions[held ? `^${event.shiftKey ? letter.toUpperCase() : letter}` : letter];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
