// Elements made from values: text is only ever text, so nothing that a competition is called can become markup.

/** An element with attributes, listeners (`onclick`) and children; `null` and `false` leave one out. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** Replaces what is in an element. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat().filter(isThere));
}

/** An update that runs only when the values it is given are not those of the last time. */
export function whenChanged(update) {
  let last;
  return (...values) => {
    const now = JSON.stringify(values);
    if (now === last) return;
    last = now;
    update(...values);
  };
}

const isThere = (child) => child !== null && child !== undefined && child !== false;

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (!isThere(value)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter(isThere));
  return element;
}
