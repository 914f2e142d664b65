/** Where the server is, and the token that lets this page in. */

const KEY = "sam3-token";

/**
 * Return the token, from `#token=` or from this tab's memory; the address bar shows it no longer.
 *
 * @returns {string} Empty where there is none.
 */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

/** @returns {URL} The address of the WebSocket, beside this page's. */
export function socketUrl() {
  const url = new URL("ws/realtime", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** @param {string} token @returns {string[]} What the WebSocket offers as its protocols; none without a token. */
export function protocols(token) {
  return token ? ["sam3.v1", `bearer.${token}`] : [];
}

/**
 * Return whether the server is there and wants another token: a WebSocket does not say why it was refused.
 *
 * @param {string} token
 * @returns {Promise<boolean>}
 */
export async function isTokenRefused(token) {
  try {
    const answer = await fetch("openapi.json", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    return answer.status === 401;
  } catch {
    return false; // it is not there
  }
}
