// The API key of this tab, where the gateway asks for one.
//
// It stays in sessionStorage and goes along with every request that the page makes.  What the browser asks for by
// itself (a stream, a file, the report's frame) carries no header: for these the gateway keeps the key in a cookie
// that no script can read, that counts for reading alone, and that is asked for again long before it ends.

/** Dispatched at the window where a request was refused for want of an API key. */
export const KEY_WANTED = "podium:key-wanted";

const KEY = "podium-key";
const RENEW_MS = 300000;

let renewed = -Infinity;

export const isSignedIn = () => sessionStorage.getItem(KEY) !== null;

/** What a request of this page's own carries. */
export function authorization() {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

/** Takes a key if the gateway does; what is wrong, where it does not. */
export async function signIn(key) {
  if (!/^[!-~]+$/.test(key)) return "That is not a key: it begins with pk_.";
  const before = sessionStorage.getItem(KEY);
  sessionStorage.setItem(KEY, key);
  const problem = await renew();
  if (problem !== null) before === null ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, before);
  return problem;
}

export async function signOut() {
  sessionStorage.removeItem(KEY);
  await fetch("/session", { method: "DELETE" }).catch(() => {});
}

/** Returns once the browser may ask by itself; where that fails, its request fails too, and is tried again. */
export async function ready() {
  if (isSignedIn() && performance.now() - renewed > RENEW_MS) await renew();
}

/** A stream was refused: the next one is not opened before the gateway has taken the key again. */
export function doubt() {
  renewed = -Infinity;
}

async function renew() {
  try {
    const answer = await fetch("/session", { method: "POST", headers: authorization() });
    if (answer.ok) renewed = performance.now();
    if (answer.status === 401) window.dispatchEvent(new Event(KEY_WANTED));
    return answer.ok ? null : (await answer.json()).detail;
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return "The server does not answer. Is it running?";
    throw error;
  }
}

setInterval(ready, RENEW_MS / 5);
document.addEventListener("visibilitychange", () => { if (!document.hidden) ready(); });
