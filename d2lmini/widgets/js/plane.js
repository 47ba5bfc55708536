// The plane of the tokens: one point each, lines from the query to the keys that it sees, outputs. Points are dragged.
import { ticks } from "./maths.js";
import { Axes, fixed, node, scale, set, shape, tenth, write } from "./draw.js";
import { onDrag } from "./controls.js";

/** @typedef {import("./tokens.js").Point} Point */
/** @typedef {import("./attention.js").State} State */

/** @type {Record<string, number[]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEY_STEP = 0.05;
const LETTER = 8.5; // width in pixels, about
const TURNS = [0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1]; // half turns away from the best place of a label
const EDGES = { left: 46, right: 12, top: 10, bottom: 42 };
const PLANE_KEY = { query: "query", keys: "keys, area = weight", output: "output Σ α v", unit: "unit circle" };

/** @param {{ row: number[] | null }} state @param {number} i */
const radiusOf = ({ row }, i) => 3 + 12 * Math.sqrt(row ? row[i] : 0.1);
/** @param {Point} point */
export const place = ([x, y]) => `(${fixed(x)}, ${fixed(y)})`;

export class Plane {
  /** The axes reach from −limit to limit. `choose(i)` takes up a point, `move(i, point)` moves it there, `pick(i)` makes
   *  it the query. From the keyboard `nudge(step)` and `pick()` do so for the one taken up.
   *  @param {import("./shell.js").Shell} shell @param {Element} parent
   *  @param {{ limit: number, choose: (i: number) => void, move: (i: number, point: Point) => void,
   *    nudge: (step: number[]) => void, pick: (i?: number) => void }} options */
  constructor(shell, parent, { limit, choose, move, nudge, pick }) {
    this.limit = limit;
    this.choose = choose;
    this.move = move;
    this.nudge = nudge;
    this.pick = pick;
    const key = node(parent, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, name] of Object.entries(PLANE_KEY)) node(key, "span", { class: `d2l-key-${look}` }, name);
    this.box = node(parent, "div", { class: "d2l-plane" });
    this.svg = shape(this.box, "svg", { role: "img", class: "d2l-fit" });
    this.axes = new Axes(this.svg, { xTitle: "first coordinate", yTitle: "second coordinate" });
    this.cross = shape(this.svg, "path", { class: "d2l-cross" });
    this.circle = shape(this.svg, "ellipse", { class: "d2l-unit" });
    this.links = shape(this.svg, "g", { class: "d2l-links" });
    this.dots = shape(this.svg, "g", { class: "d2l-tokens" });
    this.picked = shape(this.svg, "circle", { class: "d2l-query-dot" });
    this.steps = shape(this.svg, "path", { class: "d2l-estimate" });
    this.outputs = shape(this.svg, "path", { class: "d2l-output" });
    this.names = shape(this.svg, "g", { class: "d2l-names" });
    this.ring = shape(this.svg, "circle", { class: "d2l-ring" });
    this.hits = shape(this.svg, "g", { class: "d2l-hits" });
    this.handle = node(this.box, "button", { type: "button", class: "d2l-handle", "data-lm-suppress-shortcuts": "true" });
    this.#listen();
    this.widthOfBox = shell.watchWidth(this.box);
    this.width = 0;
    this.x = scale([-limit, limit], [0, 1]);
    this.y = this.x;
    /** @type {State | undefined} */
    this.state = undefined;
    this.where = /** @type {Point[]} */ ([]);
  }

  /** Put the axes where there is room; false while the explorer is not on a page yet. */
  #layout() {
    const width = Math.min(this.widthOfBox(), 440);
    if (!width || width === this.width) return Boolean(width);
    this.width = width;
    const side = width - EDGES.left - EDGES.right;
    const height = EDGES.top + side + EDGES.bottom;
    this.x = scale([-this.limit, this.limit], [EDGES.left, EDGES.left + side]);
    this.y = scale([-this.limit, this.limit], [EDGES.top + side, EDGES.top]);
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const marks = ticks(-this.limit, this.limit, 4);
    this.axes.update(this.x, this.y, marks, marks);
    const [x0, y0] = this.#at([0, 0]);
    set(this.cross, { d: `M${EDGES.left} ${y0}h${side}M${x0} ${EDGES.top}v${side}M${x0 - 4} ${y0}h8M${x0} ${y0 - 4}v8` });
    set(this.circle, { cx: x0, cy: y0, rx: this.x(1) - x0, ry: y0 - this.y(1) });
    return true;
  }

  /** @param {Point} point */
  #at([x, y]) {
    return [this.x(x), this.y(y)];
  }

  /** Draw points with their labels; lines, areas and output for the `row` of the picked `query`, else all outputs.
   *  @param {State} state */
  update(state) {
    if (!this.#layout()) return;
    this.state = state;
    const { points, labels, outputs, query, selected } = state;
    this.where = points.map((point) => this.#at(point));
    const ends = outputs.map((output) => this.#at(output));
    const drawn = query === null ? points.map((_, i) => i) : [query];
    const pen = (/** @type {number[]} */ numbers) => numbers.map(tenth).join(" ");
    set(this.steps, { d: drawn.map((i) => `M${pen(this.where[i])}L${pen(ends[i])}`).join("") });
    set(this.outputs, { d: drawn.map((i) => `M${pen(ends[i])}m0 -7l7 7l-7 7l-7 -7z`).join("") });
    this.#drawTokens(state);
    const [left, top] = this.where[selected];
    set(this.ring, { cx: left, cy: top, r: radiusOf(state, selected) + 5 });
    Object.assign(this.handle.style, { left: `${left}px`, top: `${top}px` });
    this.handle.setAttribute("aria-label", `Move ${labels[selected]}, now at ${place(points[selected])}`);
    const shown = query === null ? "arrows from each token to its output"
      : `lines from the query ${labels[query]} to the keys it sees, and its output ${place(outputs[query])}`;
    set(this.svg, { "aria-label": `The tokens in the plane with the unit circle: ${shown}.` });
  }

  /** @param {State} state */
  #drawTokens(state) {
    const { points, row, seen, query, labels } = state;
    const groups = [this.links, this.dots, this.names, this.hits];
    const tags = /** @type {const} */ (["line", "circle", "text", "circle"]);
    groups.forEach((group, i) => { while (group.childElementCount < points.length) shape(group, tags[i]); });
    points.forEach((_, i) => {
      const [link, dot, name, hit] = groups.map((group) => group.children[i]);
      const [[cx, cy], share, radius] = [this.where[i], row ? row[i] : 0.1, radiusOf(state, i)];
      const linked = query !== null && seen?.[i] && i !== query;
      const [x1, y1] = linked ? this.where[query] : [cx, cy];
      set(link, { x1, y1, x2: cx, y2: cy, "stroke-width": 1 + 9 * share, "stroke-opacity": 0.3 + 0.6 * share });
      const look = seen && !seen[i] ? "d2l-masked" : "d2l-seen";
      set(dot, { cx, cy, r: radius, "fill-opacity": 0.35 + 0.65 * share, class: look });
      set(hit, { cx, cy, r: 18 });
      write(name, labels[i]);
    });
    const [cx, cy] = this.where[query ?? 0]; // on top, for others may stand in the same place
    set(this.picked, { cx, cy, r: query === null ? 0 : radiusOf(state, query) });
    this.#placeNames(state);
  }

  /** Labels outside of their points, away from the origin where there is room and clear of the output of the query,
   *  whose own is placed first. @param {State} state */
  #placeNames(state) {
    const { query, selected, outputs, labels } = state;
    const [x0, y0] = this.#at([0, 0]);
    const ends = query === null ? [] : [this.#at(outputs[query])];
    const taken = ends.map(([x, middle]) => ({ left: x - 7, right: x + 7, middle }));
    const order = [...this.where.keys()].sort((i, j) => Number(j === query) - Number(i === query));
    for (const i of order) {
      const [name, [x, y]] = [this.names.children[i], this.where[i]];
      const width = LETTER * labels[i].length;
      const outward = Math.hypot(x - x0, y - y0) > 1 ? Math.atan2(y - y0, x - x0) : -Math.PI / 4;
      const places = [6, 22, 38].flatMap((gap) => TURNS.map((turn) => {
        const away = radiusOf(state, i) + gap + (i === selected ? 5 : 0); // its ring
        const [right, down] = [Math.cos(outward + turn * Math.PI), Math.sin(outward + turn * Math.PI)];
        return { left: x + right * (away + width / 2) - width / 2, middle: y + down * (away + 6) };
      }));
      const inside = places.filter(({ left, middle }) => (
        left > EDGES.left && left + width < this.width && middle > EDGES.top + 4 && middle < this.y.range[0] - 8));
      const free = (/** @type {{ left: number, middle: number }} */ { left, middle }) => taken.every((one) => (
        left > one.right || left + width < one.left || Math.abs(middle - one.middle) > 15));
      const { left, middle } = inside.find(free) ?? inside[0] ?? places[0];
      taken.push({ left, middle, right: left + width });
      set(name, { x: tenth(left + width / 2), y: tenth(middle + 5), "text-anchor": "middle" });
    }
  }

  /** The point under the pointer: the one taken up before if it is among several in one place.
   *  @param {import("./controls.js").Place} at */
  #pointAt(at) {
    const distance = (/** @type {Point} */ [x, y]) => Math.hypot(x - at.x, y - at.y);
    if (!this.state) return -1;
    const { selected } = this.state;
    const closest = this.where.reduce(
      (best, where, i) => (distance(where) < distance(this.where[best]) - 1 ? i : best), selected,
    );
    return distance(this.where[closest]) < (at.touch ? 24 : 18) ? closest : -1;
  }

  #listen() {
    let held = -1;
    let from = /** @type {{ x: number, y: number } | null} */ (null);
    onDrag(this.box, {
      start: (at) => {
        [held, from] = [this.#pointAt(at), at];
        if (held < 0) return false;
        this.choose(held);
        this.handle.focus({ preventScroll: true });
        return true;
      },
      move: (at) => {
        if (held < 0 || (from && Math.hypot(at.x - from.x, at.y - from.y) < 4)) return;
        from = null;
        this.move(held, [this.x.invert(at.x), this.y.invert(at.y)]);
      },
      end: () => {
        if (held >= 0 && from) this.pick(held);
        held = -1;
      },
    });
    this.box.addEventListener("mousedown", (event) => event.preventDefault()); // or the focus is lost again
    this.handle.addEventListener("click", (event) => { if (event.detail === 0) this.pick(); });
    this.handle.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      this.nudge(step.map((direction) => KEY_STEP * direction));
    });
  }
}
