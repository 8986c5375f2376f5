// Which addresses are those of a competition: the rules of competition_url.py, so that a typo shows at once.
//
// Whether this server has local competitions is for the server to say.  A test compares the two.

const CHARS_MAX = 2048;
const SLUG_CHARS_MAX = 100;
const EXAMPLE = "https://www.kaggle.com/competitions/titanic";

/** {slug, url} of a competition, or {problem} that says what is wrong with the address. */
export function parse(text) {
  const trimmed = text.replace(/^ +| +$/g, "");
  if (!trimmed) return { problem: `is empty; give an address such as ${EXAMPLE}` };
  if (trimmed.length > CHARS_MAX) return { problem: `is longer than ${CHARS_MAX} characters` };
  if (!/^[!-~]+$/.test(trimmed) || trimmed.includes("\\"))
    return { problem: "holds a blank, a backslash, a control character or a letter outside ASCII" };
  if (/^local:/i.test(trimmed)) return named(trimmed.slice("local:".length), (slug) => `local:${slug}`);
  return kaggle(trimmed);
}

function kaggle(text) {
  if (!/^https:/i.test(text)) return { problem: `does not start with https://; give an address such as ${EXAMPLE}` };
  const [, host = "", path] = /^https:(?:\/\/([^/?#]*))?([^?#]*)/i.exec(text);
  if (!["kaggle.com", "www.kaggle.com"].includes(host.toLowerCase()))
    return { problem: "is not on www.kaggle.com (without user name and port)" };
  const found = /^\/(?:c|competitions)\/([^/]+)(\/.*)?$/.exec(path);
  if (found === null) return { problem: `is not the page of a competition; give an address such as ${EXAMPLE}` };
  const steps = (found[2] ?? "").replace(/%2e/gi, ".").replace(/%2f/gi, "/").split("/");
  if (steps.includes(".") || steps.includes("..")) return { problem: "holds '.' or '..' as a step of its path" };
  if (!/^(?:\/[A-Za-z0-9_-]*)*$/.test(found[2] ?? ""))
    return { problem: "holds a step of its path that no page of a competition has" };
  return named(found[1], (slug) => `https://www.kaggle.com/competitions/${slug}`);
}

function named(name, addressOf) {
  const slug = name.toLowerCase();
  if (slug.length > SLUG_CHARS_MAX || !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(slug)) {
    const rule = "names no competition: a name is made of letters, digits and single hyphens";
    return { problem: `${rule}, at most ${SLUG_CHARS_MAX} of them` };
  }
  return { slug, url: addressOf(slug) };
}
