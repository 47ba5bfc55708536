// The model that reads a text, in the explorer of heads: the next letter, beside the smoother over pairs and the best guess.
import { ceiling, clamp, effectiveNumber } from "./maths.js";
import { readHead, readText, rowOf } from "./transformer.js";
import { bestLetters, drawText, heardFrom, pairSmoother } from "./problems.js";
import { Axes, brief, fixed, kept, node, scale, set, shape, tenth } from "./draw.js";
import { onDrag, onThemeChange, range, readouts, select } from "./controls.js";
import { gaussianOf, headControls, headOf, lineOf, modelOf, percent, showPart, told } from "./headparts.js";
import { HeatmapPanel, WeightsPanel } from "./panels.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./shell.js").Shell} Shell */
/** @typedef {ReturnType<ReturnType<typeof solverIn>>} State */

const NAMES = Array.from("ABCDEFGH");
const LOOKED = {
  estimate: "model, its head", second: "smoother over pairs", best: "best possible", fitted: "Gaussian fitted to the head",
};
const TEXT = { letters: 20, top: 34, bottom: 124, height: 164, left: 46, right: 12 };
const NEXT = { top: 10, bottom: 110, height: 150 };

/** The letter that is likeliest, and how likely. @param {Numbers} chances */
function likeliest(chances) {
  const all = Array.from(chances);
  if (Number.isNaN(all[0])) return "none yet";
  const most = Math.max(...all);
  return `${NAMES[all.indexOf(most)]}: ${fixed(most)}`;
}

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function textNumbersIn(parent) {
  const box = readouts(parent, {
    model: "model", smoother: "smoother", best: "best possible", effective: "effective keys 1/Σα²", followers: "on followers",
    before: "on the letter before", first: "on the first letter", pairs: "explained by pairs of letters",
    fit: "explained by a Gaussian of positions", width: "its σ, in positions",
  });
  return (/** @type {State} */ { letters, at, sigma, layer, head, row, reading, heard, chances }) => {
    const [said, name] = [told(reading), NAMES[letters[at]]];
    box.model.show(likeliest(chances.model), `model: next after ${name}`);
    box.smoother.show(likeliest(chances.smoother), `smoother, σ = ${brief(sigma)}`);
    box.best.show(likeliest(chances.best));
    box.effective.show(`${fixed(effectiveNumber(row), 1)} of ${at + 1}`);
    box.followers.show(`${fixed(heard.followers)} on ${heard.count}`, `on letters that followed an earlier ${name}`);
    box.pairs.show(percent(heard.told));
    box.before.show(at ? fixed(heard.before) : "none yet");
    box.first.show(fixed(heard.first));
    box.width.show(said.width);
    box.fit.show(said.fit);
    const [model, smoother] = [chances.model, chances.smoother].map(likeliest);
    return `Layer ${layer}, head ${head}, letter ${at + 1}, ${name}: next ${model} by the model, ${smoother} by the smoother; `
      + `${fixed(heard.followers)} of the weight on letters after an earlier ${name}.`;
  };
}

/** Returns what computes everything that is drawn. @param {Shell} shell */
function solverIn(shell) {
  const model = modelOf(shell);
  const read = kept((/** @type {number[]} */ letters, /** @type {number} */ temperature) => (
    readText(model, letters, temperature)));
  const [smooth, best, headNow, reading] = [kept(pairSmoother), kept(bestLetters), kept(headOf), kept(readHead)];
  const places = kept((/** @type {number} */ count) => Float64Array.from({ length: count }, (_, i) => i + 1));
  const along = kept((/** @type {number} */ n) => Float64Array.from({ length: 8 * n + 1 }, (_, i) => 0.5 + i / 8));
  const rowAt = kept((/** @type {Float64Array} */ weights, /** @type {number} */ head, /** @type {number} */ at,
    /** @type {number} */ n) => rowOf(weights, head - 1, at, n, n).slice(0, at + 1));
  return () => {
    const [sigma, layer, head] = ["sigma", "layer", "head"].map((trait) => Number(shell.get(trait)));
    const letters = /** @type {number[]} */ (shell.get("letters"));
    const n = letters.length;
    const at = clamp(Math.round(shell.get("query")), [0, n - 1]);
    const { probabilities, weights } = read(letters, shell.get("temperature"));
    const row = rowAt(weights[layer - 1], head, at, n);
    const own = reading(row, at + 1, places(at + 1));
    const pairs = smooth(letters, at, sigma);
    return {
      sigma, layer, head, letters, at, row, reading: own, pairs: pairs.weights, keys: places(at + 1), places: places(n),
      matrix: headNow(weights[layer - 1], head, n, n), heard: heardFrom(row, letters, at), along: along(n),
      gaussian: gaussianOf(along(n), at + 1, places(at + 1), own.sigma),
      chances: {
        model: probabilities.slice(NAMES.length * at, NAMES.length * (at + 1)), smoother: pairs.probabilities,
        best: best(letters, at),
      },
    };
  };
}

/** The letters in a row, and under them the weights of the head, of the smoother, and the fitted Gaussian.
 *  @param {Element} parent @param {Shell} shell @param {number} count @param {(at: number) => void} pick */
function rowIn(parent, shell, count, pick) {
  const svg = shape(parent, "svg", { role: "img", class: "d2l-fit d2l-text" });
  const names = Array.from({ length: count }, () => shape(svg, "text", { "text-anchor": "middle", y: TEXT.letters }));
  const panel = new WeightsPanel(svg, "position");
  const fitted = shape(svg, "path", { class: "d2l-fitted" });
  panel.line.before(fitted);
  const drawFitted = lineOf(fitted);
  const width = shell.watchWidth(parent);
  const scaleFor = kept((/** @type {number} */ wide) => scale([0.5, count + 0.5], [TEXT.left, wide - TEXT.right]));
  const upTo = kept((/** @type {number} */ top) => scale([0, top], [TEXT.bottom, TEXT.top]));
  const toLetter = (/** @type {import("./controls.js").Place} */ place) => pick(scaleFor(width()).invert(place.x) - 1);
  onDrag(svg, { start: toLetter, move: toLetter, end: toLetter }); // at the end the focus stays
  const place = kept((/** @type {import("./draw.js").Scale} */ x, /** @type {number} */ wide) => {
    set(svg, { viewBox: `0 0 ${wide} ${TEXT.height}`, width: wide, height: TEXT.height });
    names.forEach((name, i) => set(name, { x: tenth(x(i + 1)) }));
  });
  return (/** @type {State} */ { letters, at, row, pairs, keys, along, gaussian }) => {
    if (!width()) return;
    const x = scaleFor(width());
    const y = upTo(ceiling(Math.max(...row, ...pairs, ...gaussian.weights)));
    place(x, width());
    names.forEach((name, i) => {
      const follows = i > 0 && i <= at && letters[i - 1] === letters[at];
      name.textContent = NAMES[letters[i]];
      set(name, { class: i > at ? "d2l-unseen" : i === at ? "d2l-asked" : follows ? "d2l-follows" : "" });
    });
    panel.update({ x, y, keys, weights: row, tilted: pairs, query: at + 1 });
    drawFitted(along, gaussian.along, x, y);
    set(svg, { "aria-label": `The text ${letters.map((letter) => NAMES[letter]).join(" ")}, with the query at letter ${at + 1}, `
      + `${NAMES[letters[at]]}; under each letter up to it the weight of the head and that of the smoother over pairs.` });
  };
}

/** Probabilities of the next letter: bars of the model, the smoother and the best guess. @param {Element} parent
 *  @param {Shell} shell */
function chancesIn(parent, shell) {
  const box = node(parent, "div", { class: "d2l-next" });
  const svg = shape(box, "svg", { role: "img" });
  const axes = new Axes(svg, { xTitle: "the next letter", yTitle: "probability", xTicks: false });
  const names = NAMES.map((name) => shape(svg, "text", { "text-anchor": "middle", y: NEXT.bottom + 17 }, name));
  const bars = ["model", "smoother", "best"].map((of) => shape(svg, "path", { class: `d2l-bar d2l-bar-${of}` }));
  const title = shape(svg, "text", { "text-anchor": "middle", y: NEXT.bottom + 34 }, "the next letter");
  const y = scale([0, 1], [NEXT.bottom, NEXT.top]);
  const width = shell.watchWidth(box);
  return (/** @type {State} */ { letters, at, chances }) => {
    const wide = width();
    if (!wide) return;
    const x = scale([-0.5, NAMES.length - 0.5], [TEXT.left, wide - TEXT.right]);
    set(svg, { viewBox: `0 0 ${wide} ${NEXT.height}`, width: wide, height: NEXT.height });
    axes.update(x, y, [0, 0.5, 1]);
    names.forEach((name, i) => set(name, { x: tenth(x(i)) }));
    set(title, { x: (TEXT.left + wide - TEXT.right) / 2 });
    const thick = (x(1) - x(0)) / 4;
    [chances.model, chances.smoother, chances.best].forEach((each, k) => {
      const seen = Array.from(each, (chance, i) => (Number.isNaN(chance) ? ""
        : `M${tenth(x(i) + (k - 1.5) * thick)} ${y(0)}V${tenth(y(chance))}h${tenth(thick - 1)}V${y(0)}Z`));
      set(bars[k], { d: seen.join("") });
    });
    set(svg, { "aria-label": `Probabilities of the letter after ${NAMES[letters[at]]}. Likeliest by the model `
      + `${likeliest(chances.model)}, by the smoother ${likeliest(chances.smoother)}, at best ${likeliest(chances.best)}.` });
  };
}

/** All weights of the head: rows are positions of queries, columns of keys. @param {Element} parent @param {Shell} shell
 *  @param {number} count @param {(at: number) => void} pick */
function matrixIn(parent, shell, count, pick) {
  const heatmap = new HeatmapPanel(parent);
  const ends = [0.5, count + 0.5];
  const width = shell.watchWidth(heatmap.box);
  const squareOf = kept((/** @type {number} */ side) => ({
    x: scale(ends, [TEXT.left, side - TEXT.right]), y: scale(ends, [side - 64, 10]), width: side, height: side - 24,
  }));
  const square = () => squareOf(Math.min(width(), 400));
  const toRow = (/** @type {import("./controls.js").Place} */ at) => {
    if (!at.touch) pick(square().y.invert(at.y) - 1);
  };
  onDrag(heatmap.box, { start: toRow, move: toRow });
  shell.owns({ stop: onThemeChange(() => {
    heatmap.readTheme();
    shell.drawNow();
  }) });
  return (/** @type {State} */ { matrix, places, at }) => {
    if (!width()) return;
    const shown = heatmap.shown(places, count, square(), devicePixelRatio);
    showPart(matrix.weights, count, shown);
    const label = "Heatmap of the head's weights: rows are the positions of queries, columns those of keys. "
      + `The strongest shade is a weight of ${fixed(matrix.top, 3)}.`;
    heatmap.update({ ...square(), shown, fit: matrix, query: at + 1, top: matrix.top, label });
  };
}

/** @param {Shell} shell */
export function textIn(shell) {
  const count = shell.get("letters").length;
  const pick = (/** @type {number} */ at) => shell.change({ query: clamp(Math.round(at), [0, count - 1]) });
  const solve = solverIn(shell);
  const showControls = headControls(shell.el, shell);
  const showNumbers = textNumbersIn(shell.el);
  const panels = node(shell.el, "div", { class: "d2l-panels" });
  const main = node(panels, "div", { class: "d2l-main" });
  const key = node(main, "div", { class: "d2l-key", "aria-hidden": "true" });
  for (const [look, name] of Object.entries(LOOKED)) node(key, "span", { class: `d2l-key-${look}` }, name);
  const pickHere = (/** @type {number} */ at) => { query.input.focus({ preventScroll: true }); pick(at); };
  const showRow = rowIn(main, shell, count, pickHere);
  const query = range(main, "Query q", {
    min: 1, max: count, step: 1, seen: "q", onInput: (place) => pick(place - 1),
    describe: (place) => `letter ${place} of ${count}, ${NAMES[shell.get("letters")[place - 1]]}`,
  });
  query.box.classList.add("d2l-under-axis");
  const letter = select(main, "Letter at q", NAMES, (name) => {
    const letters = [...shell.get("letters")];
    letters[shell.get("query")] = NAMES.indexOf(name);
    shell.change({ letters });
  });
  const showChances = chancesIn(main, shell);
  const showMatrix = matrixIn(node(panels, "div", { class: "d2l-side" }), shell, count, pickHere);
  shell.buttons({
    "New text"() {
      const samples = shell.get("samples") + 1;
      shell.change({ letters: drawText(count, samples), samples });
      shell.say(`Text ${samples}: ${count} letters by a grammar that nobody has seen.`);
    },
  }, () => shell.toStart());
  return () => {
    const state = solve();
    showRow(state);
    query.show(state.at + 1);
    showChances(state);
    showMatrix(state);
    showControls();
    letter.show(NAMES[state.letters[state.at]]);
    return showNumbers(state);
  };
}
