// The sentence, each word a button that picks the query, and the matrix of weights: rows are queries.
import { fixed, node, write } from "./draw.js";

/** What each word and each cell shows: only what changes is written, for the cells are many and a redraw has a frame. */
class Shaded {
  #text = "";
  #share = -1;
  #masked = false;

  /** @param {HTMLElement} box shaded by a weight @param {HTMLElement} label inside of it */
  constructor(box, label = box) {
    this.box = box;
    this.label = label;
  }

  /** @param {string} text @param {number} weight @param {boolean} masked */
  show(text, weight, masked) {
    const share = Math.round(100 * weight) / 100;
    if (text !== this.#text) this.label.textContent = text;
    if (share !== this.#share) this.box.style.setProperty("--share", String(share));
    if (masked !== this.#masked) this.box.classList.toggle("d2l-masked", masked);
    this.#text = text;
    this.#share = share;
    this.#masked = masked;
  }
}

/** The words in their order, shaded by the weights of the picked query. */
export class Sentence {
  /** @param {Element} parent @param {number} count @param {(i: number) => void} pick */
  constructor(parent, count, pick) {
    const box = node(parent, "div", { class: "d2l-sentence", role: "group", "aria-label": "Sentence: pick the query" });
    this.words = Array.from({ length: count }, (_, i) => {
      const word = node(box, "span", { class: "d2l-token" });
      const button = node(word, "button", { type: "button" });
      button.addEventListener("click", () => pick(i));
      return { word, button, shaded: new Shaded(button), weight: node(word, "span") };
    });
  }

  /** `row`: the weights of the picked query; nothing is shaded without one. @param {import("./attention.js").State} state */
  update({ labels, query, row, seen }) {
    this.words.forEach(({ word, button, shaded, weight }, i) => {
      if (word.dataset.token !== labels[i]) word.dataset.token = labels[i];
      shaded.show(labels[i], row ? row[i] : 0, Boolean(seen) && !seen?.[i]);
      button.setAttribute("aria-label", `${labels[i]}, position ${i + 1}`);
      button.setAttribute("aria-pressed", String(i === query));
      if (!row || !seen) write(weight, " ");
      else write(weight, seen[i] ? fixed(row[i]) : "hidden");
    });
  }
}

/** All weights as a table with the words on both sides. */
export class WeightTable {
  /** @param {import("./shell.js").Shell} shell @param {Element} parent @param {number} count @param {(i: number) => void} pick */
  constructor(shell, parent, count, pick) {
    this.box = node(parent, "div", { class: "d2l-matrix", role: "group", "aria-label": "Attention weights" });
    const table = node(this.box, "table", { class: count > 8 ? "d2l-dense" : "" });
    node(table, "caption", {}, "Attention weights: each row adds up to 1");
    const [head, body] = [node(table, "thead"), node(table, "tbody")];
    const [titles, names] = [node(head, "tr"), node(head, "tr")];
    const corner = node(titles, "th", { rowspan: 2, scope: "col", class: "d2l-corner" });
    node(corner, "span", {}, "query (row) ↓");
    node(titles, "th", { colspan: count, scope: "colgroup" }, "key (column) →");
    node(titles, "th", { rowspan: 2, scope: "col", class: "d2l-sum" }, "sum");
    this.columns = Array.from({ length: count }, () => node(node(names, "th", { scope: "col" }), "span"));
    this.rows = Array.from({ length: count }, (_, i) => {
      const row = node(body, "tr");
      row.addEventListener("click", () => pick(i));
      const name = node(row, "th", { scope: "row" });
      const cells = Array.from({ length: count }, () => {
        const cell = node(row, "td");
        return new Shaded(cell, node(cell, "span"));
      });
      return { row, name, cells, sum: node(node(row, "td", { class: "d2l-sum" }), "span") };
    });
    node(this.box, "div", { class: "d2l-key", "aria-hidden": "true" }).innerHTML = (
      '<span class="d2l-key-picked">picked query</span><span class="d2l-key-masked">hidden by the mask</span>');
    const observer = new ResizeObserver(() => { // where the table has to be scrolled, the arrow keys scroll it
      if (this.box.scrollWidth > this.box.clientWidth + 1) this.box.tabIndex = 0;
      else this.box.removeAttribute("tabindex");
    });
    for (const part of [this.box, table]) observer.observe(part);
    shell.owns({ stop: () => observer.disconnect() });
  }

  /** @param {import("./attention.js").State} state */
  update({ labels, weights, query, visible }) {
    const vertical = labels.some((label) => label.length > 5);
    const dense = labels.length > 8;
    const text = (/** @type {number} */ weight) => (dense ? fixed(weight).replace(/^0/, "") : fixed(weight));
    this.columns.forEach((name, j) => {
      write(name, labels[j]);
      name.classList.toggle("d2l-vertical", vertical);
    });
    this.rows.forEach(({ row, name, cells, sum }, i) => {
      row.classList.toggle("d2l-picked", i === query);
      write(name, labels[i]);
      cells.forEach((cell, j) => {
        const seen = visible(i, j);
        cell.show(seen ? text(weights[i][j]) : "hidden", weights[i][j], !seen);
      });
      write(sum, fixed(weights[i].reduce((total, weight) => total + weight, 0)));
    });
  }
}
