// Explorer "streaming": a pass over the keys, block by block, with what is kept of them; below, random features.
import { ceiling, clamp, estimatesAt, orderOf } from "./maths.js";
import { NOTHING_READ, pass, scoresOf } from "./online.js";
import { MOST, SIZES, estimated } from "./features.js";
import { Axes, brief, fixed, kept, node, path, scale, set, shape, tenth, write } from "./draw.js";
import { range, readouts, select } from "./controls.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./draw.js").Scale} Scale */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./sample.js").Solved & { sums: ReturnType<typeof pass>, size: number, blocks: number, from: number,
 *    whole: Float64Array, all: number }} State */

const LOOKS = { data: "data", truth: "truth", estimate: "estimate so far", ghost: "with all keys" };
/** @type {Record<number, string>} */
const SIZE_NAMES = { 1: "one key", 5: "5 keys", 10: "10 keys", 25: "25 keys" };
const SPREADS = ["0.5", "1"];
const PAUSE = 700; // milliseconds from one block to the next
const TAPE = 6; // pixels

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    largest: "running maximum M", numerator: "numerator N", denominator: "denominator D", soFar: "estimate so far, N / D",
    all: "with all keys", factor: "old sums times", plain: "sums without a maximum",
  });
  return (/** @type {State} */ { sums: { M, N, D, factor, plain, read }, query, keys, size, estimate, all }) => {
    const soFar = read ? fixed(estimate) : "none yet";
    box.largest.show(read ? sign(M) : "none yet");
    box.numerator.show(sign(N));
    box.denominator.show(sign(D));
    box.soFar.show(soFar, `estimate so far, at q = ${fixed(query)}`);
    box.all.show(fixed(all));
    box.factor.show(Number.isNaN(factor) ? "no old sums" : sign(factor));
    box.plain.show(`${sign(plain.N)} / ${sign(plain.D)}${read && !plain.D ? ", no number" : ""}`);
    const where = `${read} of ${keys.length} keys read, ${SIZE_NAMES[size]} at a time`;
    return `${where}: maximum ${read ? sign(M) : "none"}, denominator ${sign(D)}, `
      + `estimate ${soFar}, with all keys ${fixed(all)}.`;
  };
}

/** The number that a slider stands for, beside it. @param {{ box: Element }} slider */
const countIn = ({ box }) => node(box, "output", { class: "d2l-count", "aria-live": "off" });

/** Three digits, with a minus sign. @param {number} x */
const sign = (x) => brief(x).replaceAll("-", "−");

/** Which keys have been read, are being read, are still to come: on a tape under the data, and as veils over the heatmap.
 *  @param {Picture} picture */
function readingIn(picture) {
  const { svg, fit, heatmap, domain } = picture;
  const tape = ["read", "now", "next"].map((when) => shape(svg, "path", { class: `d2l-tape d2l-tape-${when}` }));
  const full = shape(svg, "path", { class: "d2l-ghost" });
  fit.estimate.before(full);
  const [past, coming] = ["past", "coming"].map((when) => shape(heatmap.svg, "path", { class: `d2l-veil d2l-veil-${when}` }));
  heatmap.axes.group.before(past, coming);
  const drawWhole = kept((/** @type {Numbers} */ queries, /** @type {Numbers} */ whole, /** @type {Scale} */ x,
    /** @type {Scale} */ y) => set(full, { d: path(queries, whole, x, y) }));
  const drawReading = kept((/** @type {number[]} */ keys, /** @type {number} */ from, /** @type {number} */ read,
    /** @type {Scale} */ x, /** @type {Scale} */ y, /** @type {Picture["square"]} */ square) => {
    const marks = ["", "", ""];
    keys.forEach((key, i) => {
      marks[i < from ? 0 : i < read ? 1 : 2] += `M${tenth(x(key))} ${y.range[0]}v-${TAPE}`;
    });
    tape.forEach((line, when) => set(line, { d: marks[when] }));
    const veils = veilsOver(keys, domain, from, read, square);
    set(past, { d: veils.past });
    set(coming, { d: veils.coming });
  });
  return (/** @type {State} */ { keys, queries, whole, from, sums: { read } }) => {
    drawWhole(queries, whole, picture.x, picture.y);
    drawReading(keys, from, read, picture.x, picture.y, picture.square);
  };
}

/** Columns of the heatmap whose keys were read, or are not read yet, as paths: each key reaches halfway to its neighbours.
 *  @param {number[]} keys @param {number[]} domain @param {number} from @param {number} read
 *  @param {{ x: Scale, y: Scale }} square */
function veilsOver(keys, domain, from, read, { x, y }) {
  const order = orderOf(keys) ?? Int32Array.from(keys, (_, i) => i);
  const [bottom, top] = y.range;
  const found = { past: "", coming: "" };
  order.forEach((i, place) => {
    if (i >= from && i < read) return;
    const left = place ? (keys[order[place - 1]] + keys[i]) / 2 : domain[0];
    const right = place + 1 < order.length ? (keys[i] + keys[order[place + 1]]) / 2 : domain[1];
    found[i < from ? "past" : "coming"] += `M${tenth(x(left))} ${top}H${tenth(x(right))}V${bottom}H${tenth(x(left))}Z`;
  });
  return found;
}

/** Exact and estimated weights of one query over a few keys, the heaviest first. @param {Element} parent
 *  @param {import("./shell.js").Shell} shell */
function featuresIn(parent, shell) {
  const box = node(parent, "div", { class: "d2l-features" });
  const error = readouts(box, { error: "random features: error, in units of the plain mean's" }).error;
  const key = node(box, "div", { class: "d2l-key", "aria-hidden": "true" });
  node(key, "span", { class: "d2l-key-exact" }, "softmax weight");
  node(key, "span", { class: "d2l-key-guess" }, "by random features");
  const svg = shape(box, "svg", { role: "img" });
  const axes = new Axes(svg, { xTitle: `${SIZES.keys} keys, the heaviest first`, yTitle: "weight" });
  const bars = shape(svg, "path", { class: "d2l-exact" });
  const dots = shape(svg, "path", { class: "d2l-guess" });
  const width = shell.watchWidth(box);
  const solve = kept(estimated);
  const draw = kept((/** @type {ReturnType<typeof estimated>} */ { exact, found }, /** @type {number} */ wide) => {
    const high = ceiling(Math.max(...exact, ...found));
    const x = scale([0.5, SIZES.keys + 0.5], [46, wide - 12]);
    const y = scale([0, high], [150, 12]);
    set(svg, { viewBox: `0 0 ${wide} 190`, width: wide, height: 190 });
    axes.update(x, y, [0, high], [1, 6, 12, 18, 24]);
    const order = Array.from(exact.keys()).sort((a, b) => exact[b] - exact[a]);
    const half = Math.max(2, (x(2) - x(1)) / 2 - 1.5);
    set(bars, { d: order.map((i, place) => (
      `M${tenth(x(place + 1) - half)} ${y(0)}V${tenth(y(exact[i]))}h${tenth(2 * half)}V${y(0)}Z`)).join("") });
    set(dots, { d: order.map((i, place) => `M${tenth(x(place + 1))} ${tenth(y(found[i]))}h0`).join("") });
  });
  return (/** @type {string} */ spread, /** @type {number} */ features, /** @type {number} */ draws) => {
    const state = solve(Number(spread), features, draws);
    if (width()) draw(state, width());
    const said = fixed(state.error);
    error.show(said);
    set(svg, { "aria-label": `Softmax weights of one query over ${SIZES.keys} keys, as bars, and their estimates by ${features} `
      + `random features, as dots. The largest weight is ${fixed(Math.max(...state.exact))}, its estimate `
      + `${fixed(state.found[state.exact.indexOf(Math.max(...state.exact))])}.` });
    return said;
  };
}

/** Returns what computes everything that is drawn of the pass.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const scores = kept(scoresOf);
  const running = kept(pass);
  const curve = kept((/** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ read,
    /** @type {number} */ sigma) => (
    read ? estimatesAt(scene.queries, keys.slice(0, read), values.slice(0, read), "gaussian", sigma)
      : new Float64Array(scene.queries.length).fill(NaN)));
  return () => {
    const state = scene.solve("gaussian", shell.get("sigma"));
    const { keys, values, query, sigma } = state;
    const size = Number(shell.get("block_size"));
    const blocks = clamp(shell.get("blocks"), [0, Math.ceil(keys.length / size)]);
    const s = scores(query, keys, sigma);
    const sums = blocks ? running(s, values, size, blocks) : { ...NOTHING_READ, factor: NaN, plain: NOTHING_READ, read: 0 };
    const row = s.map((score, i) => (i < sums.read ? Math.exp(score - sums.M) / sums.D : 0));
    return {
      ...state, size, blocks, sums, row, from: Math.max(0, (blocks - 1) * size),
      whole: state.estimates, all: state.estimate,
      estimates: curve(keys, values, sums.read, sigma), estimate: sums.read ? sums.N / sums.D : NaN,
    };
  };
}

/** Reads on, block after block, until the end or until it is stopped; where motion is unwelcome one block at a time.
 *  @param {import("./shell.js").Shell} shell @param {() => number} last the number of blocks */
function playerOf(shell, last) {
  let timer = 0;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  /** @type {HTMLButtonElement | undefined} */
  let button;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    if (button) write(button, "Play");
  };
  const step = () => {
    const blocks = shell.get("blocks");
    shell.change({ blocks: blocks < last() ? blocks + 1 : 0 });
    if (shell.get("blocks") >= last()) stop();
  };
  shell.owns({ stop });
  return {
    stop,
    /** @param {HTMLButtonElement} given */
    on(given) { button = given; },
    play() {
      if (timer) return stop();
      step();
      if (still.matches || shell.get("blocks") >= last()) return undefined;
      timer = window.setInterval(step, PAUSE);
      if (button) write(button, "Pause");
      return undefined;
    },
  };
}

export default sampleExplorer(["blocks", "block_size", "features", "spread", "draws"], (shell, scene) => {
  const solve = solverOf(shell, scene);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS, focus: () => point.focus() });
  const showReading = readingIn(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const last = () => Math.ceil(scene.count / shell.get("block_size"));
  const player = playerOf(shell, last);
  const reading = range(controls, "Keys read", {
    min: 0, max: last(), step: 1, onInput: (blocks) => { player.stop(); shell.change({ blocks }); },
    describe: (blocks) => `${Math.min(scene.count, blocks * shell.get("block_size"))} of ${scene.count} keys`,
  });
  const reached = countIn(reading);
  const size = select(controls, "Block size", Object.keys(SIZE_NAMES), (chosen) => {
    player.stop();
    const read = Math.min(scene.count, shell.get("blocks") * shell.get("block_size"));
    shell.change({ block_size: Number(chosen), blocks: Math.round(read / Number(chosen)) });
  }, SIZE_NAMES);
  const point = scene.pointControls(controls);
  const buttons = shell.buttons({
    "Play": () => player.play(), "New sample": () => { player.stop(); scene.drawAgain(); },
  }, () => { player.stop(); scene.reset(); });
  player.on(buttons.Play);
  const showFeatures = featuresIn(shell.el, shell);
  const below = node(shell.el, "div", { class: "d2l-controls" });
  const features = range(below, "Random features", {
    min: 2, max: Math.log2(MOST), step: 1, describe: (power) => `${2 ** power} features`,
    onInput: (power) => shell.change({ features: 2 ** power }),
  });
  const count = countIn(features);
  const spread = select(below, "Spread of the entries", SPREADS, (chosen) => shell.change({ spread: Number(chosen) }));
  const again = node(below, "button", { type: "button", class: "d2l-button" }, "Draw features again");
  again.addEventListener("click", () => {
    const draws = shell.get("draws") + 1;
    shell.change({ draws });
    const found = showFeatures(String(shell.get("spread")), shell.get("features"), draws);
    shell.say(`Draw ${draws} of the features: error ${found} of the plain mean's.`, { stays: true });
  });
  return () => {
    const state = solve();
    picture.update({ ...state, selected: scene.selected });
    showReading(state);
    reading.input.max = String(last());
    reading.show(state.blocks);
    write(reached, `${state.sums.read} of ${state.keys.length}, by ${state.size}`);
    size.show(String(state.size));
    point.show(state);
    const many = shell.get("features");
    features.show(Math.log2(many));
    write(count, String(many));
    spread.show(String(shell.get("spread")));
    showFeatures(String(shell.get("spread")), many, shell.get("draws"));
    return showNumbers(state);
  };
});
