/** Keeps the keyboard's place: what had the focus may be switched off or put away by what it did. */

/**
 * Go on from somewhere if what has the focus cannot have it any more.
 *
 * @param {HTMLElement[]} places The first one that is to be seen gets it.
 */
export function keepFocus(places) {
  const { activeElement: at, body } = document;
  if (!at || at === body || (!at.disabled && at.checkVisibility())) return;
  places.find((place) => place.checkVisibility())?.focus({ preventScroll: true });
}
