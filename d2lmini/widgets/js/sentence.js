// The sentence, each word a button that picks the query, and the matrix of weights: rows are queries.
import { fixed, node } from "./draw.js";

/** Write and shade only what changes: cells are many, and a redraw has a frame. */
function write(target, text, weight) {
  if (target.textContent !== text) target.textContent = text;
  const share = weight === undefined ? undefined : weight.toFixed(3);
  if (target.share !== share) target.style.setProperty("--share", share);
  target.share = share;
}

/** The words in their order, shaded by the weights of the picked query. */
export class Sentence {
  constructor(parent, count, pick) {
    const box = node(parent, "div", { class: "d2l-sentence", role: "group", "aria-label": "Sentence: pick the query" });
    this.words = Array.from({ length: count }, (_, i) => {
      const word = node(box, "span", { class: "d2l-token" });
      const button = node(word, "button", { type: "button" });
      button.addEventListener("click", () => pick(i));
      return { word, button, weight: node(word, "span") };
    });
  }

  /** `row`: the weights of the picked query; nothing is shaded without one. */
  update({ tokens, labels, query, row, seen }) {
    this.words.forEach(({ word, button, weight }, i) => {
      word.dataset.token = labels[i];
      write(button, labels[i], row ? row[i] : 0);
      button.setAttribute("aria-label", `${tokens[i]}, position ${i + 1}`);
      button.setAttribute("aria-pressed", String(i === query));
      button.classList.toggle("d2l-masked", Boolean(row) && !seen[i]);
      if (!row) write(weight, " ");
      else write(weight, seen[i] ? fixed(row[i]) : "hidden");
    });
  }
}

/** All weights as a table with the words on both sides. */
export class WeightTable {
  constructor(parent, count, pick) {
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
      const cells = Array.from({ length: count }, () => node(row, "td"));
      return { row, name, cells, sum: node(row, "td", { class: "d2l-sum" }) };
    });
    node(this.box, "div", { class: "d2l-key", "aria-hidden": "true" }).innerHTML = (
      '<span class="d2l-key-picked">picked query</span><span class="d2l-key-masked">hidden by the mask</span>');
    this.observer = new ResizeObserver(() => { // where the table has to be scrolled, the arrow keys scroll it
      if (this.box.scrollWidth > this.box.clientWidth + 1) this.box.tabIndex = 0;
      else this.box.removeAttribute("tabindex");
    });
    for (const part of [this.box, table]) this.observer.observe(part);
  }

  update({ labels, weights, query, visible }) {
    const vertical = labels.some((label) => label.length > 5);
    const text = labels.length > 8 ? (weight) => fixed(weight).replace(/^0/, "") : (weight) => fixed(weight);
    this.columns.forEach((name, j) => {
      write(name, labels[j]);
      name.classList.toggle("d2l-vertical", vertical);
    });
    this.rows.forEach(({ row, name, cells, sum }, i) => {
      row.classList.toggle("d2l-picked", i === query);
      write(name, labels[i]);
      cells.forEach((cell, j) => {
        cell.classList.toggle("d2l-masked", !visible(i, j));
        write(cell, visible(i, j) ? text(weights[i][j]) : "hidden", weights[i][j]);
      });
      write(sum, fixed(weights[i].reduce((total, weight) => total + weight, 0)));
    });
  }

  stop() {
    this.observer.disconnect();
  }
}
