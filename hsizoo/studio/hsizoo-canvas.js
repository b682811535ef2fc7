// The clicking page: one module for the browser (`mount`) and for notebooks (the default export).
//
// It speaks to `hsizoo.studio.Studio`: `ask(message)` sends {do: ...} and resolves to {about, data}.
// Nothing is loaded from elsewhere, and text from files is never taken as HTML.

// ---------------------------------------------------------------------------------- speaking

/** Speak to the local server: the answer is the length of its JSON, JSON, bytes. */
export function overHttp(url, token) {
  return async function ask(message) {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Hsizoo-Token": token },
        body: JSON.stringify(message),
      });
      if (response.status === 429 && attempt < 12) {
        await new Promise((resolve) => setTimeout(resolve, 150 * (attempt + 1)));
        continue;
      }
      if (!response.ok) {
        const told = await response.json().catch(() => ({}));
        return { about: { error: told.error || `the server answered ${response.status}` } };
      }
      const content = await response.arrayBuffer();
      const length = new DataView(content).getUint32(0, true);
      const text = new TextDecoder().decode(new Uint8Array(content, 4, length));
      return { about: JSON.parse(text), data: content.slice(4 + length) };
    }
  };
}

const READS = new Set(["hello", "components", "tile", "basis", "weights", "spectrum", "state", "status"]);

/** Speak to the kernel of a notebook. */
function overModel(model) {
  const waiting = new Map();
  let last = 0;
  const own = Math.random().toString(36).slice(2); // one widget may be shown in several cells
  const listener = (content, buffers) => {
    const resolve = waiting.get(content.id);
    if (!resolve) return;
    waiting.delete(content.id);
    const view = buffers && buffers[0];
    const data = view
      ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)
      : new ArrayBuffer(0);
    resolve({ about: content.about, data });
  };
  model.on("msg:custom", listener);
  const ask = (message) =>
    new Promise((resolve) => {
      const id = `${own}-${++last}`;
      waiting.set(id, resolve);
      model.send({ id, message });
      if (!READS.has(message.do)) return;
      // An answer may get lost while the notebook is still starting: what only reads is asked again.
      let attempt = 0;
      const again = () => {
        if (!waiting.has(id)) return;
        if (++attempt > 20) {
          waiting.delete(id);
          resolve({ about: { error: "the kernel does not answer" } });
          return;
        }
        model.send({ id, message });
        setTimeout(again, 3000 * attempt);
      };
      setTimeout(again, 3000);
    });
  return { ask, close: () => model.off("msg:custom", listener) };
}

export default {
  render({ model, el }) {
    const speaking = overModel(model);
    const page = mount(el, speaking.ask, { height: model.get("height") });
    return () => {
      page.close();
      speaking.close();
    };
  },
};

// ---------------------------------------------------------------------------------- small tools

function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key === "style") Object.assign(element.style, value);
    else if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return element;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

let halves = null; // the value of each of the 65536 float16 numbers
function fromHalf(words) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24;
      else if (exponent === 31) halves[bits] = fraction ? NaN : sign * Infinity;
      else halves[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
    }
  }
  const values = new Float32Array(words.length);
  for (let n = 0; n < words.length; n++) values[n] = halves[words[n]];
  return values;
}

function rgbOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// Dark blue, teal, yellow: it rises in lightness, for all eyes.
const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
function rampAt(share) {
  const at = clamp(share, 0, 1) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(at));
  return RAMP[low].map((value, n) => value + (RAMP[low + 1][n] - value) * (at - low));
}

function niceStep(span, most) {
  const raw = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  for (const times of [1, 2, 5, 10]) if (times * power >= raw) return times * power;
  return 10 * power;
}

function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1);
  return String(+value.toPrecision(4));
}

function baseOf64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

// ---------------------------------------------------------------------------------- tiles

/** Tiles that were asked for, the newest ones kept. */
class Tiles {
  constructor(ask, changed) {
    this.ask = ask;
    this.changed = changed;
    this.kept = new Map();
    this.waiting = [];
    this.running = 0;
  }

  clear() {
    this.kept.clear();
    this.waiting = [];
  }

  /** Return a tile if it is here; ask for it otherwise. `message` makes the request. */
  get(key, message) {
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found.ready ? found : null;
    }
    if (message) {
      this.kept.set(key, { ready: false });
      this.waiting.push({ key, message });
      while (this.kept.size > 600) this.kept.delete(this.kept.keys().next().value);
      this.next();
    }
    return null;
  }

  /** Keep a tile that was not asked for. */
  put(key, about, data) {
    this.kept.set(key, { ready: true, about, data, drawn: {} });
  }

  /** Return a tile if it is here. */
  peek(key) {
    const found = this.kept.get(key);
    return found && found.ready ? found : null;
  }

  next() {
    while (this.running < 6 && this.waiting.length) {
      const { key, message } = this.waiting.pop(); // the newest is what is looked at
      if (!this.kept.has(key)) continue;
      this.running++;
      this.ask(message)
        .then(({ about, data }) => {
          if (about.error) {
            this.kept.delete(key);
            return;
          }
          if (this.kept.has(key)) this.put(key, about, data);
          this.changed(key);
        })
        .catch(() => this.kept.delete(key))
        .finally(() => {
          this.running--;
          this.next();
        });
    }
  }
}

function imageOf(tile) {
  if (tile.drawn.image) return tile.drawn.image;
  const [height, width, channels] = tile.about.shape;
  const bytes = new Uint8Array(tile.data);
  const canvas = h("canvas", { width, height });
  const pixels = new ImageData(width, height);
  for (let n = 0; n < width * height; n++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = bytes[channels * n + (channels > 1 ? c : 0)];
    pixels.data[4 * n + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return (tile.drawn.image = canvas);
}

/** Colour a tile of numbers 0 to 255 by a table of 256 × RGBA; edges of areas are not transparent. */
function colouredOf(tile, table, edges) {
  if (tile.drawn.by === table) return tile.drawn.coloured;
  const [height, width] = tile.about.shape;
  const bytes = new Uint8Array(tile.data);
  const canvas = h("canvas", { width, height });
  const pixels = new ImageData(width, height);
  for (let row = 0, n = 0; row < height; row++) {
    for (let col = 0; col < width; col++, n++) {
      const value = bytes[n];
      if (!table[4 * value + 3]) continue;
      pixels.data.set(table.subarray(4 * value, 4 * value + 4), 4 * n);
      if (
        edges &&
        ((col && bytes[n - 1] !== value) || (col + 1 < width && bytes[n + 1] !== value) ||
          (row && bytes[n - width] !== value) || (row + 1 < height && bytes[n + width] !== value))
      )
        pixels.data[4 * n + 3] = Math.min(255, 2.2 * table[4 * value + 3]);
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  tile.drawn.by = table;
  return (tile.drawn.coloured = canvas);
}

// ---------------------------------------------------------------------------------- spectra

/** Spectra from a few float16 numbers per pixel: drawn without asking anybody. */
class Spectra {
  constructor(ask, changed) {
    this.ask = ask;
    this.tiles = new Tiles(ask, changed);
    this.basis = null;
  }

  async open(image) {
    this.basis = null;
    this.image = image;
    this.tiles.clear();
    const { about, data } = await this.ask({ do: "basis" });
    if (about.error || this.image !== image) return;
    this.basis = { count: about.shape[0] - 1, bands: about.shape[1], errors: about.errors };
    this.basis.values = new Float32Array(data);
    const across = Math.ceil(image.width / image.tile);
    const down = Math.ceil(image.height / image.tile);
    if (across * down <= 16)
      for (let r = 0; r < down; r++) for (let c = 0; c < across; c++) this.weights(r, c);
  }

  weights(r, c) {
    return this.tiles.get(`${r},${c}`, { do: "weights", level: 0, row: r, col: c });
  }

  /** Return the spectrum of a pixel, or null as long as its numbers are not here. */
  at(row, col) {
    if (!this.basis) return null;
    const side = this.image.tile;
    const tile = this.weights(Math.floor(row / side), Math.floor(col / side));
    if (!tile) return null;
    if (!tile.drawn.values) tile.drawn.values = fromHalf(new Uint16Array(tile.data));
    const { count, bands, values } = this.basis;
    const start = ((row % side) * tile.about.shape[1] + (col % side)) * count;
    const spectrum = new Float32Array(values.subarray(0, bands));
    for (let k = 0; k < count; k++) {
      const weight = tile.drawn.values[start + k];
      const from = (k + 1) * bands;
      for (let b = 0; b < bands; b++) spectrum[b] += weight * values[from + b];
    }
    return spectrum;
  }
}

/** Draw curves over wavelengths. */
function plot(canvas, image, curves, colours, marked) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  const left = 46, right = 10, top = 8, bottom = 30;
  const nm = image.wavelengths;
  const order = [...Array(image.bands).keys()];
  if (nm) order.sort((a, b) => nm[a] - nm[b]);
  const xs = order.map((band) => (nm ? nm[band] : band));
  let [low, high] = [Infinity, -Infinity];
  for (const { values } of curves)
    for (const value of values)
      if (value !== null && Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
  if (!(low < high)) [low, high] = low === high ? [low - 0.5, high + 0.5] : [0, 1];
  const first = Math.min(xs[0], ...image.left_out), last = Math.max(xs.at(-1), ...image.left_out);
  const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - right);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const step = (last - first) / Math.max(1, xs.length + image.left_out.length - 1);
  g.fillStyle = colours.grey;
  for (const gone of image.left_out)
    g.fillRect(x(gone - step / 2), top, Math.max(1, x(step) - x(0)), height - top - bottom);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = g.strokeStyle = colours.faint;
  g.lineWidth = 1;
  const across = niceStep(last - first || 1, Math.floor((width - left) / 70));
  g.textAlign = "center";
  for (let at = Math.ceil(first / across) * across; at <= last; at += across) {
    g.fillText(short(at), x(at), height - 16);
    g.fillRect(x(at), height - bottom, 1, 4);
  }
  g.fillText(nm ? "wavelength (nm)" : "band", (left + width) / 2, height - 3);
  const up = niceStep(high - low, Math.floor((height - top - bottom) / 28));
  g.textAlign = "right";
  for (let at = Math.ceil(low / up) * up; at <= high; at += up) {
    g.fillText(short(+at.toPrecision(10)), left - 6, y(at) + 4);
    g.globalAlpha = 0.35;
    g.fillRect(left, y(at), width - left - right, 1);
    g.globalAlpha = 1;
  }
  for (const band of marked) {
    g.globalAlpha = 0.7;
    g.fillStyle = band.colour;
    g.fillRect(x(nm ? nm[band.band] : band.band) - 0.5, top, 1.5, height - top - bottom);
    g.globalAlpha = 1;
  }
  for (const curve of curves) {
    g.strokeStyle = curve.colour;
    g.lineWidth = curve.width || 1.5;
    g.setLineDash(curve.dashed ? [5, 4] : []);
    g.beginPath();
    let pen = false;
    order.forEach((band, n) => {
      const value = curve.values[band];
      if (value === null || !Number.isFinite(value)) {
        pen = false;
        return;
      }
      // No line is drawn over bands that are left out.
      if (pen && image.left_out.some((gone) => gone > xs[n - 1] && gone < xs[n])) pen = false;
      if (pen) g.lineTo(x(xs[n]), y(value));
      else g.moveTo(x(xs[n]), y(value));
      pen = true;
    });
    g.stroke();
  }
  g.setLineDash([]);
}

// ---------------------------------------------------------------------------------- the page

const TOOLS = [
  ["click", "Click", "c", "left: part of the object; right: not part of it; drag a mark to move it, right click it to take it away"],
  ["box", "Box", "b", "drag a box around the object: its most typical pixels are clicked"],
  ["stroke", "Scribble", "s", "draw on the object (right button: beside it): some pixels of the stroke are clicked"],
  ["brush", "Brush", "p", "paint pixels into the mask by hand; they are kept apart from predicted ones"],
  ["eraser", "Eraser", "e", "erase pixels from the mask by hand"],
  ["pan", "Move", "m", "drag the image; or hold the space bar with any tool"],
];
const PIN_COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#7f3fbf"];

const STYLE = `
.hsz { --back: #f6f6f4; --card: #fff; --text: #1c1c1e; --faint: #63636b; --line: #d6d6d2; --grey: #e4e4df;
  --strong: #1f5fbf; --on: #fff; --wrong: #a3190f; --canvas: #3a3a3d;
  container-type: inline-size; background: var(--back); color: var(--text); font: 14px/1.4 system-ui, sans-serif;
  height: 100%; outline: none; }
@media (prefers-color-scheme: dark) { .hsz { --back: #1b1b1e; --card: #26262a; --text: #ececf0; --faint: #a5a5b0;
  --line: #3c3c42; --grey: #35353b; --strong: #7fb0ff; --on: #10131a; --wrong: #ff9a8f; --canvas: #0d0d0f; } }
.hsz * { box-sizing: border-box; }
.hsz [hidden] { display: none !important; }
.hsz .all { display: grid; grid-template-columns: minmax(0, 1fr) 340px; height: 100%; }
.hsz .left { display: grid; grid-template-rows: auto minmax(0, 1fr) auto auto; min-height: 0; min-width: 0; }
.hsz .side { overflow: auto; border-left: 1px solid var(--line); padding: 8px 10px 24px; }
.hsz .bar { display: flex; flex-wrap: wrap; gap: 4px; padding: 6px; align-items: center; border-bottom: 1px solid var(--line); }
.hsz button, .hsz select, .hsz input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 8px; min-width: 0; }
.hsz button { cursor: pointer; }
.hsz button:disabled { opacity: .45; cursor: default; }
.hsz button:focus-visible, .hsz select:focus-visible, .hsz input:focus-visible, .hsz summary:focus-visible { outline: 2px solid var(--strong); outline-offset: 1px; }
.hsz button.on { background: var(--strong); color: var(--on); border-color: var(--strong); }
.hsz input[type=range] { padding: 0; flex: 1; accent-color: var(--strong); border: 0; background: none; }
.hsz input[type=checkbox] { accent-color: var(--strong); }
.hsz .view { position: relative; min-height: 200px; background: var(--canvas); overflow: hidden; touch-action: none; }
.hsz .view canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.hsz .tag { position: absolute; top: 6px; padding: 1px 8px; border-radius: 6px; background: #000a; color: #fff; font-size: 12px; pointer-events: none; max-width: 45%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.hsz .read { display: flex; gap: 14px; flex-wrap: wrap; padding: 3px 8px; font-variant-numeric: tabular-nums; font-size: 12.5px; color: var(--faint); border-top: 1px solid var(--line); min-height: 24px; }
.hsz .plot { height: 170px; border-top: 1px solid var(--line); background: var(--card); position: relative; }
.hsz .plot canvas { width: 100%; height: 100%; display: block; }
.hsz details { border: 1px solid var(--line); border-radius: 8px; background: var(--card); margin-bottom: 8px; padding: 0 10px; }
.hsz details[open] { padding-bottom: 10px; }
.hsz summary { cursor: pointer; padding: 6px 0; font-weight: 600; }
.hsz .row { display: flex; gap: 6px; align-items: center; margin: 5px 0; }
.hsz .row > select, .hsz .row > input[type=text] { flex: 1; }
.hsz .object { display: grid; grid-template-columns: 22px minmax(0,1fr) auto auto; gap: 6px; align-items: center; padding: 3px 4px; border-radius: 6px; border: 1px solid transparent; cursor: pointer; }
.hsz .object.on { border-color: var(--strong); background: var(--back); }
.hsz .object .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.hsz .object .about { grid-column: 2 / 5; font-size: 12px; color: var(--faint); }
.hsz .chip { width: 20px; height: 20px; border-radius: 5px; color: #000; font-size: 12px; text-align: center; line-height: 20px; border: 1px solid #0004; }
.hsz .small { font-size: 12px; color: var(--faint); }
.hsz .pin { display: flex; gap: 6px; align-items: center; font-size: 12.5px; }
.hsz .pin .dot { width: 14px; height: 3px; flex: none; }
.hsz .bins { width: 100%; height: 54px; display: block; }
.hsz .said { position: absolute; left: 8px; right: 8px; bottom: 34px; display: flex; flex-direction: column; gap: 4px; align-items: flex-start; pointer-events: none; }
.hsz .said div { background: var(--card); color: var(--text); border: 1px solid var(--line); border-left: 4px solid var(--strong); border-radius: 6px; padding: 4px 10px; max-width: 90%; overflow-wrap: anywhere; }
.hsz .said div.wrong { border-left-color: var(--wrong); color: var(--wrong); }
.hsz .jobs progress { width: 100%; accent-color: var(--strong); }
.hsz .icon { padding: 0 6px; line-height: 1.5; }
.hsz .grow { flex: 1; }
@container (max-width: 760px) {
  .hsz .all { display: block; height: 100%; overflow: auto; }
  .hsz .left { display: block; }
  .hsz .view { height: 62vw; min-height: 280px; }
  .hsz .side { border-left: 0; overflow: visible; }
  .hsz .bar button { padding: 3px 6px; }
  .hsz .said { max-height: 35%; overflow: hidden; justify-content: flex-end; font-size: 12.5px; }
  .hsz .said div { max-height: 5.8em; overflow: auto; flex: none; }
  .hsz .said div.wrong { pointer-events: auto; } /* a long one is scrolled */
  .hsz .said div:nth-last-child(n + 3) { display: none; }
}
`;

export function mount(root, ask, options = {}) {
  const page = new Page(root, ask, options);
  page.root.hsizooStudio = page; // for tests, and for the curious
  page.start();
  return page;
}

class Page {
  constructor(root, ask, options) {
    this.rawAsk = ask;
    this.options = options;
    this.tool = "click";
    this.sign = true;
    this.current = 0;
    this.brush = 2;
    this.view = { scale: 1, x: 0, y: 0 };
    this.show = { objects: true, truth: false, similarity: true, classes: true, uncertainty: false };
    this.opacity = { objects: 0.4, truth: 0.45, similarity: 0.6, classes: 0.5, uncertainty: 0.6 };
    this.cut = 128;
    this.stretch = "percentile";
    this.mode = "rgb";
    this.pins = [];
    this.radius = 0;
    this.pointers = new Map();
    this.tables = new Map();
    this.queue = Promise.resolve();
    this.told = {}; // of each kind of job: the last error that was told
    this.jobs = {};
    this.closed = false;
    this.tiles = new Tiles(ask, (key) => this.tileCame(key));
    this.spectra = new Spectra(ask, () => this.moved());
    this.build(root);
  }

  // -- speaking

  async call(message) {
    const answer = await this.rawAsk(message).catch((error) => ({ about: { error: `no answer: ${error.message}` } }));
    if (answer.about.error) this.say(answer.about.error, true);
    for (const remark of answer.about.remarks || []) this.say(remark);
    if (answer.about.used) this.say(answer.about.used);
    return answer;
  }

  /** Changes are sent one after the other, in the order of the user; `object` may be a promise. */
  change(asked) {
    const began = performance.now();
    const done = this.queue.then(async () => {
      const message = "object" in asked ? { ...asked, object: await asked.object } : asked;
      if ("object" in asked && message.object === undefined) return { about: { error: "no object" } };
      if (JOBS[message.do]) this.told[JOBS[message.do]] = { ...this.told[JOBS[message.do]], error: "" };
      const shown = (this.shown || []).slice(0, 4).map(([level, row, col]) => ({ level, row, col }));
      const answer = await this.call(shown.length ? { ...message, shown } : message);
      if (!answer.about.error && answer.about.objects) {
        this.keepTiles(answer);
        this.setState(answer.about);
      }
      if (["click", "unclick", "move", "box", "stroke"].includes(message.do) && !answer.about.error)
        this.timing = { began, server: answer.about.server_seconds, revision: answer.about.revision };
      this.draw();
      return answer;
    });
    this.queue = done.catch(() => {});
    return done;
  }

  /** Keep the tiles of the masks that came with an answer. */
  keepTiles({ about, data }) {
    let from = 0;
    for (const { place, shape } of about.tiles || []) {
      const size = shape[0] * shape[1];
      this.tiles.put(`over:objects:${about.revision}:${place.join(":")}`, { shape }, data.slice(from, from + size));
      from += size;
    }
  }

  say(text, wrong) {
    const line = h("div", { class: wrong ? "wrong" : "" }, text);
    this.said.append(line);
    while (this.said.children.length > 4) this.said.firstChild.remove();
    setTimeout(() => line.remove(), wrong ? 9000 : 6000);
  }

  async start() {
    const { about } = await this.call({ do: "hello" });
    if (about.error) return;
    this.hello = about;
    this.fill(this.els.format, about.masks.map((each) => [each, FORMATS[each] || each]));
    this.fill(this.els.images, about.images.map((each) => [each, each]));
    this.els.imagesRow.hidden = about.images.length < 2;
    // What failed long before this page was opened was told on another one.
    for (const [kind, { error, number, ago }] of Object.entries(about.jobs)) if (error && ago > 20) this.told[kind] = { error, number };
    this.openImage(about);
    this.library = about.library;
    this.showLibrary();
    this.poll();
    const known = (await this.call({ do: "components" })).about;
    if (known.error || this.closed) return;
    this.fill(this.els.components, [...known.segmenters, ...known.scorers].map((each) => [each.name, each.about]));
    this.fill(this.els.scorers, known.scorers.map((each) => [each.name, each.about]));
    this.fill(this.els.classifiers, known.classifiers.map((each) => [each.name, each.about]));
  }

  fill(element, pairs) {
    element.replaceChildren(...pairs.map(([value, text]) => h("option", { value }, text)));
  }

  openImage(about) {
    this.image = about.image;
    this.current = 0;
    this.tiles.clear();
    this.pins = [];
    this.exact = null;
    this.els.exactTold.textContent = "";
    this.hover = null;
    this.rgb = [...this.image.rgb];
    this.band = this.image.rgb[0];
    this.mode = "rgb";
    this.els.images.value = this.image.name;
    for (const slider of [this.els.band, this.els.red, this.els.green, this.els.blue]) slider.max = this.image.bands - 1;
    this.els.truthRow.hidden = !this.image.classes.length;
    for (const remark of this.image.remarks) this.say(remark);
    this.setState(about);
    this.showBands();
    this.showPins();
    this.fit();
    this.spectra.open(this.image).then(() => this.showBasis());
  }

  async poll() {
    if (this.closed) return;
    const { about } = await this.rawAsk({ do: "status" }).catch(() => ({ about: { error: "lost" } }));
    if (this.closed) return;
    this.lost = !!about.error;
    let running = false;
    if (!about.error) {
      this.showJobs(about.jobs);
      running = Object.values(about.jobs).some((job) => job.running);
      const overlays = Object.fromEntries(Object.entries(this.state.overlays).map(([name, each]) => [name, each.revision]));
      const same = JSON.stringify(overlays) === JSON.stringify(about.overlays) &&
        ["revision", "ready", "compared"].every((key) => about[key] === this.state[key]);
      if (about.desk !== this.state.desk) {
        const hello = await this.call({ do: "hello" });
        if (!hello.about.error) this.openImage(hello.about);
      } else if (!same || this.wasRunning) {
        await this.change({ do: "state" });
      }
      this.wasRunning = running;
    }
    this.els.lost.hidden = !this.lost;
    this.timer = setTimeout(() => this.poll(), running ? 250 : 1500);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.watch.disconnect();
    for (const [target, kind, listener] of this.listeners) target.removeEventListener(kind, listener);
    this.root.remove();
  }

  // -- what is shown of the session

  setState(about) {
    if (this.state && about.desk === this.state.desk && about.revision < this.state.revision) return;
    const before = this.state;
    this.state = about;
    this.current = clamp(this.current, 0, Math.max(0, about.objects.length - 1));
    if (before && about.objects.length > before.objects.length && before.desk === about.desk) this.current = about.objects.length - 1;
    if (!before || about.component !== before.component) this.els.component.value = about.component;
    if (about.jobs) this.showJobs(about.jobs);
    this.tables.clear();
    this.els.undo.disabled = !about.can_undo;
    this.els.redo.disabled = !about.can_redo;
    this.els.threshold.value = Math.round(100 * about.threshold);
    this.els.thresholdTold.textContent = about.threshold.toFixed(2);
    this.els.stopCompare.hidden = !about.compared;
    this.showObjects();
    this.showOverlays();
    if (before && before.compared !== about.compared && this.fitted) this.fit();
    this.draw();
  }

  showJobs(jobs) {
    const failed = this.jobs.classify?.error;
    this.jobs = jobs;
    if (this.state && failed !== jobs.classify?.error) this.showOverlays();
    for (const [kind, { error, number }] of Object.entries(jobs)) {
      const told = this.told[kind];
      if (!error || (told && (number <= told.number || error === told.error))) continue;
      this.told[kind] = { error, number };
      this.say(error, true);
      if (kind === "prepare" && this.state) this.els.component.value = this.state.component;
    }
    const running = Object.values(jobs).filter((job) => job.running);
    this.els.jobs.replaceChildren(
      ...running.map((job) =>
        h("div", {}, h("span", { class: "small" }, `${job.name} … ${job.seconds.toFixed(1)} s`),
          h("progress", job.total ? { max: job.total, value: job.done } : {}))
      )
    );
  }

  showObjects() {
    const { objects } = this.state;
    this.els.objects.replaceChildren(
      ...objects.map((each, number) => {
        const told = [`${each.clicks.length} click${each.clicks.length === 1 ? "" : "s"}`];
        if (each.pixels !== undefined) told.push(`${each.pixels} pixels`);
        if (each.added || each.removed) told.push(`by hand +${each.added} −${each.removed}`);
        if (each.dice !== undefined) told.push(`Dice ${each.dice.toFixed(3)} (${each.dice_of})`);
        return h("div", { class: `object${number === this.current ? " on" : ""}`, onclick: () => this.choose(number) },
          h("div", { class: "chip", style: { background: each.colour } }, number < 9 ? String(number + 1) : ""),
          h("div", { class: "name", title: each.name }, each.name),
          h("button", { class: "icon", title: "Rename", "aria-label": `Rename ${each.name}`, onclick: (event) => this.rename(event, each) }, "✎"),
          h("button", { class: "icon", title: "Remove", "aria-label": `Remove ${each.name}`, onclick: (event) => { event.stopPropagation(); this.change({ do: "remove", object: each.name }); } }, "×"),
          h("div", { class: "about" }, told.join(" · ")),
          each.advice && each.clicks.length ? h("div", { class: "about" }, each.advice) : null);
      })
    );
    this.els.overlapTold.hidden = objects.length < 2;
    if (!objects.length) this.els.objects.append(h("div", { class: "small" }, "Click on something in the image: an object is made for it."));
  }

  choose(number) {
    this.making = null;
    this.current = number;
    this.showObjects();
    this.draw();
  }

  rename(event, object) {
    event.stopPropagation();
    const field = h("input", { type: "text", value: object.name, "aria-label": "Name", maxLength: 200 });
    const line = event.currentTarget.closest(".object");
    line.replaceChildren(h("div", { class: "chip", style: { background: object.colour } }), field);
    let done = false;
    const finish = (keep) => {
      if (done) return;
      done = true;
      if (keep && field.value.trim() && field.value !== object.name) this.change({ do: "rename", object: object.name, name: field.value.trim() });
      else this.showObjects();
    };
    field.addEventListener("keydown", (key) => {
      key.stopPropagation();
      if (key.key === "Enter") finish(true);
      if (key.key === "Escape") finish(false);
    });
    field.addEventListener("blur", () => finish(true));
    field.focus();
    field.select();
  }

  showOverlays() {
    const { overlays } = this.state;
    const like = overlays.similarity;
    this.els.likeBox.hidden = !like;
    if (like) {
      this.els.likeTold.textContent = `similarity to ${like.to}, by ${like.by}`;
      this.showHistogram();
    }
    const map = overlays.classes;
    this.els.mapBox.hidden = !map;
    if (map) {
      const old = map.outdated ? " · out of date: the labels have changed since" : "";
      const failed = this.jobs.classify?.error ? " · the last Classify failed; this is the map of before" : "";
      this.els.mapTold.textContent = `${map.by}, from ${map.labelled} labelled pixels${old}${failed}`;
      this.els.places.replaceChildren(
        ...map.places.map(([row, col], n) => h("button", { title: `row ${row}, column ${col}`, onclick: () => this.goTo(row, col) }, String(n + 1))));
    }
  }

  showHistogram() {
    const like = this.state.overlays.similarity;
    const canvas = this.els.bins, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth || 300, height = canvas.clientHeight || 54;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    const highest = Math.log1p(Math.max(...like.histogram));
    const wide = width / like.histogram.length;
    const at = ((this.cut - 1) / 254) * width;
    like.histogram.forEach((count, n) => {
      const tall = highest ? (Math.log1p(count) / highest) * (height - 2) : 0;
      const [r, b, l] = rampAt((n + 0.5) / like.histogram.length);
      g.fillStyle = `rgb(${r},${b},${l})`;
      g.globalAlpha = (n + 0.5) * wide >= at ? 1 : 0.3;
      g.fillRect(n * wide, height - tall, Math.max(1, wide - 1), tall);
    });
    g.globalAlpha = 1;
    g.fillStyle = this.colour("--text");
    g.fillRect(at, 0, 1.5, height);
    const value = like.low + ((this.cut - 1) / 254) * (like.high - like.low);
    this.els.cutTold.textContent = short(value);
  }

  showBands() {
    const name = (band) => (this.image.wavelengths ? `${short(this.image.wavelengths[band])} nm` : `band ${band}`);
    const single = this.mode === "band";
    this.els.modeRgb.classList.toggle("on", !single);
    this.els.modeBand.classList.toggle("on", single);
    this.els.bandRow.hidden = !single;
    this.els.rgbRows.hidden = single;
    this.els.band.value = this.band;
    this.els.bandTold.textContent = `${name(this.band)} (band ${this.band})`;
    ["red", "green", "blue"].forEach((key, n) => {
      this.els[key].value = this.rgb[n];
      this.els[`${key}Told`].textContent = name(this.rgb[n]);
    });
    this.draw();
    this.drawPlot();
  }

  showBasis() {
    const basis = this.spectra.basis;
    if (!basis) return;
    const per = (value) => `${(100 * value).toPrecision(2)} %`;
    const of = basis.errors.all ? "all pixels" : `${basis.errors.pixels} pixels`;
    this.els.basisTold.textContent =
      `Under the pointer: drawn from ${basis.count} components; off by ${per(basis.errors.median)} (median), ` +
      `${per(basis.errors.p99)} (99 % of pixels), at most ${per(basis.errors.highest)}, of ${of}. A click shows the exact spectrum.`;
    this.moved();
  }

  // -- drawing

  colour(name) {
    return getComputedStyle(this.root).getPropertyValue(name).trim();
  }

  draw() {
    if (this.drawing || this.closed) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (!this.closed && this.image) this.drawNow();
    });
  }

  /** The parts of the canvas: two beside each other if components are compared. */
  panes() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!this.state.compared) return [{ left: 0, width, height, over: "objects" }];
    const half = Math.floor(width / 2);
    return [{ left: 0, width: half, height, over: "objects" }, { left: half, width: width - half, height, over: "compared" }];
  }

  drawNow() {
    const canvas = this.canvas, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const panes = this.panes();
    for (const pane of panes) {
      g.save();
      g.beginPath();
      g.rect(pane.left, 0, pane.width, height);
      g.clip();
      g.translate(pane.left, 0);
      this.drawPane(g, pane, ratio);
      g.restore();
    }
    if (panes.length > 1) {
      g.fillStyle = "#fff";
      g.fillRect(panes[1].left - 1, 0, 2, height);
    }
    this.drawScale(g, height);
    this.els.tagLeft.hidden = this.els.tagRight.hidden = panes.length < 2;
    if (panes.length > 1) {
      this.els.tagLeft.textContent = this.state.component;
      this.els.tagRight.textContent = this.state.compared;
      this.els.tagRight.style.left = `${panes[1].left + 6}px`;
    }
    if (this.timing && this.complete) {
      const whole = performance.now() - this.timing.began;
      this.els.clickTold.textContent = `last click ${whole.toFixed(0)} ms (method ${(1000 * this.timing.server).toFixed(0)} ms)`;
      this.timing = null;
    }
  }

  drawPane(g, pane, ratio) {
    const bands = this.mode === "band" ? [this.band] : this.rgb;
    const key = `image:${bands}:${this.stretch}`;
    if (key !== this.imageKey) [this.earlierKey, this.imageKey] = [this.imageKey, key];
    this.drawLayer(g, pane, ratio, key, this.earlierKey, { layer: "image", bands, stretch: this.stretch }, imageOf);
    const { overlays, revision } = this.state;
    const on = (name) => this.show[name] && (name === "objects" || name === "truth" || overlays[name]);
    if (on("truth") && this.image.classes.length)
      this.drawOver(g, pane, ratio, "truth", 1, this.table("truth", () => this.image.classes.map((each) => each.colour)));
    if (on("classes"))
      this.drawOver(g, pane, ratio, "classes", overlays.classes.revision, this.table("classes", () => this.objectColours()));
    if (on("uncertainty"))
      this.drawOver(g, pane, ratio, "uncertainty", overlays.uncertainty.revision, this.rampTable("uncertainty", 1), false);
    if (on("similarity"))
      this.drawOver(g, pane, ratio, "similarity", overlays.similarity.revision, this.rampTable("similarity", this.cut), false);
    this.complete = true;
    if (this.show.objects && this.state.objects.length && (this.state.ready || pane.over === "compared"))
      this.complete = this.drawOver(g, pane, ratio, pane.over, revision, this.table("objects", () => this.objectColours()));
    this.drawMarks(g);
  }

  objectColours() {
    return this.state.objects.map((each) => each.colour);
  }

  /** Return the colours of the numbers 0 to 255; the same table as long as nothing changes. */
  table(name, colours) {
    const list = colours();
    const key = `${name}:${list}:${this.opacity[name]}`;
    let table = this.kept?.get(key);
    if (!table) {
      table = new Uint8ClampedArray(1024);
      list.slice(0, 255).forEach((colour, n) => table.set([...rgbOf(colour), 255 * this.opacity[name]], 4 * n + 4));
      this.kept = new Map([...(this.kept || new Map())].slice(-20)).set(key, table);
    }
    return table;
  }

  rampTable(name, from) {
    const key = `${name}:${from}:${this.opacity[name]}`;
    let table = this.kept?.get(key);
    if (!table) {
      table = new Uint8ClampedArray(1024);
      for (let n = from; n < 256; n++) table.set([...rampAt((n - 1) / 254), 255 * this.opacity[name]], 4 * n);
      this.kept = new Map([...(this.kept || new Map())].slice(-20)).set(key, table);
    }
    return table;
  }

  drawOver(g, pane, ratio, name, revision, table, edges = true) {
    const key = `over:${name}:${revision}`;
    this.overKeys ||= {};
    const keys = (this.overKeys[name] ||= { now: null, before: null });
    if (keys.now !== key) [keys.before, keys.now] = [keys.now, key];
    return this.drawLayer(g, pane, ratio, key, keys.before, { layer: name }, (tile) => colouredOf(tile, table, edges));
  }

  /** Draw the visible tiles of a layer: as they are, as they were, or coarse; ask for missing ones. */
  drawLayer(g, pane, ratio, key, earlier, message, picture) {
    const { image, view } = this;
    const last = image.levels - 1;
    const level = clamp(Math.floor(Math.log2(1 / (view.scale * ratio)) + 0.25), 0, last);
    let complete = true;
    g.imageSmoothingEnabled = view.scale * ratio * 2 ** level < 1;
    const step = 2 ** level, side = image.tile * step;
    const first = { row: Math.max(0, Math.floor(view.y / side)), col: Math.max(0, Math.floor(view.x / side)) };
    const end = {
      row: Math.min(Math.ceil(image.height / side), Math.ceil((view.y + pane.height / view.scale) / side)),
      col: Math.min(Math.ceil(image.width / side), Math.ceil((view.x + pane.width / view.scale) / side)),
    };
    const put = (tile, tileLevel, row, col) => {
      const pixel = 2 ** tileLevel * view.scale;
      const drawn = picture(tile);
      const x = (col * image.tile * 2 ** tileLevel - view.x) * view.scale;
      const y = (row * image.tile * 2 ** tileLevel - view.y) * view.scale;
      g.drawImage(drawn, x, y, drawn.width * pixel, drawn.height * pixel);
    };
    const wanted = [];
    for (let row = first.row; row < end.row; row++) for (let col = first.col; col < end.col; col++) wanted.push([row, col]);
    if (message.layer === "image" && pane.left === 0) this.shown = wanted.map((each) => [level, ...each]);
    const found = wanted.map(([row, col]) => {
      const at = `${level}:${row}:${col}`;
      const now = this.tiles.get(`${key}:${at}`, { do: "tile", ...message, level, row, col });
      if (!now) complete = false;
      return now || (earlier && this.tiles.peek(`${earlier}:${at}`));
    });
    if (message.layer === "image" && found.some((each) => !each) && level < last) {
      const coarse = this.tiles.get(`${key}:${last}:0:0`, { do: "tile", ...message, level: last, row: 0, col: 0 }) ||
        (earlier && this.tiles.peek(`${earlier}:${last}:0:0`));
      if (coarse) put(coarse, last, 0, 0);
    }
    found.forEach((tile, n) => tile && put(tile, level, ...wanted[n]));
    return complete;
  }

  tileCame() {
    this.draw();
  }

  toScreen(row, col) {
    return [(col + 0.5 - this.view.x) * this.view.scale, (row + 0.5 - this.view.y) * this.view.scale];
  }

  drawMarks(g) {
    const { objects, overlays } = this.state;
    objects.forEach((object, number) => {
      const mine = number === this.current;
      object.clicks.forEach(([row, col, positive], index) => {
        const [x, y] = this.drag?.kind === "move" && mine && this.drag.index === index ? this.drag.at : this.toScreen(row, col);
        const size = mine ? 5.5 : 4;
        g.lineWidth = 2;
        if (positive) {
          g.beginPath();
          g.arc(x, y, size, 0, 7);
          g.fillStyle = object.colour;
          g.fill();
          g.strokeStyle = "#000";
          g.lineWidth = 3;
          g.stroke();
          g.strokeStyle = "#fff";
          g.lineWidth = 1.5;
          g.stroke();
        } else {
          for (const [wide, colour] of [[6, "#000"], [4, "#fff"], [2, object.colour]]) {
            g.strokeStyle = colour;
            g.lineWidth = wide;
            g.beginPath();
            g.moveTo(x - size, y - size);
            g.lineTo(x + size, y + size);
            g.moveTo(x + size, y - size);
            g.lineTo(x - size, y + size);
            g.stroke();
          }
        }
      });
    });
    this.pins.forEach((pin, n) => {
      const [x, y] = this.toScreen(pin.row, pin.col);
      g.strokeStyle = PIN_COLOURS[n % PIN_COLOURS.length];
      g.lineWidth = 2.5;
      g.strokeRect(x - 5, y - 5, 10, 10);
    });
    if (overlays.classes && this.els.mapOpen.open)
      overlays.classes.places.forEach(([row, col], n) => {
        const [x, y] = this.toScreen(row, col);
        g.fillStyle = "#fff";
        g.strokeStyle = "#000";
        g.lineWidth = 1.5;
        g.beginPath();
        g.arc(x, y, 9, 0, 7);
        g.fill();
        g.stroke();
        g.fillStyle = "#000";
        g.font = "bold 12px system-ui, sans-serif";
        g.textAlign = "center";
        g.fillText(String(n + 1), x, y + 4);
      });
    if (this.drag && ["box", "stroke", "brush", "eraser"].includes(this.drag.kind)) {
      const path = this.drag.path;
      g.strokeStyle = this.drag.kind === "eraser" ? "#fff" : this.state.objects[this.current]?.colour || "#fff";
      g.lineWidth = this.drag.kind === "box" ? 2 : Math.max(2, (this.drag.kind === "stroke" ? 1 : 2 * this.brush - 1) * this.view.scale);
      g.lineCap = g.lineJoin = "round";
      g.globalAlpha = this.drag.kind === "box" ? 1 : 0.6;
      if (this.drag.kind === "box") {
        const [[r0, c0], [r1, c1]] = [path[0], path.at(-1)];
        const [x0, y0] = this.toScreen(Math.min(r0, r1) - 0.5, Math.min(c0, c1) - 0.5);
        const [x1, y1] = this.toScreen(Math.max(r0, r1) + 0.5, Math.max(c0, c1) + 0.5);
        g.setLineDash([6, 4]);
        g.strokeRect(x0, y0, x1 - x0, y1 - y0);
        g.setLineDash([]);
      } else {
        g.beginPath();
        path.forEach(([row, col], n) => (n ? g.lineTo(...this.toScreen(row, col)) : g.moveTo(...this.toScreen(row, col))));
        if (path.length === 1) g.lineTo(this.toScreen(...path[0])[0] + 0.1, this.toScreen(...path[0])[1]);
        g.stroke();
      }
      g.globalAlpha = 1;
    }
    if (this.hover && ["brush", "eraser"].includes(this.tool)) {
      const [x, y] = this.toScreen(...this.hover);
      g.strokeStyle = "#fff";
      g.lineWidth = 1.5;
      g.beginPath();
      g.arc(x, y, (this.brush - 0.5) * this.view.scale, 0, 7);
      g.stroke();
    }
  }

  drawScale(g, height) {
    const place = this.image.place;
    const pixel = place ? Math.hypot(place[0], place[3]) : 1;
    const unit = !place ? "pixels" : /4326|longlat|degree/i.test(this.image.crs) ? "°" : this.image.crs ? "m" : "map units";
    const length = niceStep((60 / this.view.scale) * pixel, 1);
    const wide = (length / pixel) * this.view.scale;
    if (!Number.isFinite(wide)) return;
    g.fillStyle = "#000a";
    g.fillRect(8, height - 28, Math.max(wide, 60) + 16, 22);
    g.fillStyle = "#fff";
    g.fillRect(16, height - 12, wide, 2);
    g.font = "11px system-ui, sans-serif";
    g.textAlign = "left";
    g.fillText(`${short(length)} ${unit}`, 16, height - 16);
  }

  // -- moving about

  fit() {
    const pane = this.panes()[0];
    const { width, height } = this.image;
    this.view.scale = Math.min(pane.width / width, pane.height / height) || 1;
    this.view.x = width / 2 - pane.width / this.view.scale / 2;
    this.view.y = height / 2 - pane.height / this.view.scale / 2;
    this.fitted = true;
    this.draw();
  }

  zoom(factor, x, y) {
    const scale = clamp(this.view.scale * factor, 0.005, 80);
    this.view.x += x / this.view.scale - x / scale;
    this.view.y += y / this.view.scale - y / scale;
    this.view.scale = scale;
    this.fitted = false;
    this.draw();
  }

  goTo(row, col) {
    const pane = this.panes()[0];
    this.view.scale = Math.max(this.view.scale, 6);
    this.view.x = col + 0.5 - pane.width / this.view.scale / 2;
    this.view.y = row + 0.5 - pane.height / this.view.scale / 2;
    this.fitted = false;
    this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    let x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const panes = this.panes();
    if (panes.length > 1 && x >= panes[1].left) x -= panes[1].left;
    return [x, y];
  }

  pixel(event) {
    const [x, y] = this.place(event);
    const row = Math.floor(this.view.y + y / this.view.scale), col = Math.floor(this.view.x + x / this.view.scale);
    const inside = row >= 0 && col >= 0 && row < this.image.height && col < this.image.width;
    return { x, y, row, col, inside };
  }

  // -- pointers

  /** The name of the object that is meant now, or a promise of it if it is being made. */
  target() {
    if (!this.making && !this.state.objects.length) this.add({ do: "add" });
    if (!this.making) return this.state.objects[this.current]?.name;
    return this.making.then(({ about }) => (about.error ? undefined : about.objects.at(-1)?.name));
  }

  markAt(x, y) {
    const clicks = this.state.objects[this.current]?.clicks || [];
    return clicks.findIndex(([row, col]) => {
      const [mx, my] = this.toScreen(row, col);
      return Math.hypot(mx - x, my - y) < 8;
    });
  }

  down(event) {
    if (!this.image) return;
    this.root.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const at = this.pixel(event);
    if (this.pointers.size === 2) {
      this.drag = { kind: "pinch" };
      return;
    }
    if (this.space || this.tool === "pan" || event.button === 1) {
      this.drag = { kind: "pan", from: [event.clientX, event.clientY], view: { ...this.view } };
      return;
    }
    if (event.button !== 0 && event.button !== 2) return;
    const positive = event.button === 2 || event.shiftKey ? !this.sign : this.sign;
    if (this.tool === "click") {
      const index = this.markAt(at.x, at.y);
      const object = this.state.objects[this.current]?.name; // whose marks are seen
      if (index >= 0 && event.button === 0) this.drag = { kind: "move", object, index, at: [at.x, at.y], from: [at.x, at.y] };
      else if (index >= 0) this.drag = { kind: "take", object, index };
      else this.drag = { kind: "click", positive, at, from: [event.clientX, event.clientY], view: { ...this.view } };
    } else this.drag = { kind: this.tool, positive, path: [[at.row, at.col]] };
    this.draw();
  }

  move(event) {
    if (!this.image) return;
    const at = this.pixel(event);
    const known = this.pointers.get(event.pointerId);
    if (known && this.drag?.kind === "pinch") {
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
      const [ox, oy] = others[0] || known;
      const before = Math.hypot(known[0] - ox, known[1] - oy), after = Math.hypot(event.clientX - ox, event.clientY - oy);
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      this.view.x -= (event.clientX - known[0]) / 2 / this.view.scale;
      this.view.y -= (event.clientY - known[1]) / 2 / this.view.scale;
      if (before > 0) this.zoom(after / before, at.x, at.y);
      return;
    }
    this.hover = at.inside ? [at.row, at.col] : null;
    const drag = this.drag;
    if (drag?.kind === "click" && Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) > 6 && event.pointerType === "touch")
      this.drag = { kind: "pan", from: drag.from, view: drag.view };
    if (drag?.kind === "pan") {
      this.view.x = drag.view.x - (event.clientX - drag.from[0]) / this.view.scale;
      this.view.y = drag.view.y - (event.clientY - drag.from[1]) / this.view.scale;
      this.fitted = false;
    } else if (drag?.kind === "move") drag.at = [at.x, at.y];
    else if (drag?.path) {
      const [row, col] = drag.path.at(-1);
      if (row !== at.row || col !== at.col) drag.path.push(...line(row, col, at.row, at.col));
    }
    if (drag || ["brush", "eraser"].includes(this.tool)) this.draw();
    this.moved();
  }

  async up(event) {
    this.pointers.delete(event.pointerId);
    const drag = this.drag;
    if (!drag) return;
    if (drag.kind === "pinch") {
      if (!this.pointers.size) this.drag = null;
      return;
    }
    this.drag = null;
    this.draw();
    if (event.type === "pointercancel" || drag.kind === "pan") return;
    if (this.hidMasks) this.setShown("objects", true);
    const at = this.pixel(event);
    if (drag.kind === "click") {
      if (!drag.at.inside) return;
      const { row, col } = drag.at;
      await this.change({ do: "click", object: this.target(), row, col, positive: drag.positive });
      this.readExact(row, col);
      return;
    }
    const object = drag.object ?? this.target();
    if (drag.kind === "take") await this.change({ do: "unclick", object, index: drag.index });
    if (drag.kind === "move") {
      if (Math.hypot(at.x - drag.from[0], at.y - drag.from[1]) > 3 && at.inside)
        await this.change({ do: "move", object, index: drag.index, row: at.row, col: at.col });
      else {
        const click = this.state.objects.find((each) => each.name === object)?.clicks[drag.index];
        if (click) this.readExact(click[0], click[1]);
      }
    }
    if (drag.kind === "box") await this.change({ do: "box", object, positive: drag.positive, corners: this.inside([drag.path[0], drag.path.at(-1)], true) });
    if (drag.kind === "stroke") {
      const pixels = this.inside(drag.path);
      if (pixels.length) await this.change({ do: "stroke", object, positive: drag.positive, pixels });
    }
    if (drag.kind === "brush" || drag.kind === "eraser") {
      const pixels = this.inside(thick(drag.path, this.brush));
      const belongs = (drag.kind === "brush") === drag.positive;
      if (pixels.length) await this.change({ do: "paint", object, belongs, pixels });
    }
  }

  inside(pixels, clip) {
    const { height, width } = this.image;
    if (clip) return pixels.map(([row, col]) => [clamp(row, 0, height - 1), clamp(col, 0, width - 1)]);
    return pixels.filter(([row, col]) => row >= 0 && col >= 0 && row < height && col < width);
  }

  // -- spectra

  moved() {
    if (!this.image) return;
    if (!this.hover) this.els.where.textContent = "";
    else {
      const [row, col] = this.hover;
      const told = [`row ${row}, column ${col}`];
      const place = this.image.place;
      if (place) {
        const [a, b, c, d, e, f] = place;
        const digits = /4326/.test(this.image.crs) ? 6 : 1;
        told.push(`x ${(a * (col + 0.5) + b * (row + 0.5) + c).toFixed(digits)}, y ${(d * (col + 0.5) + e * (row + 0.5) + f).toFixed(digits)} (${this.image.crs || "map"})`);
      }
      this.els.where.textContent = told.join(" · ");
    }
    this.drawPlot();
  }

  async readExact(row, col) {
    const { about, data } = await this.call({ do: "spectrum", row, col, radius: this.radius });
    if (about.error) return;
    this.exact = { row, col, radius: this.radius, values: new Float32Array(data), label: about.label };
    const mean = about.pixels > 1 ? `, mean of ${about.pixels} pixels` : "";
    this.els.exactTold.textContent = `Clicked: row ${row}, column ${col}${mean}${about.label ? ` (${about.label})` : ""}`;
    this.drawPlot();
  }

  drawPlot() {
    if (this.plotting) return;
    this.plotting = true;
    requestAnimationFrame(() => {
      this.plotting = false;
      if (this.closed || !this.image) return;
      const curves = [];
      if (this.exact) curves.push({ values: this.exact.values, colour: this.colour("--strong"), width: 3.5 });
      this.pins.forEach((pin, n) => curves.push({ values: pin.values, colour: PIN_COLOURS[n % PIN_COLOURS.length] }));
      const chosen = this.library?.spectra?.[this.els.references.selectedIndex];
      if (chosen && this.els.libraryBox.open) curves.push({ values: chosen, colour: this.colour("--faint"), dashed: true });
      const hover = this.hover && this.spectra.at(...this.hover);
      if (hover) curves.push({ values: hover, colour: this.colour("--text"), width: 1 });
      this.hoverValues = hover || null;
      const bands = this.mode === "band" ? [{ band: this.band, colour: this.colour("--faint") }]
        : this.rgb.map((band, n) => ({ band, colour: ["#d33", "#2a2", "#36f"][n] }));
      plot(this.els.plot, this.image, curves, { grey: this.colour("--grey"), faint: this.colour("--faint") }, bands);
    });
  }

  pin() {
    if (!this.exact) {
      this.say("click on a pixel first; its spectrum is pinned then");
      return;
    }
    this.pins.push({ ...this.exact, name: this.exact.label || `row ${this.exact.row}, column ${this.exact.col}` });
    this.showPins();
  }

  showPins() {
    this.els.pins.replaceChildren(
      ...this.pins.map((pin, n) =>
        h("div", { class: "pin" },
          h("span", { class: "dot", style: { background: PIN_COLOURS[n % PIN_COLOURS.length] } }),
          h("span", { class: "grow" }, `${pin.name} · ${pin.row}, ${pin.col}${pin.radius ? ` ± ${pin.radius}` : ""}`),
          h("button", { class: "icon", "aria-label": `Unpin ${pin.name}`, onclick: () => { this.pins.splice(n, 1); this.showPins(); } }, "×")))
    );
    this.draw();
    this.drawPlot();
  }

  async savePins(format) {
    const pins = this.pins.map(({ name, row, col, radius }) => ({ name, row, col, radius }));
    this.download(await this.call({ do: "spectra", format, pins }));
  }

  // -- files

  download({ about, data }) {
    if (about.error) return;
    const url = URL.createObjectURL(new Blob([data]));
    const link = h("a", { href: url, download: about.file });
    this.root.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    this.say(`${about.file} is saved where your browser keeps downloads`);
  }

  async export() {
    const what = this.els.what.value;
    const object = this.state.objects[this.current]?.name;
    if (what === "object" && !object) return this.say("there is no object yet; click on something", true);
    const tolerance = Number(this.els.tolerance.value) || 0;
    this.download(await this.call({ do: "export", format: this.els.format.value, what, object, tolerance }));
  }

  async openFiles(list) {
    const files = [...list];
    if (!files.length) return;
    if (files.length === 1 && files[0].name.toLowerCase().endsWith(".json")) {
      await this.openSession(files);
      return;
    }
    const content = await Promise.all(files.map(async (file) => ({ name: file.name, base64: baseOf64(await file.arrayBuffer()) })));
    const { about } = await this.call({ do: "library", files: content });
    if (about.error) return;
    this.library = about.library;
    for (const remark of about.library.remarks) this.say(remark);
    this.els.libraryBox.open = true;
    this.showLibrary();
  }

  async openSession([file]) {
    if (file) await this.change({ do: "load", name: file.name, text: await file.text() });
  }

  showLibrary() {
    const names = this.library?.names || [];
    this.fill(this.els.references, names.map((name, n) => [String(n), name]));
    this.els.libraryRow.hidden = !names.length;
    this.drawPlot();
  }

  // -- building the page

  build(root) {
    const els = (this.els = {});
    const keep = (name, element) => (els[name] = element);
    const button = (name, text, title, action) => keep(name, h("button", { title, onclick: action }, text));
    const slider = (name, min, max, value, action, label) =>
      keep(name, h("input", { type: "range", min, max, value, step: 1, "aria-label": label, oninput: action }));
    const told = (name) => keep(name, h("span", { class: "small" }));
    const id = `hsz${Math.random().toString(36).slice(2)}`;
    const picked = (name, label, list, value) => keep(name, h("input", { type: "text", list: `${id}${list}`, value, "aria-label": label, spellcheck: false }));
    const check = (name, text) => h("label", { class: "row" },
      keep(`show-${name}`, h("input", { type: "checkbox", checked: this.show[name], onchange: (event) => this.setShown(name, event.target.checked) })), text,
      h("input", { type: "range", min: 5, max: 100, value: 100 * this.opacity[name], "aria-label": `opacity of ${text}`,
        oninput: (event) => { this.opacity[name] = event.target.value / 100; this.draw(); } }));

    this.canvas = h("canvas", { "aria-label": "the image; click on an object" });
    this.said = h("div", { class: "said", role: "status" });
    els.plot = h("canvas", { "aria-label": "spectra" });
    const tools = TOOLS.map(([name, text, key, title]) =>
      keep(`tool-${name}`, h("button", { title: `${title} (${key})`, onclick: () => this.setTool(name) }, text)));
    const bar = h("div", { class: "bar" }, tools,
      button("sign", "+", "what the left button does: + part of the object, − not part of it (x)", () => this.setSign(!this.sign)),
      button("undo", "Undo", "undo anything (Ctrl+Z)", () => this.change({ do: "undo" })),
      button("redo", "Redo", "redo (Ctrl+Shift+Z)", () => this.change({ do: "redo" })),
      button("fit", "Fit", "show the whole image (f)", () => this.fit()),
      h("label", { class: "small" }, "brush ", keep("brushSize", h("input", { type: "number", min: 1, max: 50, value: this.brush, style: { width: "58px" },
        oninput: (event) => { this.brush = clamp(Math.round(Number(event.target.value)) || 1, 1, 50); } }))),
      keep("lost", h("span", { class: "small", hidden: true }, "no connection: is hsizoo studio still running?")));
    const view = h("div", { class: "view" }, this.canvas,
      keep("tagLeft", h("div", { class: "tag", hidden: true, style: { left: "6px" } })),
      keep("tagRight", h("div", { class: "tag", hidden: true })), this.said);
    const left = h("div", { class: "left" }, bar, view,
      h("div", { class: "read" }, keep("where", h("span")), keep("clickTold", h("span"))),
      h("div", { class: "plot" }, els.plot));

    const side = h("div", { class: "side" },
      keep("jobs", h("div", { class: "jobs" })),
      keep("imagesRow", h("div", { class: "row" },
        keep("images", h("select", { "aria-label": "image", onchange: () => this.openNamed(els.images.value, false) })),
        button("next", "Next, same objects", "open the next image; each object is clicked where its spectra recur", () => this.nextImage()))),
      h("details", { open: true }, h("summary", {}, "Objects"),
        keep("objects", h("div")),
        h("div", { class: "row" },
          keep("newName", h("input", { type: "text", placeholder: "name of a new object", "aria-label": "name of a new object",
            onkeydown: (event) => { event.stopPropagation(); if (event.key === "Enter") this.addObject(); } })),
          button("add", "Add", "a new object (n)", () => this.addObject())),
        check("objects", "masks")),
      h("details", { open: true }, h("summary", {}, "Method"),
        h("div", { class: "row" }, picked("component", "component", "components", ""),
          button("use", "Use", "make the masks with this component", () => this.use())),
        h("div", { class: "row" }, h("span", { class: "small" }, "threshold"),
          slider("threshold", 0, 99, 50, () => { els.thresholdTold.textContent = (els.threshold.value / 100).toFixed(2); }, "threshold"), told("thresholdTold")),
        h("div", { class: "row" }, picked("other", "component to compare with", "components", ""),
          button("compare", "Compare", "show the masks of this component beside, on the same clicks", () => this.change({ do: "compare", component: els.other.value.trim() })),
          button("stopCompare", "Stop", "show one component again", () => this.change({ do: "compare" })))),
      h("details", { open: true }, h("summary", {}, "Image"),
        h("div", { class: "row" },
          button("modeRgb", "Pseudo-RGB", "three bands", () => { this.mode = "rgb"; this.showBands(); }),
          button("modeBand", "Single band", "one band, with a slider", () => { this.mode = "band"; this.showBands(); }),
          h("select", { "aria-label": "stretch", onchange: (event) => { this.stretch = event.target.value; this.draw(); } },
            h("option", { value: "percentile" }, "1–99 %"), h("option", { value: "range" }, "lowest–highest"), h("option", { value: "reflectance" }, "0–1"))),
        keep("bandRow", h("div", { class: "row" }, slider("band", 0, 1, 0, () => { this.band = Number(els.band.value); this.showBands(); }, "band"), told("bandTold"))),
        keep("rgbRows", h("div", {}, ["red", "green", "blue"].map((name, n) =>
          h("div", { class: "row" }, h("span", { class: "small", style: { width: "40px" } }, name),
            slider(name, 0, 1, 0, () => { this.rgb[n] = Number(els[name].value); this.showBands(); }, name), told(`${name}Told`))))),
        keep("truthRow", h("div", {}, check("truth", "labels")))),
      h("details", {}, h("summary", {}, "Show all like this"),
        h("div", { class: "row" }, picked("scorer", "scorer", "scorers", "sa"),
          button("similar", "Show", "the similarity of every pixel to the clicks of the object", () => this.similar())),
        keep("likeBox", h("div", { hidden: true }, told("likeTold"), check("similarity", "similarity"),
          keep("bins", h("canvas", { class: "bins", "aria-label": "histogram of the similarity" })),
          h("div", { class: "row" }, h("span", { class: "small" }, "from"),
            slider("cut", 1, 255, this.cut, () => { this.cut = Number(els.cut.value); this.showHistogram(); this.draw(); }, "threshold of the similarity"), told("cutTold")),
          h("button", { onclick: () => this.change({ do: "hide", overlay: "similarity" }) }, "Hide")))),
      h("details", { open: true }, h("summary", {}, "Spectra"),
        h("div", { class: "row" }, button("pin", "Pin", "keep the clicked spectrum in the plot (i)", () => this.pin()),
          h("label", { class: "small" }, "radius ", h("input", { type: "number", min: 0, max: 100, value: 0, style: { width: "60px" }, "aria-label": "radius of the mean",
            oninput: (event) => { this.radius = clamp(Math.round(Number(event.target.value)) || 0, 0, 100); if (this.exact) this.readExact(this.exact.row, this.exact.col); } })),
          h("button", { onclick: () => this.savePins(".csv") }, "CSV"), h("button", { onclick: () => this.savePins(".sli") }, "ENVI")),
        told("exactTold"), keep("pins", h("div")), h("div", {}, told("basisTold"))),
      keep("libraryBox", h("details", { ontoggle: () => this.drawPlot() }, h("summary", {}, "Spectral library"),
        h("label", { class: "small" }, "CSV, or .hdr with .sli (or drop them on the page): ",
          h("input", { type: "file", multiple: true, accept: ".csv,.txt,.tsv,.hdr,.sli", style: { width: "100%" }, onchange: (event) => this.openFiles(event.target.files) })),
        keep("libraryRow", h("div", { class: "row", hidden: true },
          keep("references", h("select", { "aria-label": "reference spectrum", onchange: () => this.drawPlot() })),
          h("button", { title: "click the pixel that is most like it", onclick: () => this.change({ do: "reference", reference: els.references.selectedIndex }) }, "As prompt"),
          h("button", { title: "the similarity of every pixel to it", onclick: () => this.similar(els.references.selectedIndex) }, "All like it"))))),
      keep("mapOpen", h("details", { ontoggle: () => this.draw() }, h("summary", {}, "Map of classes"),
        h("div", { class: "small" }, "Each object is a class; its labels are its clicks (+) and its painted pixels."),
        h("div", { class: "row" }, picked("classifier", "classifier", "classifiers", "svm"),
          button("classify", "Classify", "make a map of the objects' classes", () => this.classify())),
        keep("mapBox", h("div", { hidden: true }, told("mapTold"), check("classes", "map"), check("uncertainty", "uncertainty"),
          h("div", { class: "row" }, h("span", { class: "small" }, "label next:"), keep("places", h("span", { class: "row" }))))))),
      h("details", { open: true }, h("summary", {}, "Files"),
        h("div", { class: "row" },
          keep("what", h("select", { "aria-label": "what to export" }, h("option", { value: "objects" }, "all objects"), h("option", { value: "object" }, "this object"), h("option", { value: "classes" }, "map of classes"))),
          keep("format", h("select", { "aria-label": "format", onchange: () => { els.toleranceRow.hidden = !POLYGONS.includes(els.format.value); } }))),
        keep("toleranceRow", h("label", { class: "row small", hidden: true }, "outlines may be off by", keep("tolerance", h("input", { type: "number", min: 0, max: 1000, step: 0.5, value: 0.5, style: { width: "70px" } })), "pixels")),
        keep("overlapTold", h("div", { class: "small", hidden: true },
          "All objects in one map: where masks overlap, a pixel goes to the more probable object, and a painted one to the last object it is painted into.")),
        h("div", { class: "row" }, button("export", "Export", "download it", () => this.export()),
          h("button", { title: "image, masks and clicks as PNG", onclick: async () => this.download(await this.call({ do: "picture" })) }, "Picture")),
        h("div", { class: "row" }, h("button", { title: "clicks and corrections as JSON; hsizoo segment --replay makes the same masks", onclick: async () => this.download(await this.call({ do: "save" })) }, "Save session"),
          h("label", { class: "small" }, "open: ", h("input", { type: "file", accept: ".json", style: { width: "140px" }, "aria-label": "open a session", onchange: (event) => this.openSession(event.target.files) })))),
      h("div", { class: "small" }, "Keys: 1–9 object, n new, c b s p e m tools, x sign, i pin, o masks, f fit, ← → band, space moves."),
      ["components", "scorers", "classifiers"].map((name) => keep(name, h("datalist", { id: `${id}${name}` }))));
    els.threshold.addEventListener("change", () => this.change({ do: "threshold", threshold: els.threshold.value / 100 }));

    this.root = h("div", { class: "hsz", tabIndex: 0, style: { height: this.options.whole ? "100vh" : `${this.options.height || 720}px` } },
      h("style", {}, STYLE), h("div", { class: "all" }, left, side));
    root.append(this.root);

    this.listeners = [];
    const on = (target, kind, listener, how) => {
      target.addEventListener(kind, listener, how);
      this.listeners.push([target, kind, listener]);
    };
    on(this.canvas, "pointerdown", (event) => this.down(event));
    on(this.canvas, "pointermove", (event) => this.move(event));
    on(this.canvas, "pointerup", (event) => this.up(event));
    on(this.canvas, "pointercancel", (event) => this.up(event));
    on(this.canvas, "pointerleave", () => { if (!this.drag) { this.hover = null; this.moved(); this.draw(); } });
    on(this.canvas, "contextmenu", (event) => event.preventDefault());
    on(this.canvas, "wheel", (event) => {
      event.preventDefault();
      const [x, y] = this.place(event);
      if (this.image) this.zoom(Math.exp(-clamp(event.deltaY, -100, 100) / 300), x, y);
    }, { passive: false });
    on(this.root, "dragover", (event) => event.preventDefault());
    on(this.root, "drop", (event) => { event.preventDefault(); this.openFiles(event.dataTransfer.files); });
    // In a notebook only while the page has the focus: its shortcuts are not taken away.
    const keys = this.options.whole ? document : this.root;
    on(keys, "keydown", (event) => this.key(event));
    on(keys, "keyup", (event) => { if (event.code === "Space") this.space = false; });
    on(window, "blur", () => { this.space = false; });
    this.watch = new ResizeObserver(() => {
      if (!this.image) return;
      if (this.fitted) this.fit();
      this.draw();
      this.drawPlot();
    });
    this.watch.observe(this.canvas);
    this.watch.observe(els.plot);
    this.setTool("click");
  }

  setTool(name) {
    this.tool = name;
    for (const [each] of TOOLS) this.els[`tool-${each}`].classList.toggle("on", each === name);
    this.canvas.style.cursor = name === "pan" ? "grab" : "crosshair";
    if (this.image) this.draw();
  }

  setSign(positive) {
    this.sign = positive;
    this.els.sign.textContent = positive ? "+" : "−";
    this.els.sign.classList.toggle("on", !positive);
  }

  addObject() {
    const name = this.els.newName.value.trim();
    this.els.newName.value = "";
    return this.add(name ? { do: "add", name } : { do: "add" });
  }

  /** Make an object; until it is there, what is clicked is meant for it. */
  add(message) {
    const making = (this.making = this.change(message));
    const done = () => { if (this.making === making) this.making = null; };
    making.then(done, done);
    return making;
  }

  similar(reference) {
    const scorer = this.els.scorer.value.trim();
    const object = this.state.objects[this.current]?.name;
    if (reference === undefined && !object) return this.say("there is no object yet; click on something", true);
    this.setShown("similarity", true);
    return this.change(reference === undefined ? { do: "similar", object, scorer } : { do: "similar", reference, scorer });
  }

  /** Switch to the component of the field; if that fails, the field names the one in use again. */
  async use() {
    const { about } = await this.change({ do: "use", component: this.els.component.value.trim() });
    if (about.error) this.els.component.value = this.state.component;
  }

  setShown(name, on) {
    if (name === "objects") this.hidMasks = false;
    this.show[name] = this.els[`show-${name}`].checked = on;
    this.draw();
  }

  async classify() {
    const { about } = await this.change({ do: "classify", classifier: this.els.classifier.value.trim() });
    if (about.error) return;
    const seen = this.show.objects;
    this.setShown("objects", false); // the map is in the same colours
    this.hidMasks = seen; // until the next click
    this.setShown("classes", true);
  }

  async openNamed(image, carry) {
    const { about } = await this.call({ do: "open", image, carry });
    if (!about.error) this.openImage(about);
    else this.els.images.value = this.image.name;
  }

  nextImage() {
    const names = this.hello.images;
    return this.openNamed(names[(names.indexOf(this.image.name) + 1) % names.length], true);
  }

  key(event) {
    const inField = event.target.closest?.("input, select, textarea");
    if (inField && inField.type !== "range" && inField.type !== "checkbox") return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      event.preventDefault();
      this.change({ do: key === "y" || event.shiftKey ? "redo" : "undo" });
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !this.image) return;
    if (event.code === "Space") {
      if (event.target.closest?.("button, summary")) return;
      this.space = true; // the object and its clicks stay as they are
      event.preventDefault();
      return;
    }
    if (/^[1-9]$/.test(key) && Number(key) <= this.state.objects.length) return this.choose(Number(key) - 1);
    const tool = TOOLS.find(([, , letter]) => letter === key);
    if (tool) return this.setTool(tool[0]);
    if (key === "n") return this.addObject();
    if (key === "x") return this.setSign(!this.sign);
    if (key === "i") return this.pin();
    if (key === "f") return this.fit();
    if (key === "o") {
      return this.setShown("objects", !this.show.objects);
    }
    if (key === "[" || key === "]") {
      this.brush = clamp(this.brush + (key === "]" ? 1 : -1), 1, 50);
      this.els.brushSize.value = this.brush;
      return this.draw();
    }
    if ((key === "arrowleft" || key === "arrowright") && !inField) {
      event.preventDefault();
      this.mode = "band";
      this.band = clamp(this.band + (key === "arrowright" ? 1 : -1), 0, this.image.bands - 1);
      this.showBands();
    }
  }
}

const JOBS = { use: "prepare", compare: "compare", classify: "classify" }; // what is asked for: the kind of its job
const POLYGONS = [".geojson", ".gpkg"];
const FORMATS = {
  ".png": "PNG", ".hdr": "ENVI classification", ".tif": "GeoTIFF", ".npz": "NumPy",
  ".geojson": "GeoJSON polygons", ".gpkg": "GeoPackage polygons",
};

/** The pixels after the first one on a straight line. */
function line(row, col, toRow, toCol) {
  const steps = Math.max(Math.abs(toRow - row), Math.abs(toCol - col));
  return Array.from({ length: steps }, (_, n) => [
    Math.round(row + ((toRow - row) * (n + 1)) / steps), Math.round(col + ((toCol - col) * (n + 1)) / steps),
  ]);
}

/** The pixels of a stroke with a brush: its radius is `size` − ½ pixels. */
function thick(path, size) {
  const found = new Map();
  const reach = size - 0.5;
  for (const [row, col] of path)
    for (let r = -size; r <= size; r++)
      for (let c = -size; c <= size; c++)
        if (Math.hypot(r, c) <= reach) found.set(`${row + r},${col + c}`, [row + r, col + c]);
  return [...found.values()];
}
