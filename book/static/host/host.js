// The widget host: makes the widgets of a built page work with no kernel and no other file.
//
// MyST-NB writes the state of all widgets of a page into one <script>, and a small <script> where each was
// displayed. This reads both, draws the ipywidgets controls that the course uses as native inputs, runs jslink,
// and mounts each anywidget. When it is done, <html data-widgets> is "ready", or "error" if anything failed.
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  /** @typedef {(model: Model, value?: unknown) => void} Listener */
  /** @typedef {{ path: string[], data: string }} Packed */
  /** @type {Map<string, Model>} */
  const models = new Map();

  /** The front-end half of a widget, as far as views rely on it. */
  class Model {
    /** @param {string} id @param {{ model_name: string, state: Record<string, any>, buffers?: Packed[] }} description */
    constructor(id, { model_name: name, state, buffers = [] }) {
      this.id = id;
      this.name = name;
      this.state = state;
      this.initialized = false;
      /** @type {Map<string, Set<Listener>>} */
      this.listeners = new Map();
      for (const { path, data } of buffers) this.#put(path, bytes(data));
    }

    /** @param {string[]} path @param {unknown} value */
    #put(path, value) {
      const last = path[path.length - 1];
      path.slice(0, -1).reduce((branch, step) => branch[step], this.state)[last] = value;
    }

    /** @param {string} name @returns {any} */
    get(name) {
      return this.state[name];
    }

    /** @param {string | Record<string, unknown>} name @param {unknown} [value] */
    set(name, value) {
      if (typeof name === "object") {
        for (const [key, each] of Object.entries(name)) this.set(key, each);
        return;
      }
      if (this.state[name] === value) return;
      this.state[name] = value;
      this.#tell(`change:${name}`, value);
      this.#tell("change");
    }

    /** @param {string} event @param {Listener} listener */
    on(event, listener) {
      if (!this.listeners.has(event)) this.listeners.set(event, new Set());
      this.listeners.get(event)?.add(listener);
    }

    /** @param {string} [event] @param {Listener} [listener] */
    off(event, listener) {
      if (event && listener) this.listeners.get(event)?.delete(listener);
      else if (event) this.listeners.delete(event);
      else this.listeners.clear();
    }

    /** @param {string} event @param {unknown} [value] */
    #tell(event, value) {
      for (const listener of [...(this.listeners.get(event) ?? [])]) listener(this, value);
    }

    save_changes() {}

    send() {}

    widget_manager = { get_model: async (/** @type {string} */ reference) => resolve(reference) };
  }

  const bytes = (/** @type {string} */ base64) => new DataView(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);

  /** @param {string} reference */
  function resolve(reference) {
    const model = models.get(reference.replace("IPY_MODEL_", ""));
    if (!model) throw new Error(`the page holds no widget ${reference}`);
    return model;
  }

  /** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, unknown>} attributes
   *  @param {(Node | string)[]} children */
  function node(tag, attributes = {}, children = []) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    made.append(...children);
    return made;
  }

  /** @param {Model} model */
  function link(model) {
    const [[from, source], [to, target]] = [model.get("source"), model.get("target")];
    const [a, b] = [resolve(from), resolve(to)];
    const copy = () => b.set(target, a.get(source));
    copy();
    a.on(`change:${source}`, copy);
    if (model.name === "LinkModel") b.on(`change:${target}`, () => a.set(source, b.get(target)));
  }

  const labelled = (/** @type {Model} */ model, /** @type {Node[]} */ ...controls) =>
    node("label", { class: "widget-control" }, [node("span", {}, [model.get("description") || model.name]), ...controls]);

  /** A native range input; `toInput` and `fromInput` translate between the value and where the thumb stands.
   *  @param {Model} model
   *  @param {{ step: number, toInput?: (value: number) => number, fromInput?: (place: number) => number,
   *    text: (value: number) => string }} options */
  function slider(model, { step, toInput = (x) => x, fromInput = (x) => x, text }) {
    const [min, max] = [model.get("min"), model.get("max")];
    const input = node("input", { type: "range", min, max, step });
    const output = node("output", { "aria-live": "off" });
    const show = () => {
      const value = model.get("value");
      if (fromInput(Number(input.value)) !== value) input.value = String(toInput(value));
      input.setAttribute("aria-valuetext", text(value));
      output.textContent = text(value);
    };
    input.addEventListener("input", () => model.set("value", fromInput(Number(input.value))));
    model.on("change:value", show);
    show();
    return labelled(model, input, output);
  }

  /** @type {Record<string, (model: Model) => Node | Promise<Node>>} */
  const DRAW = {
    FloatLogSliderModel(model) {
      const base = model.get("base");
      const toInput = (/** @type {number} */ value) => Math.log(value) / Math.log(base);
      return slider(model, {
        step: model.get("step"), toInput, fromInput: (exponent) => base ** exponent,
        text: (value) => String(Number(value.toPrecision(3))),
      });
    },

    IntSliderModel: (model) => slider(model, { step: model.get("step"), text: String }),

    DropdownModel(model) {
      const options = model.get("_options_labels").map((/** @type {string} */ label) => node("option", {}, [label]));
      const input = node("select", {}, options);
      const show = () => { input.selectedIndex = model.get("index"); };
      input.addEventListener("change", () => model.set("index", input.selectedIndex));
      model.on("change:index", show);
      show();
      return labelled(model, input);
    },

    CheckboxModel(model) {
      const input = node("input", { type: "checkbox" });
      const show = () => { input.checked = model.get("value"); };
      input.addEventListener("change", () => model.set("value", input.checked));
      model.on("change:value", show);
      show();
      return labelled(model, input);
    },

    VBoxModel: (model) => box(model, "widget-vbox"),
    HBoxModel: (model) => box(model, "widget-hbox"),
    AnyModel: mount,
  };

  /** @param {Model} model @param {string} name */
  async function box(model, name) {
    const children = /** @type {string[]} */ (model.get("children")).map(resolve);
    const root = node("div", { class: name });
    const explorer = children.find((child) => child.get("explorer"));
    if (explorer) {
      root.dataset.explorer = explorer.get("explorer");
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", explorer.get("label"));
    }
    for (const child of children) root.append(await draw(child));
    return root;
  }

  /** @type {Map<string, Promise<any>>} */
  const modules = new Map();

  /** Import a module that exists as text only. A blob URL works from file:// as well. @param {string} source */
  function load(source) {
    if (!modules.has(source)) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      modules.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(source);
  }

  /** @type {Set<string>} */
  const styles = new Set();

  /** @param {string} css */
  function style(css) {
    if (!css || styles.has(css)) return;
    styles.add(css);
    document.head.append(node("style", {}, [css]));
  }

  /** @param {Model} model */
  async function mount(model) {
    style(model.get("_css"));
    const { default: exported } = await load(model.get("_esm"));
    const widget = typeof exported === "function" ? await exported() : exported;
    const el = node("div", { class: "widget-any" });
    if (!model.initialized) {
      model.initialized = true;
      await widget.initialize?.({ model });
    }
    await widget.render?.({ model, el });
    return el;
  }

  /** @param {Model} model */
  function draw(model) {
    const drawer = DRAW[model.name];
    if (!drawer) throw new Error(`the widget host cannot draw a ${model.name}`);
    return drawer(model);
  }

  /** @param {Element} script */
  async function replace(script) {
    try {
      const root = await draw(resolve(JSON.parse(script.textContent ?? "").model_id));
      script.replaceWith(root);
    } catch (error) {
      const note = `This explorer could not start: ${error instanceof Error ? error.message : error}`;
      script.replaceWith(node("p", { class: "widget-error", role: "alert" }, [note]));
      throw error;
    }
  }

  /** Whether the parser is done with an element: something comes after it. @param {Node} element */
  function whole(element) {
    if (document.readyState !== "loading") return true;
    for (let at = /** @type {Node | null} */ (element); at; at = at.parentNode) if (at.nextSibling) return true;
    return false;
  }

  /** @type {Map<Element, Promise<void>>} */
  const started = new Map();
  const read = new Set();

  /** Read the states and begin the views that are in the page by now. */
  function take() {
    for (const script of document.querySelectorAll(STATE)) {
      if (read.has(script) || !whole(script)) continue;
      read.add(script);
      const { state } = JSON.parse(script.textContent ?? "");
      for (const [id, description] of Object.entries(state)) models.set(id, new Model(id, description));
      for (const id of Object.keys(state)) {
        const model = resolve(id);
        if (/^(Directional)?LinkModel$/.test(model.name)) link(model);
      }
    }
    for (const script of document.querySelectorAll(VIEW)) {
      if (read.size && !started.has(script) && whole(script)) started.set(script, replace(script));
    }
  }

  async function start() {
    take();
    const results = await Promise.allSettled(started.values());
    const failed = results.filter((result) => result.status === "rejected");
    for (const { reason } of failed) console.error(reason);
    return failed.length ? "error" : "ready";
  }

  /** While the page still arrives, between two pictures of it: an explorer does not wait for the text below it. */
  function early() {
    if (document.readyState !== "loading") return;
    if (document.body) take();
    requestAnimationFrame(early);
  }

  /** A reader who came for a heading is brought there once more: what stands above it has grown. Not who has moved on. */
  let moved = false;
  for (const deed of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(deed, () => { moved = true; }, { once: true, passive: true });
  }
  const arrive = () => {
    if (!moved) document.querySelector(":target")?.scrollIntoView();
  };

  const finish = (/** @type {string} */ outcome) => {
    document.documentElement.dataset.widgets = outcome;
    document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(arrive)));
  };
  const begin = () => start().then(finish, (error) => { console.error(error); finish("error"); });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", begin);
    requestAnimationFrame(early);
  } else begin();
})();
