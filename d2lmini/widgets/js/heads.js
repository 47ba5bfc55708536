// Explorer "heads": a trained transformer on a problem that it has never seen, and what one of its heads hears there.
import { curveIn } from "./headcurve.js";
import { textIn } from "./headtext.js";
import { explorer } from "./shell.js";

const TRAITS = [
  "sigma", "query", "layer", "head", "temperature", "samples", "curve", "data_keys", "data_values", "letters",
];

export default explorer(TRAITS, (shell) => (shell.get("model") === "text" ? textIn(shell) : curveIn(shell)));
