// The gallery of kernels: one card each, with its shape and its error; and the window of one kernel at the query.
import { KERNELS, KERNEL_NAMES, estimatesAt, grid } from "./maths.js";
import { SPREADING, weightCurve, widthOf } from "./shapes.js";
import { fixed, kept, node, path, scale, set, shape, tenth, write } from "./draw.js";

/** @typedef {import("./maths.js").KernelName} KernelName */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./draw.js").Scale} Scale */

const CARD = { x: scale([-3, 3], [2, 98]), y: scale([0, 1.05], [40, 2]), us: grid(-3, 3, 241) };
const COMPARED_AT = 126; // places at which the other kernels' curves are computed
const EDGE = 1e-9;

/** Cards to click; the menu of kernels does the same from the keyboard. */
export class Gallery {
  #drawShapes = kept(this.#draw.bind(this));

  /** @param {Element} parent @param {(kernel: KernelName) => void} choose */
  constructor(parent, choose) {
    const box = node(parent, "div", { class: "d2l-gallery", role: "group", "aria-label": "Gallery: mean squared errors" });
    this.cards = KERNEL_NAMES.map((name) => {
      const card = node(box, "div", { class: "d2l-card" });
      card.addEventListener("click", () => choose(name));
      const svg = shape(card, "svg", { viewBox: "0 0 100 42", "aria-hidden": "true" });
      const drawn = shape(svg, "path", { class: "d2l-shape" });
      node(card, "span", {}, name);
      return { name, card, drawn, error: node(card, "output", { "aria-live": "off" }) };
    });
  }

  /** Shapes over the distance in units of sigma, drawn anew only when the switch moves; errors below them.
   *  @param {{ kernel: KernelName, match: boolean, errors: Record<KernelName, number>,
   *    gaps: Record<KernelName, number> }} state */
  update({ kernel, match, errors, gaps }) {
    this.#drawShapes(match);
    for (const { name, card, error } of this.cards) {
      card.classList.toggle("d2l-chosen", name === kernel);
      const missing = gaps[name] ? `, ${gaps[name]} empty` : "";
      write(error, Number.isNaN(errors[name]) ? "none" : fixed(errors[name], 3) + missing);
    }
  }

  /** @param {boolean} match */
  #draw(match) {
    for (const { name, drawn } of this.cards) {
      const { score } = KERNELS[name];
      const width = widthOf(name, 1, match);
      const heights = CARD.us.map((u) => Math.exp(score(Math.abs(u) / width) - score(0)));
      set(drawn, { d: path(CARD.us, heights, CARD.x, CARD.y) });
    }
  }
}

/** Around the query: the kernel as high as its weights, and the two edges of its window, if it has any. */
export class KernelWindow {
  /** @param {Picture} picture */
  constructor(picture) {
    this.picture = picture;
    this.grid = grid(picture.domain[0], picture.domain[1], 241);
    this.curve = shape(picture.svg, "path", { class: "d2l-window" });
    picture.weights.stems.before(this.curve);
    this.edges = shape(picture.svg, "path", { class: "d2l-edges" });
  }

  /** @param {{ query: number, kernel: KernelName, width: number, keys: number[], row: Float64Array }} state */
  update(state) {
    const { x, y, weightsY, domain } = this.picture;
    const { query, kernel, width } = state;
    const [foot] = weightsY.range;
    const reach = width * KERNELS[kernel].support;
    const sides = Number.isFinite(reach) ? [query - reach, query + reach] : [];
    const inside = (/** @type {number} */ place) => place >= domain[0] && place <= domain[1];
    const steps = sides.flatMap((side) => [side - EDGE * reach, side + EDGE * reach]).filter(inside);
    const places = Float64Array.from([...this.grid, ...steps]).sort();
    const heights = weightCurve(places, query, state).map((height) => Math.min(height, weightsY.domain[1]));
    const [left, right] = x.range;
    set(this.curve, { d: `${path(places, heights, x, weightsY)}L${right} ${foot}H${left}Z` });
    const top = y.range[1];
    set(this.edges, { d: sides.filter(inside).map((side) => `M${tenth(x(side))} ${top}V${foot}`).join("") });
  }
}

/** The curves of the other kernels with a spread, faint, behind the estimate. */
export class OtherKernels {
  #drawCurves = kept(this.#curves.bind(this));

  /** @param {Picture} picture */
  constructor(picture) {
    this.picture = picture;
    this.line = shape(picture.svg, "path", { class: "d2l-other" });
    picture.fit.estimate.before(this.line);
    this.places = grid(picture.domain[0], picture.domain[1], COMPARED_AT);
  }

  /** @param {{ kernel: KernelName, keys: number[], values: number[], sigma: number, match: boolean }} state */
  update({ kernel, keys, values, sigma, match }) {
    this.#drawCurves(kernel, keys, values, sigma, match, this.picture.x, this.picture.y);
  }

  /** @param {KernelName} kernel @param {number[]} keys @param {number[]} values @param {number} sigma
   *  @param {boolean} match @param {Scale} x @param {Scale} y */
  #curves(kernel, keys, values, sigma, match, x, y) {
    const curve = (/** @type {KernelName} */ name) => {
      const estimates = estimatesAt(this.places, keys, values, name, widthOf(name, sigma, match));
      return path(this.places, estimates, x, y);
    };
    set(this.line, { d: SPREADING.filter((name) => name !== kernel).map(curve).join("") });
  }
}
