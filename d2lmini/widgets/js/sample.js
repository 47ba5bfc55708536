// The explorers of one sample and a query: what they show of it, and what a reader can do to it.
import {
  TRUTHS, attentionWeights, clamp, drawSample, grid, nadarayaWatson, pool,
} from "./maths.js";
import { kept } from "./draw.js";
import { pointControls } from "./controls.js";
import { NumbersBehind } from "./numbers.js";
import { Picture } from "./picture.js";
import { explorer } from "./shell.js";

/** @typedef {import("./maths.js").KernelName} KernelName */
/** @typedef {import("./shell.js").Shell} Shell */

const SAMPLE_TRAITS = ["sigma", "query", "data_keys", "data_values", "samples"];

/** An explorer (shell.js) of a SampleView (base.py): `build` gets the scene too. `traits` are those besides the sample's.
 *  @param {string[]} traits @param {(shell: Shell, scene: Scene) => () => string} build */
export function sampleExplorer(traits, build) {
  return explorer([...SAMPLE_TRAITS, ...traits], (shell) => {
    const scene = new Scene(shell);
    const draw = build(shell, scene);
    const numbers = new NumbersBehind(shell);
    return () => {
      const said = draw();
      if (scene.drawn?.state) numbers.update(scene.drawn.state, scene.drawn.legend);
      return said;
    };
  });
}

/** Points that a reader drags, a query, and their picture. */
export class Points {
  /** @param {Shell} shell */
  constructor(shell) {
    this.shell = shell;
    this.domain = /** @type {number[]} */ (shell.get("domain"));
    this.valueRange = /** @type {number[]} */ (shell.get("value_range"));
    this.queries = grid(this.domain[0], this.domain[1], shell.get("resolution"));
    this.selected = this.count >> 1;
    /** @type {Picture | undefined} */
    this.drawn = undefined;
  }

  /** How many points there are. */
  get count() {
    return this.shell.get("data_keys").length;
  }

  /** The picture; with `points` they can be taken up and dragged, and `focus` goes to the controls of the one taken up.
   *  @param {{ legend?: Record<string, string>, focus?: () => void }} options */
  picture({ legend, focus } = {}) {
    const drags = focus && {
      choosePoint: (/** @type {number} */ i) => { this.choose(i); focus(); },
      movePoint: (/** @type {number} */ key, /** @type {number} */ value) => this.move({ key, value }),
    };
    this.drawn = new Picture(this.shell, {
      domain: this.domain, valueRange: this.valueRange, legend, ...drags,
      moveQuery: (query) => this.shell.change({ query: clamp(query, this.domain) }),
    });
    return this.drawn;
  }

  /** Number, key and value of the point taken up. @param {Element} parent */
  pointControls(parent) {
    const { domain, valueRange, count } = this;
    const point = pointControls(parent, {
      domain, valueRange, count, choose: (i) => this.choose(i), move: (to) => this.move(to),
    });
    return {
      focus: point.focus,
      show: (/** @type {{ keys: number[], values: number[] }} */ { keys, values }) => point.show(this.selected, keys, values),
    };
  }

  /** Where there are fewer points than before, the last is taken up. */
  keepChosen() {
    this.selected = Math.min(this.selected, this.count - 1);
  }

  /** Take up point i. @param {number} i */
  choose(i) {
    this.selected = i;
    this.shell.redraw();
  }

  /** Give the point taken up another key, another value or both. @param {{ key?: number, value?: number }} to */
  move({ key, value }) {
    const [keys, values] = ["data_keys", "data_values"].map((trait) => [...this.shell.get(trait)]);
    if (key !== undefined) keys[this.selected] = clamp(key, this.domain);
    if (value !== undefined) values[this.selected] = clamp(value, this.valueRange);
    this.shell.change({ data_keys: keys, data_values: values });
  }

  /** Back at the start, with the point in the middle taken up. */
  reset() {
    this.shell.toStart();
    this.choose(this.count >> 1);
  }
}

/** Points of a sample of d2lmini.data, which can be drawn anew. */
export class Scene extends Points {
  #fit = kept(nadarayaWatson);
  #row = kept(attentionWeights);
  #signal = kept((/** @type {number[]} */ keys) => keys.map((key) => this.truthAt(key)));

  /** @param {Shell} shell */
  constructor(shell) {
    super(shell);
    this.truthAt = TRUTHS[shell.get("truth")];
    this.truth = this.queries.map((x) => this.truthAt(x));
    const queries = Float64Array.from(/** @type {number[]} */ (shell.get("sample_queries")));
    /** The queries of the sample, at which errors are taken. */
    this.asked = { queries, truth: queries.map((x) => this.truthAt(x)), noiseSd: Number(shell.get("noise_sd")) };
  }

  /** The sample as errors.js wants it. */
  data() {
    const keys = /** @type {number[]} */ (this.shell.get("data_keys"));
    return { ...this.asked, keys, values: /** @type {number[]} */ (this.shell.get("data_values")), signal: this.#signal(keys) };
  }

  /** What the picture draws of a kernel, computed anew only where something changed; with `clean` without noise.
   *  @param {KernelName} kernel @param {number} width @param {{ clean?: boolean }} wish */
  solve(kernel, width, { clean = false } = {}) {
    const { queries, truth } = this;
    const [sigma, query, keys, noisy] = SAMPLE_TRAITS.map((trait) => this.shell.get(trait));
    const values = clean ? this.#signal(keys) : noisy;
    this.keepChosen();
    const shown = this.drawn?.shown(keys, queries.length);
    const fit = this.#fit(queries, keys, values, kernel, width, shown);
    const row = this.#row(query, keys, kernel, width);
    return {
      sigma: /** @type {number} */ (sigma), query: /** @type {number} */ (query), kernel, width, queries, truth,
      keys: /** @type {number[]} */ (keys), values: /** @type {number[]} */ (values),
      fit, estimates: fit.estimates, row, estimate: pool(row, values),
    };
  }

  /** Draw points from the truth of the sample; returns the number of the draw. */
  draw(count = this.count) {
    const samples = this.shell.get("samples") + 1;
    const drawn = drawSample(this.shell.get("truth"), count, this.asked.noiseSd, this.domain, samples);
    this.shell.change({ data_keys: drawn.keys, data_values: drawn.values, samples });
    return samples;
  }

  /** Draw and say so: what the button New sample does. */
  drawAgain(count = this.count) {
    this.shell.say(`New sample ${this.draw(count)}: ${count} points drawn again from the same truth.`);
  }
}

/** @typedef {ReturnType<Scene["solve"]>} Solved */
