// The numbers behind a picture as tables that open on request, for those who read rather than look.
import { fixed, node, write } from "./draw.js";

/** @typedef {import("./picture.js").State} State */

const CURVE_ROWS = 21; // places at which the curves are read
const LISTED = 100; // points that are listed, the nearest to the query

export class NumbersBehind {
  /** @param {import("./shell.js").Shell} shell */
  constructor(shell) {
    this.box = node(shell.el, "details", { class: "d2l-numbers" });
    node(this.box, "summary", {}, "The numbers as tables");
    this.box.addEventListener("toggle", shell.redraw);
    this.tables = [new Table(this.box), new Table(this.box)];
  }

  /** `names`: what the legend calls the curves. @param {State} state @param {Record<string, string>} names */
  update(state, names) {
    if (!this.box.open) return;
    const { queries, truth, estimates, keys, values, row, query, tilted, tiltedName = "second weight" } = state;
    const [curves, points] = this.tables;
    const at = Array.from({ length: CURVE_ROWS }, (_, i) => Math.round((i * (queries.length - 1)) / (CURVE_ROWS - 1)));
    curves.show("The curves", ["query", names.truth, names.estimate], at.map((j) => (
      [queries[j], truth[j], estimates[j]].map((number) => tell(number)))));
    const near = Array.from(keys.keys()).sort((a, b) => Math.abs(keys[a] - query) - Math.abs(keys[b] - query)).slice(0, LISTED);
    near.sort((a, b) => keys[a] - keys[b]);
    const which = near.length < keys.length ? `The ${LISTED} points nearest to the query` : "The points";
    const columns = ["key", "value", "weight", ...(tilted ? [tiltedName] : [])];
    points.show(`${which}, and their weights at q = ${fixed(query)}`, columns, near.map((i) => (
      [tell(keys[i]), tell(values[i]), tell(row[i], 3), ...(tilted ? [tell(tilted[i], 3)] : [])])));
  }
}

/** @param {number} number */
const tell = (number, digits = 2) => (Number.isNaN(number) ? "none" : fixed(number, digits));

/** A table whose cells are written anew only where something changed. */
class Table {
  /** @type {HTMLElement[][]} */
  cells = [];

  /** @param {Element} parent */
  constructor(parent) {
    this.table = node(parent, "table");
    this.caption = node(this.table, "caption");
    this.head = node(node(this.table, "thead"), "tr");
    this.body = node(this.table, "tbody");
  }

  /** @param {string} caption @param {string[]} columns @param {string[][]} rows */
  show(caption, columns, rows) {
    write(this.caption, caption);
    if (this.head.childElementCount !== columns.length || this.cells.length !== rows.length) this.#make(columns, rows.length);
    columns.forEach((name, c) => write(this.head.children[c], name));
    rows.forEach((row, r) => row.forEach((text, c) => write(this.cells[r][c], text)));
  }

  /** @param {string[]} columns @param {number} count */
  #make(columns, count) {
    this.head.replaceChildren();
    this.body.replaceChildren();
    for (const _ of columns) node(this.head, "th", { scope: "col" });
    this.cells = Array.from({ length: count }, () => {
      const line = node(this.body, "tr");
      return columns.map((_, c) => (c ? node(line, "td") : node(line, "th", { scope: "row" })));
    });
  }
}
