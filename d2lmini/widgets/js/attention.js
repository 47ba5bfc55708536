// Explorer "attention": a sentence, its tokens in the plane, and the weights with which each of them sees the others.
import { clamp, effectiveNumber } from "./maths.js";
import { MASKS, SIMILARITIES, largestDifference, onCircle, outputsOf, selfAttention, shuffled } from "./tokens.js";
import { brief, fixed, node } from "./draw.js";
import { range, readouts, select } from "./controls.js";
import { Sentence, WeightTable } from "./sentence.js";
import { Plane, place } from "./plane.js";
import { explorer } from "./shell.js";

/** @typedef {import("./tokens.js").Point} Point */
/** @typedef {import("./tokens.js").Similarity} Similarity */
/** @typedef {import("./shell.js").Shell} Shell */
/** @typedef {ReturnType<typeof solve> & { selected: number }} State */

const TRAITS = ["sigma", "query", "kernel", "mask", "positions", "tokens", "points"];
const POSITIONS = ["none", "gaussian", "laplace"];
/** @type {Record<Similarity, string>} */
const SIZES = { "dot-product": "q·k", rbf: "−‖q − k‖²/2", cosine: "cos(q, k)" };

const HINT = "Click a word: it becomes the query, and the numbers below the words are its attention weights. "
  + "Drag the words in the plane. A head of width 2 has σ = 2^¼ = 1.19.";

/** @param {number} number */
const subscript = (number) => String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);
/** @param {number[]} row */
const heaviest = (row) => row.reduce((best, weight, j) => (weight > row[best] ? j : best), 0);

/** Everything that is drawn, computed from the model; `row` and `seen` are null without a picked query. @param {Shell} shell */
function solve(shell) {
  const { sigma, query, kernel, mask, positions, tokens, points } = /** @type {import("./tokens.js").Setting & {
    query: number | null, tokens: string[], points: Point[] }} */ (shell.all(TRAITS));
  const setting = { sigma, mask, positions, reach: shell.get("reach"), positionSigma: shell.get("position_sigma") };
  const weightsBy = (/** @type {Similarity} */ name) => selfAttention(points, { ...setting, kernel: name });
  const byAll = { "dot-product": weightsBy("dot-product"), rbf: weightsBy("rbf") };
  const weights = kernel === "cosine" ? weightsBy(kernel) : byAll[kernel];
  const visible = (/** @type {number} */ i, /** @type {number} */ j) => MASKS[mask](i, j, setting.reach);
  return {
    ...setting, query, kernel, tokens, points, weights, visible, outputs: outputsOf(weights, points),
    labels: tokens.map((token, i) => token + subscript(i + 1)),
    row: query === null ? null : weights[query],
    seen: query === null ? null : tokens.map((_, j) => visible(query, j)),
    difference: largestDifference(byAll["dot-product"], byAll.rbf),
  };
}

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    temperature: "τ = σ²", strongest: "strongest key", effective: "effective keys 1/Σα²", output: "output Σ α v",
    difference: "dot-product against RBF: largest difference",
  });
  return (/** @type {State} */ { sigma, kernel, query, labels, weights, row, seen, outputs, difference: most }) => {
    box.temperature.show(brief(sigma ** 2), `temperature τ = σ²: the score is ${SIZES[kernel]} / τ`);
    box.difference.show(most < 1e-9 ? "0" : fixed(most, 3));
    const setting = `${kernel === "rbf" ? "RBF" : kernel}, σ ${brief(sigma)}`;
    if (query === null || !row || !seen) {
      const means = weights.reduce((total, each) => total + effectiveNumber(each), 0) / weights.length;
      const top = heaviest(weights.map((each) => Math.max(...each)));
      const pair = `${labels[top]} → ${labels[heaviest(weights[top])]}`;
      box.strongest.show(`${pair}: ${fixed(Math.max(...weights[top]))}`, "strongest weight, query → key");
      box.effective.show(`${fixed(means, 1)} of ${labels.length}`, "effective keys, mean of the queries");
      box.output.show("an arrow each", "outputs Σ α v");
      return `${setting}: no query is picked; ${fixed(means, 1)} effective keys on average.`;
    }
    const [best, count] = [heaviest(row), fixed(effectiveNumber(row), 1)];
    const [top, mean] = [`${labels[best]}: ${fixed(row[best])}`, place(outputs[query])];
    box.strongest.show(top, `strongest key of ${labels[query]}`);
    box.effective.show(`${count} of ${seen.filter(Boolean).length}`);
    box.output.show(mean, `output of ${labels[query]} = Σ α v`);
    return `${setting}, query ${labels[query]}: strongest key ${top}, ${count} effective keys, output ${mean}.`;
  };
}

/** The menus of kernel, mask and positional factor; `show(state)` puts them where the model is.
 *  @param {Element} parent @param {Shell} shell */
function menusIn(parent, shell) {
  const box = node(parent, "div", { class: "d2l-controls d2l-menus" });
  const [reach, width] = [shell.get("reach"), brief(shell.get("position_sigma"))];
  const kernels = select(box, "Kernel", Object.keys(SIMILARITIES), (kernel) => shell.change({ kernel }), { rbf: "RBF" });
  const masks = select(box, "Mask", Object.keys(MASKS), (mask) => shell.change({ mask }), { window: `window of ±${reach}` });
  const factors = select(box, "Positional factor", POSITIONS, (positions) => shell.change({ positions }), {
    gaussian: `Gaussian, σ = ${width}`, laplace: `Laplace, σ = ${width}`,
  });
  return (/** @type {State} */ { kernel, mask, positions }) => {
    kernels.show(kernel);
    masks.show(mask);
    factors.show(positions);
  };
}

/** One token and its two coordinates, for those who do not drag; `show(state)` puts them where the points are.
 *  @param {Element} parent
 *  @param {{ limit: number, labels: string[], choose: (i: number) => void,
 *    move: (axis: number, value: number) => void }} options */
function tokenControls(parent, { limit, labels, choose, move }) {
  const box = node(parent, "div", { class: "d2l-controls" });
  const which = select(box, "Token to move",
    Object.keys(labels), (i) => choose(Number(i)), Object.fromEntries(Object.entries(labels)));
  const sides = ["first", "second"].map((side, axis) => range(box, `its ${side} coordinate`, {
    min: -limit, max: limit, step: 0.05, describe: (x) => fixed(x), onInput: (value) => move(axis, value),
  }));
  return (/** @type {State} */ { selected, points, labels: now }) => {
    [...which.input.options].forEach((option, i) => { if (option.textContent !== now[i]) option.textContent = now[i]; });
    which.show(String(selected));
    sides.forEach((side, axis) => side.show(points[selected][axis]));
  };
}

/** What the buttons do, by their labels; `reorder(order)` hears which token went where.
 *  @param {Shell} shell @param {(order: number[]) => void} reorder */
function actionsOn(shell, reorder) {
  const tell = (/** @type {string} */ text) => shell.say(text, { stays: true });
  return {
    "Put all on the circle"() {
      const before = /** @type {Point[]} */ (shell.get("points"));
      const points = onCircle(before);
      shell.change({ points });
      tell(largestDifference(points, before) < 1e-9 ? "All tokens are on the unit circle already."
        : "All tokens are on the unit circle: there dot product, cosine and RBF give the same weights.");
    },
    "Step to the outputs"() {
      shell.change({ points: solve(shell).outputs });
      const step = shell.get("kernel") === "rbf" ? "mean shift" : "attention";
      tell(`Each token stands where its output was: one step of ${step}.`);
    },
    "Shuffle the words"() {
      const [shuffles, query] = [shell.get("shuffles") + 1, shell.get("query")];
      const order = shuffled(shell.get("tokens").length, shuffles);
      const [tokens, points] = ["tokens", "points"].map((trait) => order.map((i) => shell.get(trait)[i]));
      reorder(order);
      shell.change({ tokens, points, shuffles, query: query === null ? null : order.indexOf(query) });
      tell(`Shuffled: ${tokens.join(" ")}. Each token kept its point.`);
    },
  };
}

export default explorer(TRAITS, (shell) => {
  const { el } = shell;
  const limit = Number(shell.get("limit"));
  const { length: count } = shell.get("tokens");
  let selected = 0;
  const pointsNow = () => /** @type {Point[]} */ (shell.get("points"));
  const choose = (/** @type {number} */ i) => { selected = i; shell.redraw(); };
  const pick = (i = selected) => shell.change({ query: shell.get("query") === i ? null : i });
  const move = (/** @type {number} */ i, /** @type {Point} */ point) => {
    const to = point.map((x) => clamp(Math.round(100 * x) / 100, [-limit, limit]));
    shell.change({ points: pointsNow().map((old, j) => (j === i ? to : old)) });
  };
  const moveSelected = (/** @type {(x: number, axis: number) => number} */ to) => move(selected, pointsNow()[selected].map(to));

  node(el, "div", { class: "d2l-hint" }, HINT);
  const sentence = new Sentence(el, count, pick);
  const showMenus = menusIn(el, shell);
  const showNumbers = numbersIn(el);
  const panels = node(el, "div", { class: "d2l-panels d2l-halves" });
  const plane = new Plane(shell, node(panels, "div", { class: "d2l-main" }), {
    limit, choose, move, nudge: (step) => moveSelected((x, axis) => x + step[axis]), pick,
  });
  const side = node(panels, "div", { class: "d2l-side" });
  const matrix = new WeightTable(shell, side, count, pick);
  const showToken = tokenControls(side, {
    limit, labels: solve(shell).labels, choose, move: (axis, value) => moveSelected((x, other) => (other === axis ? value : x)),
  });
  shell.buttons(actionsOn(shell, (order) => { selected = order.indexOf(selected); }), () => {
    shell.toStart();
    choose(0);
  });
  return () => {
    const state = { ...solve(shell), selected };
    sentence.update(state);
    showMenus(state);
    plane.update(state);
    matrix.update(state);
    showToken(state);
    return showNumbers(state);
  };
});
