// Explorer "bandwidth": the fit and its errors over sigma; new samples leave their fits and their choices behind.
import { TRUTHS, attentionWeights, clamp, effectiveNumber, grid, nadarayaWatson, pool } from "./maths.js";
import { errorCurves, errorsAtKeys, errorsAtQueries, readCurve, sigmaGrid } from "./errors.js";
import { fixed, node, path, set, shape } from "./draw.js";
import { buttonRow, framed, readout, select } from "./controls.js";
import { Picture } from "./picture.js";
import { ErrorPanel } from "./curves.js";
import { follow, sampleIn } from "./sample.js";

const TRAITS = ["sigma", "query", "kernel", "data_keys", "data_values", "samples"];
const KERNEL_NAMES = ["gaussian", "boxcar", "triangular", "epanechnikov", "tricube", "laplace"];
const LOOKS = { data: "data", truth: "truth", estimate: "estimate", ghost: "fits to earlier samples" };
const PAIRS = 8e4; // more pairs of a point and a query than this are too slow for a frame
const EARLIER = 8; // samples whose fits are kept
const GHOST_QUERIES = 101;

const toStep = (sigma) => 10 ** (Math.round(100 * Math.log10(sigma)) / 100); // where the slider can stand
const short = (sigma) => String(Number(sigma.toPrecision(3)));

/** Errors over sigma, computed when the data or the kernel change and kept until then. */
function cachedCurves(sigmas) {
  let [known, curves] = [[], null];
  return (data, kernel) => {
    const asked = [data.keys, data.values, kernel];
    if (asked.some((part, i) => part !== known[i])) {
      const few = data.keys.length ** 2 > PAIRS ? 5 : 1;
      curves = errorCurves(data, kernel, sigmas.filter((_, i) => i % few === 0));
      known = asked;
    }
    return curves;
  };
}

/** The errors at sigma itself; those at the keys read off the curves where there are too many pairs of keys. */
function errorsNow(data, kernel, sigma, curves) {
  const atKeys = data.keys.length ** 2 <= PAIRS ? errorsAtKeys(data.keys, data.values, kernel, sigma) : {
    leaveOneOut: readCurve(curves.sigmas, curves.leaveOneOut, sigma),
    training: readCurve(curves.sigmas, curves.training, sigma),
  };
  return { ...atKeys, ...errorsAtQueries(data, kernel, sigma) };
}

/** The numbers above the curves; `show(state)` returns them as one sentence. */
function readoutsIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const [estimateAt, effectiveKeys, trueError, leftOut, trained, parts] = [
    "estimate at q", "effective keys 1/Σα²", "true error", "leave-one-out error", "training error",
    "bias² + variance, given the keys",
  ].map((label) => readout(box, label));
  for (const [shown, look] of [[trueError, "true-error"], [leftOut, "left-out"], [trained, "training"]]) {
    shown.box.classList.add("d2l-keyed", `d2l-${look}`);
  }
  return ({ sigma, query, keys, row, estimate, now, queryCount }) => {
    const out = now.gaps ? "none" : fixed(now.error, 3);
    const loo = Number.isFinite(now.leaveOneOut) ? fixed(now.leaveOneOut, 3) : "not admissible";
    estimateAt.show(Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate), `estimate at q = ${fixed(query)}`);
    effectiveKeys.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    trueError.show(out, now.gaps ? `true error: ${now.gaps} of ${queryCount} queries see no key` : "true error");
    leftOut.show(loo);
    trained.show(fixed(now.training, 3));
    const [squaredBias, variance] = [now.squaredBias, now.variance].map((x) => fixed(x, 3));
    parts.show(now.gaps ? "none" : `${squaredBias} + ${variance} = ${fixed(now.squaredBias + now.variance, 3)}`);
    return `σ ${short(sigma)}: true error ${out}, leave-one-out error ${loo}, training error ${fixed(now.training, 3)}.`;
  };
}

/** The fits to earlier samples at the present sigma, faint, behind the estimate. */
function ghostsIn(picture, domain) {
  const line = shape(picture.svg, "path", { class: "d2l-ghost" });
  picture.fit.estimate.before(line);
  const queries = grid(...domain, GHOST_QUERIES);
  return (samples, kernel, sigma) => {
    const room = Math.floor(PAIRS / GHOST_QUERIES / Math.max(...samples.map(({ keys }) => keys.length), 1));
    const drawn = picture.x ? samples.slice(0, room) : [];
    set(line, { d: drawn.map(({ keys, values }) => {
      const { estimates } = nadarayaWatson(queries, keys, values, kernel, sigma);
      return path(queries, estimates, picture.x, picture.y);
    }).join("") });
  };
}

/** Returns what computes everything that is drawn from the model. */
function solverOf(model, truthAt) {
  const queries = grid(...model.get("domain"), model.get("resolution"));
  const asked = { queries: model.get("sample_queries"), noiseSd: model.get("noise_sd") };
  const [truth, curvesFor] = [queries.map(truthAt), cachedCurves(sigmaGrid(model.get("sigma_range")))];
  asked.truth = asked.queries.map(truthAt);
  return () => {
    const [sigma, query, kernel, keys, values] = TRAITS.map((trait) => model.get(trait));
    const data = { ...asked, keys, values, signal: keys.map(truthAt) };
    const curves = curvesFor(data, kernel);
    const { estimates, weights } = nadarayaWatson(queries, keys, values, kernel, sigma);
    const row = attentionWeights(query, keys, kernel, sigma);
    return {
      sigma, query, kernel, keys, values, queries, truth, estimates, weights, row, estimate: pool(row, values),
      curves, now: errorsNow(data, kernel, sigma, curves), queryCount: asked.queries.length,
    };
  };
}

/** The sigma at which a curve is smallest; undefined if it is nowhere defined. */
const bestSigma = ({ sigmas, best }, name) => sigmas[best[name]];

/** The samples before the present one, the last first, each with the sigma it chose. */
function pastSamples() {
  let samples = [];
  return {
    all: () => samples,
    chosen: (kernel) => samples.filter((one) => one.kernel === kernel && one.best).map((one) => one.best),
    forget: () => { samples = []; },
    add({ keys, values, kernel, curves }) {
      samples = [{ keys, values, kernel, best: bestSigma(curves, "leaveOneOut") }, ...samples].slice(0, EARLIER);
    },
  };
}

function render({ model, el }) {
  el.classList.add("d2l");
  const [domain, valueRange, name] = ["domain", "value_range", "truth"].map((trait) => model.get(trait));
  const sample = sampleIn(model);
  const solve = solverOf(model, TRUTHS[name]);
  const earlier = pastSamples();

  const redraw = framed(() => {
    const state = solve();
    picture.update(state);
    showGhosts(earlier.all(), state.kernel, state.sigma);
    errors.update({ ...state, earlier: earlier.chosen(state.kernel) });
    kernels.show(state.kernel);
    sizes.show(String(state.keys.length));
    status.later(showReadouts(state));
  });
  const goToBest = (error, called) => {
    const sigma = bestSigma(solve().curves, error);
    if (sigma) sample.change({ sigma });
    status.say(sigma ? `${called} is smallest at σ = ${short(sigma)}.` : `${called} is nowhere defined.`);
  };
  const drawPoints = (count) => {
    const state = solve();
    if (count === state.keys.length) earlier.add(state);
    else earlier.forget();
    const samples = sample.draw(count);
    status.say(`New sample ${samples}: ${count} points drawn again from the same truth.`);
  };

  const showReadouts = readoutsIn(el);
  const picture = new Picture(el, {
    domain, valueRange, redraw, legend: LOOKS, moveQuery: (query) => sample.change({ query: clamp(query, domain) }),
  });
  const showGhosts = ghostsIn(picture, domain);
  const errors = new ErrorPanel(picture.heatmap.box.parentElement, {
    sigmas: model.get("sigma_range"), moveSigma: (sigma) => sample.change({ sigma: toStep(sigma) }),
  });
  const controls = node(el, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", KERNEL_NAMES, (kernel) => sample.change({ kernel }));
  const counts = [1, 2, 4, 8].map((times) => times * model.get("start").data_keys.length);
  const sizes = select(controls, "Number of points", counts, (count) => drawPoints(Number(count)));
  const status = buttonRow(el, {
    "Best by leave-one-out": () => goToBest("leaveOneOut", "The leave-one-out error"),
    "Best by true error": () => goToBest("error", "The true error"),
    "New sample": () => drawPoints(model.get("data_keys").length),
  }, () => {
    earlier.forget();
    sample.reset();
    redraw();
  });
  return follow(model, TRAITS, redraw, [picture, status]);
}

export default { render };
