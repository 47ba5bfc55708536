// The panel of chosen bandwidths: for each sample drawn so far one dot a row, by leave-one-out and by the true error.
import { Axes, brief, kept, logScale, node, scale, set, shape, tenth } from "./draw.js";
import { summaryOf } from "./errors.js";

/** @typedef {import("./errors.js").Choice} Choice */

const CHOICE_ROWS = /** @type {const} */ ([
  { name: "leaveOneOut", look: "d2l-left-out", label: "σ chosen by leave-one-out", at: 30 },
  { name: "error", look: "d2l-true-error", label: "σ best by the true error", at: 76 },
]);
const CHOICES_FLOOR = 98;
const CHOICES_HEIGHT = CHOICES_FLOOR + 40;
const ENOUGH_CHOICES = 5; // samples, for a median and the middle 90 %

export class ChoicesPanel {
  /** @param {import("./shell.js").Shell} shell @param {Element} parent
   *  @param {{ sigmas: number[], marks: number[] }} options */
  constructor(shell, parent, { sigmas, marks }) {
    this.sigmas = sigmas;
    this.marks = marks;
    this.box = node(parent, "div", { class: "d2l-choices" });
    this.svg = shape(this.box, "svg", { role: "img" });
    this.axes = new Axes(this.svg, { xTitle: "bandwidth σ (logarithmic)", yTitle: "" });
    this.rows = CHOICE_ROWS.map(({ look, label, at }) => ({
      label: shape(this.svg, "text", { x: 46, y: at - 13 }, label),
      dots: shape(this.svg, "path", { class: `${look} d2l-choice` }),
      middle: shape(this.svg, "path", { class: `${look} d2l-middle` }),
      now: shape(this.svg, "circle", { class: `${look} d2l-chosen-now`, r: 6 }),
    }));
    this.y = scale([0, 1], [CHOICES_FLOOR, 8]);
    this.width = shell.watchWidth(this.box);
    this.draw = kept(this.#draw.bind(this));
  }

  /** Draw the choices, the present sample's last. @param {Choice[]} choices */
  update(choices) {
    const width = this.width();
    if (width) this.draw(choices, width);
  }

  /** @param {Choice[]} choices @param {number} width */
  #draw(choices, width) {
    const x = logScale(this.sigmas, [46, width - 12]);
    set(this.svg, { viewBox: `0 0 ${width} ${CHOICES_HEIGHT}`, width, height: CHOICES_HEIGHT });
    this.axes.update(x, this.y, [], this.marks);
    CHOICE_ROWS.forEach(({ name, at }, r) => {
      const { dots, middle, now } = this.rows[r];
      const chosen = choices.map((choice) => choice[name]);
      const height = (/** @type {number} */ i) => at + 1.3 * (((5 * i) % 9) - 4); // so that equal ones do not hide each other
      set(dots, { d: chosen.map((sigma, i) => (sigma ? `M${tenth(x(sigma))} ${tenth(height(i))}h0` : "")).join("") });
      const last = chosen[chosen.length - 1];
      now.style.display = last ? "" : "none";
      if (last) set(now, { cx: tenth(x(last)), cy: tenth(height(chosen.length - 1)) });
      const { count, low, median, high } = summaryOf(chosen);
      const bar = () => `M${tenth(x(low))} ${at + 11}H${tenth(x(high))}M${tenth(x(median))} ${at + 6}v10`;
      set(middle, { d: count < ENOUGH_CHOICES ? "" : bar() });
    });
    this.svg.setAttribute("aria-label", inWords(choices));
  }
}

/** What the panel shows, in a sentence or two. @param {Choice[]} choices */
export function inWords(choices) {
  const [leftOut, best] = CHOICE_ROWS.map(({ name }) => summaryOf(choices.map((choice) => choice[name])));
  if (!leftOut.count) return "No sample yet with a bandwidth to choose.";
  if (leftOut.count < ENOUGH_CHOICES) return `σ chosen in ${leftOut.count} of ${ENOUGH_CHOICES} samples that a summary needs.`;
  /** @param {typeof best} row */
  const range = ({ low, median, high }) => `median ${brief(median)}, the middle 90 % from ${brief(low)} to ${brief(high)}`;
  const doubled = choices.filter(({ excess }) => excess > 1).length;
  return `${leftOut.count} samples. σ by leave-one-out: ${range(leftOut)}. Best by the true error: ${range(best)}. `
    + `In ${doubled} of them leave-one-out more than doubles the smallest error.`;
}
