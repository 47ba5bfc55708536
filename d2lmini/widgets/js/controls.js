// Native controls with accessible names, the same in every explorer.
import { fixed, node, write } from "./draw.js";

/** Several readouts in one row, by the names that they have in the code; `labels` are those that a reader sees.
 *  @template {string} T @param {Element} parent @param {Record<T, string>} labels */
export function readouts(parent, labels) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const made = Object.entries(labels).map(([name, label]) => [name, readout(box, String(label))]);
  return /** @type {Record<T, ReturnType<typeof readout>>} */ (Object.fromEntries(made));
}

/** A labelled range input; `describe(value)` is what a screen reader says, `seen` a shorter label to show.
 *  @param {Element} parent @param {string} label
 *  @param {{ min: number, max: number, step: number, describe: (value: number) => string,
 *    onInput: (value: number) => void, seen?: string }} options */
export function range(parent, label, { min, max, step, describe, onInput, seen = label }) {
  const box = node(parent, "label", { class: "d2l-control" });
  node(box, "span", {}, seen);
  const input = node(box, "input", {
    type: "range", min, max, step, "aria-label": label, "data-lm-suppress-shortcuts": "true",
  });
  input.addEventListener("input", () => onInput(Number(input.value)));
  return {
    box,
    input,
    /** @param {number} value */
    show(value) {
      if (Number(input.value) !== value) input.value = String(value);
      input.setAttribute("aria-valuetext", describe(value));
    },
  };
}

/** A labelled menu; `names` are the texts of options that are not shown as they are. Paper shows the one chosen.
 *  @template {string | number} T @param {Element} parent @param {string} label @param {T[]} options
 *  @param {(value: string) => void} onInput @param {Record<string, string>} names */
export function select(parent, label, options, onInput, names = {}) {
  const box = node(parent, "label", { class: "d2l-control d2l-select" });
  node(box, "span", {}, label);
  const input = node(box, "select");
  for (const option of options) node(input, "option", { value: option }, names[String(option)] ?? String(option));
  input.addEventListener("change", () => onInput(input.value));
  return {
    input,
    /** @param {T} value */
    show(value) {
      const text = String(value);
      if (input.value !== text) input.value = text;
      box.dataset.chosen = input.selectedOptions[0]?.textContent ?? "";
    },
  };
}

/** @param {Element} parent @param {string} label @param {(on: boolean) => void} onInput */
export function checkbox(parent, label, onInput) {
  const box = node(parent, "label", { class: "d2l-control d2l-check" });
  const input = node(box, "input", { type: "checkbox" });
  node(box, "span", {}, label);
  input.addEventListener("change", () => onInput(input.checked));
  return { input, show(/** @type {boolean} */ on) { input.checked = on; } };
}

/** @param {Element} parent @param {string} label
 *  @param {{ min: number, max: number, onInput: (value: number) => void }} options */
export function number(parent, label, { min, max, onInput }) {
  const box = node(parent, "label", { class: "d2l-control d2l-number" });
  node(box, "span", {}, label);
  const input = node(box, "input", { type: "number", min, max, step: 1, inputmode: "numeric" });
  input.addEventListener("input", () => {
    const value = Math.round(Number(input.value));
    if (input.value !== "" && value >= Number(input.min) && value <= Number(input.max)) onInput(value);
  });
  return {
    input,
    /** @param {number} value */
    show(value) {
      if (Number(input.value) !== value) input.value = String(value);
    },
  };
}

/** Number, key and value of one data point, for those who do not drag.
 *  @param {Element} parent @param {{ domain: number[], valueRange: number[], count: number,
 *    choose: (i: number) => void, move: (to: { key?: number, value?: number }) => void }} options */
export function pointControls(parent, { domain, valueRange, count, choose, move }) {
  const which = number(parent, "Data point", { min: 1, max: count, onInput: (i) => choose(i - 1) });
  const keyRange = range(parent, "its key k", {
    min: domain[0], max: domain[1], step: 0.05, describe: (k) => `key ${fixed(k)}`, onInput: (key) => move({ key }),
  });
  const valueInput = range(parent, "its value v", {
    min: valueRange[0], max: valueRange[1], step: 0.1, describe: (v) => `value ${fixed(v)}`,
    onInput: (value) => move({ value }),
  });
  return {
    /** @param {number} selected @param {number[]} keys @param {number[]} values */
    show(selected, keys, values) {
      which.input.max = String(keys.length);
      which.show(selected + 1);
      keyRange.show(keys[selected]);
      valueInput.show(values[selected]);
    },
    focus: () => valueInput.input.focus({ preventScroll: true }),
  };
}

/** A named number in an <output>. Not announced at each step of a drag: the status line sums up once it rests.
 *  @param {Element} parent @param {string} label */
function readout(parent, label) {
  const box = node(parent, "div", { class: "d2l-readout" });
  const name = node(box, "span", {}, label);
  const output = node(box, "output", { "aria-live": "off" });
  return {
    box,
    /** @param {string} text */
    show(text, renamed = label) {
      write(output, text);
      write(name, renamed);
    },
  };
}

/** Pointer drags on `target`: `start` where it goes down, `move` as it follows, `end` where it lets go; all get x, y
 *  in pixels. If `start` returns true, a finger does not scroll the page: touch-action does not reach inside an SVG.
 *  @typedef {{ x: number, y: number, touch: boolean }} Place
 *  @param {SVGSVGElement | HTMLElement} target
 *  @param {{ start: (at: Place) => unknown, move: (at: Place) => void, end?: (at: Place) => void }} drag */
export function onDrag(target, { start, move, end = () => {} }) {
  /** @param {PointerEvent} event @returns {Place} */
  const at = (event) => {
    const box = target.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, touch: event.pointerType === "touch" };
  };
  let held = false;
  target.addEventListener("touchstart", (/** @type {Event} */ event) => {
    if (held) event.preventDefault();
  }, { passive: false });
  target.addEventListener("pointerdown", (/** @type {any} */ event) => {
    if (event.button !== 0) return;
    held = start(at(event)) === true;
    target.setPointerCapture(event.pointerId);
  });
  target.addEventListener("pointermove", (/** @type {any} */ event) => {
    if (target.hasPointerCapture(event.pointerId)) move(at(event));
  });
  target.addEventListener("pointerup", (/** @type {any} */ event) => end(at(event)));
}

/** Calls `redraw` when the page changes between light and dark; returns how to stop. @param {() => void} redraw */
export function onThemeChange(redraw) {
  const observer = new MutationObserver(redraw);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: ["data-theme", "theme", "class", "data-jp-theme-light"] });
  }
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", redraw);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", redraw);
  };
}
