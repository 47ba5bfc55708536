// Explorer "attention": a sentence, its tokens in the plane, and the weights with which each of them sees the others.
import { clamp, effectiveNumber } from "./maths.js";
import { MASKS, SIMILARITIES, largestDifference, onCircle, outputsOf, selfAttention, shuffled } from "./tokens.js";
import { fixed, node } from "./draw.js";
import { buttonRow, framed, range, readout, select } from "./controls.js";
import { Sentence, WeightTable } from "./sentence.js";
import { Plane, place } from "./plane.js";
import { changer, follow } from "./sample.js";

const TRAITS = ["sigma", "query", "kernel", "mask", "positions", "tokens", "points"];
const POSITIONS = ["none", "gaussian", "laplace"];
const SIZES = { "dot-product": "q·k", rbf: "−‖q − k‖²/2", cosine: "cos(q, k)" };

const HINT = "Click a word: it becomes the query, and the numbers below the words are its attention weights. "
  + "Drag the words in the plane. A head of width 2 has σ = 2^¼ = 1.19.";

const subscript = (number) => String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
const brief = (x) => String(Number(x.toPrecision(3)));
const heaviest = (row) => row.reduce((best, weight, j) => (weight > row[best] ? j : best), 0);

/** Everything that is drawn, computed from the model; `row` and `seen` are null without a picked query. */
function solve(model) {
  const [sigma, query, kernel, mask, positions, tokens, points] = TRAITS.map((trait) => model.get(trait));
  const setting = { sigma, mask, positions, reach: model.get("reach"), positionSigma: model.get("position_sigma") };
  const weightsBy = (name) => selfAttention(points, { ...setting, kernel: name });
  const weights = weightsBy(kernel);
  const visible = (i, j) => MASKS[mask](i, j, setting.reach);
  return {
    ...setting, query, kernel, tokens, points, weights, visible, outputs: outputsOf(weights, points),
    labels: tokens.map((token, i) => token + subscript(i + 1)),
    row: query === null ? null : weights[query],
    seen: query === null ? null : tokens.map((_, j) => visible(query, j)),
    difference: largestDifference(weightsBy("dot-product"), weightsBy("rbf")),
  };
}

/** The numbers above the picture; `show(state)` returns them as one sentence. */
function numbersIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const [temperature, strongest, effective, output, difference] = [
    "τ = σ²", "strongest key", "effective keys 1/Σα²", "output Σ α v", "dot-product against RBF: largest difference",
  ].map((label) => readout(box, label));
  return ({ sigma, kernel, query, labels, weights, row, seen, outputs, difference: most }) => {
    temperature.show(brief(sigma ** 2), `temperature τ = σ²: the score is ${SIZES[kernel]} / τ`);
    difference.show(most < 1e-9 ? "0" : fixed(most, 3));
    const setting = `${kernel === "rbf" ? "RBF" : kernel}, σ ${brief(sigma)}`;
    if (query === null) {
      const means = weights.reduce((total, each) => total + effectiveNumber(each), 0) / weights.length;
      const top = heaviest(weights.map((each) => Math.max(...each)));
      const pair = `${labels[top]} → ${labels[heaviest(weights[top])]}`;
      strongest.show(`${pair}: ${fixed(Math.max(...weights[top]))}`, "strongest weight, query → key");
      effective.show(`${fixed(means, 1)} of ${labels.length}`, "effective keys, mean of the queries");
      output.show("an arrow each", "outputs Σ α v");
      return `${setting}: no query is picked; ${fixed(means, 1)} effective keys on average.`;
    }
    const [best, count] = [heaviest(row), fixed(effectiveNumber(row), 1)];
    const [top, mean] = [`${labels[best]}: ${fixed(row[best])}`, place(outputs[query])];
    strongest.show(top, `strongest key of ${labels[query]}`);
    effective.show(`${count} of ${seen.filter(Boolean).length}`);
    output.show(mean, `output of ${labels[query]} = Σ α v`);
    return `${setting}, query ${labels[query]}: strongest key ${top}, ${count} effective keys, output ${mean}.`;
  };
}

/** The menus of kernel, mask and positional factor; `show(state)` puts them where the model is. */
function menusIn(parent, model, change) {
  const box = node(parent, "div", { class: "d2l-controls d2l-menus" });
  const [reach, width] = [model.get("reach"), brief(model.get("position_sigma"))];
  const menus = {
    kernel: select(box, "Kernel", Object.keys(SIMILARITIES), (kernel) => change({ kernel }), { rbf: "RBF" }),
    mask: select(box, "Mask", Object.keys(MASKS), (mask) => change({ mask }), { window: `window of ±${reach}` }),
    positions: select(box, "Positional factor", POSITIONS, (positions) => change({ positions }), {
      gaussian: `Gaussian, σ = ${width}`, laplace: `Laplace, σ = ${width}`,
    }),
  };
  return (state) => { for (const [trait, menu] of Object.entries(menus)) menu.show(state[trait]); };
}

/** One token and its two coordinates, for those who do not drag; `show(state)` puts them where the points are. */
function tokenControls(parent, { limit, labels, choose, move }) {
  const box = node(parent, "div", { class: "d2l-controls" });
  const which = select(box, "Token to move", Object.keys(labels), (i) => choose(Number(i)), labels);
  const sides = ["first", "second"].map((side, axis) => range(box, `its ${side} coordinate`, {
    min: -limit, max: limit, step: 0.05, describe: fixed, onInput: (value) => move(axis, value),
  }));
  return ({ selected, points, labels: now }) => {
    [...which.input.options].forEach((option, i) => { option.textContent = now[i]; });
    which.show(String(selected));
    sides.forEach((side, axis) => side.show(points[selected][axis]));
  };
}

/** What the buttons do, by their labels; `say` tells it, and `reorder(order)` hears which token went where. */
function actionsOn(model, change, { say, reorder }) {
  return {
    "Put all on the circle"() {
      const [before, points] = [model.get("points"), onCircle(model.get("points"))];
      change({ points });
      say(largestDifference(points, before) < 1e-9 ? "All tokens are on the unit circle already."
        : "All tokens are on the unit circle: there dot product, cosine and RBF give the same weights.");
    },
    "Step to the outputs"() {
      change({ points: solve(model).outputs });
      const step = model.get("kernel") === "rbf" ? "mean shift" : "attention";
      say(`Each token stands where its output was: one step of ${step}.`);
    },
    "Shuffle the words"() {
      const [shuffles, query] = [model.get("shuffles") + 1, model.get("query")];
      const order = shuffled(model.get("tokens").length, shuffles);
      const [tokens, points] = ["tokens", "points"].map((trait) => order.map((i) => model.get(trait)[i]));
      reorder(order);
      change({ tokens, points, shuffles, query: query === null ? null : order.indexOf(query) });
      say(`Shuffled: ${tokens.join(" ")}. Each token kept its point.`);
    },
  };
}

function render({ model, el }) {
  el.classList.add("d2l");
  const change = changer(model);
  const [limit, count] = [model.get("limit"), model.get("tokens").length];
  let selected = 0;

  const redraw = framed(() => {
    const state = { ...solve(model), selected };
    sentence.update(state);
    showMenus(state);
    plane.update(state);
    matrix.update(state);
    showToken(state);
    status.later(showNumbers(state));
  });
  const choose = (i) => { selected = i; redraw(); };
  const pick = (i = selected) => change({ query: model.get("query") === i ? null : i });
  const move = (i, point) => {
    const kept = point.map((x) => clamp(Math.round(100 * x) / 100, [-limit, limit]));
    change({ points: model.get("points").map((old, j) => (j === i ? kept : old)) });
  };
  const nudge = (step) => move(selected, model.get("points")[selected].map((x, axis) => x + step[axis]));

  node(el, "div", { class: "d2l-hint" }, HINT);
  const sentence = new Sentence(el, count, pick);
  const showMenus = menusIn(el, model, change);
  const showNumbers = numbersIn(el);
  const panels = node(el, "div", { class: "d2l-panels d2l-halves" });
  const plane = new Plane(node(panels, "div", { class: "d2l-main" }), {
    limit, redraw, choose, move, nudge, pick,
  });
  const side = node(panels, "div", { class: "d2l-side" });
  const matrix = new WeightTable(side, count, pick);
  const showToken = tokenControls(side, {
    limit, labels: solve(model).labels, choose,
    move: (axis, value) => move(selected, model.get("points")[selected].map((x, other) => (other === axis ? value : x))),
  });
  const actions = actionsOn(model, change, {
    say: (text) => status.say(text), reorder: (order) => { selected = order.indexOf(selected); },
  });
  const status = buttonRow(el, actions, () => {
    change(model.get("start"));
    choose(0);
  });
  return follow(model, TRAITS, redraw, [plane, matrix, status]);
}

export default { render };
