// The sample in the model: moved by the reader, drawn again from the truth, taken back to the start.
import { clamp, drawSample } from "./maths.js";

/** Returns what sets traits of the model: `change({ name: value })`. */
export function changer(model) {
  return (traits) => {
    for (const [trait, value] of Object.entries(traits)) model.set(trait, value);
    model.save_changes();
  };
}

/** What a reader can do to the traits of a SampleView (base.py). */
export function sampleIn(model) {
  const [domain, valueRange] = [model.get("domain"), model.get("value_range")];
  const change = changer(model);
  return {
    change,
    /** Give point i another key, another value or both. */
    move(i, { key, value }) {
      const [keys, values] = [[...model.get("data_keys")], [...model.get("data_values")]];
      if (key !== undefined) keys[i] = clamp(key, domain);
      if (value !== undefined) values[i] = clamp(value, valueRange);
      change({ data_keys: keys, data_values: values });
    },
    /** Draw `count` points from the truth of the sample; returns the number of the draw. */
    draw(count) {
      const samples = model.get("samples") + 1;
      const drawn = drawSample(model.get("truth"), count, model.get("noise_sd"), domain, samples);
      change({ data_keys: drawn.keys, data_values: drawn.values, samples });
      return samples;
    },
    reset: () => change(model.get("start")),
  };
}

/** Calls `redraw` (framed) whenever one of the traits changes; returns how to stop that and the parts. */
export function follow(model, traits, redraw, parts) {
  for (const trait of traits) model.on(`change:${trait}`, redraw);
  return () => {
    for (const trait of traits) model.off(`change:${trait}`, redraw);
    redraw.cancel();
    for (const part of parts) part.stop();
  };
}
