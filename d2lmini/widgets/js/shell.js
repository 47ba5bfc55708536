// The shell of every explorer: what follows the model, when it is drawn, its buttons, its status line, how it goes.
import { node } from "./draw.js";

/**
 * The part of a model that anywidget, the widget host and Colab all have.
 * @typedef {{ get: (trait: string) => any, set: (trait: string, value: unknown) => void, save_changes: () => void,
 *   on: (event: string, listener: () => void) => void, off: (event: string, listener: () => void) => void }} Model
 */

/**
 * An explorer as anywidget wants it. `build` puts its parts into `shell.el`, in the order in which they stand, and returns
 * what draws the present state of the model into them: it runs once in a frame in which one of the traits changed, and
 * returns the sentence that the status line says when a drag rests. Before there is room it is not called.
 * @param {string[]} traits @param {(shell: Shell) => () => string} build
 */
export function explorer(traits, build) {
  return {
    /** @param {{ model: Model, el: HTMLElement }} given */
    render({ model, el }) {
      el.classList.add("d2l");
      const shell = new Shell(model, el);
      const draw = build(shell);
      const width = shell.watchWidth(el);
      shell.onDraw(() => { if (width()) shell.rest(draw()); });
      for (const trait of traits) model.on(`change:${trait}`, shell.redraw);
      return () => {
        for (const trait of traits) model.off(`change:${trait}`, shell.redraw);
        shell.stop();
      };
    },
  };
}

export class Shell {
  #draw = () => {};
  #asked = 0;
  #timer = 0;
  #told = false;
  /** The sentence of the drawing that came with what was said and stays. */
  #kept = "";
  /** @type {HTMLElement | undefined} */
  #status;
  /** @type {{ stop: () => void }[]} */
  #parts = [];

  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.el = el;
    /** Draw once in the next frame, however often it is asked. */
    this.redraw = () => {
      this.#asked ||= requestAnimationFrame(() => {
        this.#asked = 0;
        this.#draw();
      });
    };
  }

  /** @param {() => void} draw */
  onDraw(draw) {
    this.#draw = draw;
  }

  /** Draw at once. */
  drawNow() {
    this.#draw();
  }

  /** The value of a trait. @param {string} trait */
  get(trait) {
    return this.model.get(trait);
  }

  /** The values of some traits by their names. @param {string[]} traits */
  all(traits) {
    return Object.fromEntries(traits.map((trait) => [trait, this.get(trait)]));
  }

  /** Set traits of the model by their names. @param {Record<string, unknown>} traits */
  change(traits) {
    for (const [trait, value] of Object.entries(traits)) this.model.set(trait, value);
    this.model.save_changes();
  }

  /** Take all traits that Reset restores back to the start. */
  toStart() {
    this.change(this.get("start"));
  }

  /** Have `part.stop()` called when the explorer goes. @template {{ stop: () => void }} P @param {P} part */
  owns(part) {
    this.#parts.push(part);
    return part;
  }

  /** The width of a part, which is drawn anew with it. Known beforehand: asked for while drawing, the page would be laid
   *  out twice. @param {Element} part */
  watchWidth(part) {
    let width = 0;
    const observer = new ResizeObserver(() => {
      width = part.clientWidth;
      this.redraw();
    });
    observer.observe(part);
    this.owns({ stop: () => observer.disconnect() });
    return () => (width ||= part.clientWidth);
  }

  /** A row of buttons, `actions` by label and Reset, and the status line; returns the buttons by their labels.
   *  @param {Record<string, () => void>} actions @param {() => void} reset @param {{ stays?: boolean }} told */
  buttons(actions, reset, told = {}) {
    const row = node(this.el, "div", { class: "d2l-buttons" });
    const all = { ...actions, "Reset": () => { reset(); this.say("Back at the start.", told); } };
    const made = Object.entries(all).map(([label, act]) => {
      const button = node(row, "button", { type: "button", class: "d2l-button" }, label);
      button.addEventListener("click", act);
      return [label, button];
    });
    this.#status = node(row, "output", { class: "d2l-status", "aria-live": "polite" });
    return /** @type {Record<string, HTMLButtonElement>} */ (Object.fromEntries(made));
  }

  /** Say at once what a button did; with `stays` a drawing replaces it only when there is something else to say.
   *  @param {string} text @param {{ stays?: boolean }} told */
  say(text, { stays = false } = {}) {
    clearTimeout(this.#timer);
    if (this.#status) this.#status.textContent = text;
    this.#told = stays;
    this.#kept = "";
    if (stays) this.redraw();
  }

  /** Say the sentence of a drawing when a drag rests. @param {string} text */
  rest(text) {
    if (this.#told) this.#kept = text;
    this.#told = false;
    if (text === this.#kept) return;
    this.#kept = "";
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      if (this.#status && this.#status.textContent !== text) this.#status.textContent = text;
    }, 700);
  }

  stop() {
    cancelAnimationFrame(this.#asked);
    clearTimeout(this.#timer);
    for (const part of this.#parts) part.stop();
  }
}
