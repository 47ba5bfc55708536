// Explorer "average": one mean for every query, flat weights, and what the values near the query say instead.
import { TRUTHS, attentionWeights, ceiling, clamp, grid, meanSquaredError, nadarayaWatson, pool } from "./maths.js";
import { fixed, node, path, set, shape } from "./draw.js";
import { buttonRow, framed, pointControls, readout, select } from "./controls.js";
import { Picture } from "./picture.js";
import { follow, sampleIn } from "./sample.js";

const TRAITS = ["sigma", "query", "data_keys", "data_values", "samples"];
const LOOKS = { data: "data", truth: "truth", estimate: "mean of all", second: "mean within σ of q" };

/** Everything that is drawn, computed from the model; the error is that at the queries of the sample. */
function solve(model, queries, truth) {
  const [sigma, query, keys, values] = TRAITS.map((name) => model.get(name));
  const { estimates, weights } = nadarayaWatson(queries, keys, values, "constant", sigma);
  const row = attentionWeights(query, keys, "constant", sigma);
  const mean = pool(row, values);
  const window = attentionWeights(query, keys, "boxcar", sigma);
  const asked = model.get("sample_queries");
  const error = meanSquaredError(asked.map(() => mean), asked.map(TRUTHS[model.get("truth")]));
  const top = ceiling(2 / keys.length);
  return {
    sigma, query, keys, values, queries, truth, estimates, weights, row, error,
    estimate: mean, near: pool(window, values), inside: window.filter((weight) => weight > 0).length,
    kernel: "constant", reach: sigma, top, weightTop: top,
  };
}

/** The numbers beside the picture; `show(state, drawn)` returns them as one sentence. */
function readoutsIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const [meanOfAll, meanNear, errorThere, weight, moved] = [
    "mean of all values", "mean within σ of q", "mean squared error", "weight of each key", "your changes, summed ÷ n",
  ].map((label) => readout(box, label));
  return ({ sigma, query, keys, values, row, estimate, near, inside, error }, drawn) => {
    const n = keys.length;
    const local = inside ? fixed(near) : "none";
    const change = values.reduce((total, value, i) => total + value - drawn[i], 0);
    meanOfAll.show(fixed(estimate), `mean of all ${n} values`);
    meanNear.show(local, `mean of the ${inside} within σ of q = ${fixed(query)}`);
    errorThere.show(fixed(error, 3));
    weight.show(`1/${n} = ${Number(row[0].toPrecision(2))}`);
    moved.show(`${signed(change, 2)} / ${n} = ${signed(change / n, 3)}`, `your changes, summed ÷ ${n}`);
    return `σ ${Number(sigma.toPrecision(3))}, query ${fixed(query)}: mean of all ${fixed(estimate)}, `
      + `mean of the ${inside} within σ ${local}.`;
  };
}

const signed = (x, digits) => (Math.abs(x) < 0.5 * 10 ** -digits ? "0" : (x > 0 ? "+" : "") + fixed(x, digits));

/** The mean of the values in the window, as wide as the window. */
function nearLine(picture) {
  const line = shape(picture.svg, "path", { class: "d2l-second" });
  return ({ query, sigma, near }) => {
    if (!picture.state) return;
    const ends = [query - sigma, query + sigma].map((x) => clamp(x, picture.domain));
    set(line, { d: path(ends, [near, near], picture.x, picture.y) });
  };
}

function render({ model, el }) {
  el.classList.add("d2l");
  const [domain, valueRange, name] = ["domain", "value_range", "truth"].map((trait) => model.get(trait));
  const queries = grid(...domain, model.get("resolution"));
  const truth = queries.map(TRUTHS[name]);
  const sample = sampleIn(model);
  const count = () => model.get("data_keys").length;
  let selected = count() >> 1;
  let drawn = { samples: model.get("samples"), values: model.get("data_values") };

  const choose = (i) => { selected = i; redraw(); };
  const movePoint = (to) => sample.move(selected, to);
  const drawPoints = (n) => {
    selected = n >> 1;
    const draw = sample.draw(n);
    status.say(`New sample ${draw}: ${n} points drawn again from the same truth.`);
  };
  const redraw = framed(() => {
    const state = solve(model, queries, truth);
    selected = Math.min(selected, state.keys.length - 1);
    if (drawn.samples !== model.get("samples")) drawn = { samples: model.get("samples"), values: state.values };
    picture.update({ ...state, selected });
    showNear(state);
    size.show(String(state.keys.length));
    point.show(selected, state.keys, state.values);
    status.later(showReadouts(state, drawn.values));
  });

  const showReadouts = readoutsIn(el);
  const picture = new Picture(el, {
    domain, valueRange, redraw, legend: LOOKS,
    moveQuery: (query) => sample.change({ query: clamp(query, domain) }),
    choosePoint: (i) => { choose(i); point.focus(); },
    movePoint: (key, value) => movePoint({ key, value }),
  });
  const showNear = nearLine(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const sizes = [...new Set([10, 50, 200, count()])].sort((a, b) => a - b);
  const size = select(controls, "Number of points", sizes, (n) => drawPoints(Number(n)));
  const point = pointControls(controls, { domain, valueRange, count: count(), choose, move: movePoint });
  const status = buttonRow(el, { "New sample": () => drawPoints(count()) }, () => {
    sample.reset();
    choose(count() >> 1);
  });
  return follow(model, TRAITS, redraw, [picture, status]);
}

export default { render };
