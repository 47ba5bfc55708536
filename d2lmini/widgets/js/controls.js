// Native controls with accessible names, the same in every explorer.
import { fixed, node } from "./draw.js";

/** A labelled range input; `describe(value)` is what a screen reader says, `seen` a shorter label to show. */
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
    show(value) {
      if (Number(input.value) !== value) input.value = value;
      input.setAttribute("aria-valuetext", describe(value));
    },
  };
}

/** A labelled menu; `names` are the texts of options that are not shown as they are. Paper shows the one chosen. */
export function select(parent, label, options, onInput, names = {}) {
  const box = node(parent, "label", { class: "d2l-control d2l-select" });
  node(box, "span", {}, label);
  const input = node(box, "select");
  for (const option of options) node(input, "option", { value: option }, names[option] ?? option);
  input.addEventListener("change", () => onInput(input.value));
  return {
    input,
    show(value) {
      input.value = value;
      box.dataset.chosen = input.selectedOptions[0]?.textContent ?? "";
    },
  };
}

export function checkbox(parent, label, onInput) {
  const box = node(parent, "label", { class: "d2l-control d2l-check" });
  const input = node(box, "input", { type: "checkbox" });
  node(box, "span", {}, label);
  input.addEventListener("change", () => onInput(input.checked));
  return { input, show(on) { input.checked = on; } };
}

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
    show(value) {
      if (Number(input.value) !== value) input.value = value;
    },
  };
}

function button(parent, label, onClick) {
  const made = node(parent, "button", { type: "button", class: "d2l-button" }, label);
  made.addEventListener("click", onClick);
  return made;
}

/** Number, key and value of one data point, for those who do not drag. */
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
    show(selected, keys, values) {
      which.input.max = keys.length;
      which.show(selected + 1);
      keyRange.show(keys[selected]);
      valueInput.show(values[selected]);
    },
    focus: () => valueInput.input.focus({ preventScroll: true }),
  };
}

/** A named number in an <output>. Not announced at each step of a drag: `announcer` sums up once it rests. */
export function readout(parent, label) {
  const box = node(parent, "div", { class: "d2l-readout" });
  const name = node(box, "span", {}, label);
  const output = node(box, "output", { "aria-live": "off" });
  return {
    box,
    show(text, renamed = label) {
      if (output.textContent !== text) output.textContent = text;
      if (name.textContent !== renamed) name.textContent = renamed;
    },
  };
}

/** The status line: says what a button did at once, and what a drag led to when it rests. */
function announcer(parent) {
  const output = node(parent, "output", { class: "d2l-status", "aria-live": "polite" });
  let timer = 0;
  return {
    say(text) {
      clearTimeout(timer);
      output.textContent = text;
    },
    later(text) {
      clearTimeout(timer);
      timer = setTimeout(() => { if (output.textContent !== text) output.textContent = text; }, 700);
    },
    stop: () => clearTimeout(timer),
  };
}

/** A row of buttons, `actions` by label and Reset, with the status line, which is returned. */
export function buttonRow(parent, actions, reset) {
  const row = node(parent, "div", { class: "d2l-buttons" });
  for (const [label, act] of Object.entries(actions)) button(row, label, act);
  button(row, "Reset", () => {
    reset();
    status.say("Back at the start.");
  });
  const status = announcer(row);
  return status;
}

/** Runs `draw` once in the next frame, however often it is asked; `now` does not wait. */
export function framed(draw) {
  let asked = 0;
  const ask = () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };
  ask.now = draw;
  ask.cancel = () => cancelAnimationFrame(asked);
  return ask;
}

/** Pointer drags on `target`: `start` where it goes down, `move` as it follows, `end` where it lets go; all get x, y
 *  in pixels. If `start` returns true, a finger does not scroll the page: touch-action does not reach inside an SVG. */
export function onDrag(target, { start, move, end = () => {} }) {
  const at = (event) => {
    const box = target.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, touch: event.pointerType === "touch" };
  };
  let held = false;
  target.addEventListener("touchstart", (event) => { if (held) event.preventDefault(); }, { passive: false });
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = start(at(event)) === true;
    target.setPointerCapture(event.pointerId);
  });
  target.addEventListener("pointermove", (event) => {
    if (target.hasPointerCapture(event.pointerId)) move(at(event));
  });
  target.addEventListener("pointerup", (event) => end(at(event)));
}

/** Calls `redraw` when the page changes between light and dark; returns how to stop. */
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
