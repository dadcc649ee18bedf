// The page's half of the window slider. It draws the curves it was given and moves along them by itself; the kernel is asked
// for the pairs that come and go. All text is set as text, never as markup.

const WIDTH = 760;
const LEFT = 52;
const RIGHT = 56; // room for the whole file, which is no number
const PANELS = { bars: [18, 88], lines: [126, 150], rates: [298, 74] }; // top and height, in pixels
const FILE = WIDTH - RIGHT + 28; // where on the axis the whole file is
const END = WIDTH - RIGHT + 44;
const SLIDE = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
const SERIES = [["pairs", "pairs"], ["distinct", "distinct"], ["crossed", "crossed"], ["alone", "parts alone"]];
const RATES = [["precision", "precision"], ["recall", "recall"]];
const COLUMNS = ["", "secrets", "bytes", "lines", "", "", "where"];
const KEYS = { b: "bytes", l: "lines" };
const OPEN = "⟪";
const CLOSE = "⟫";

function render({ model, el }) {
  const state = { model, parts: {}, unit: "bytes", dragging: false };
  const root = build(state);
  el.replaceChildren(root);
  const moved = () => move(state);
  const told = () => answer(state);
  model.on("change:chosen", moved);
  model.on("change:since", moved);
  model.on("change:answer", told);
  state.unit = model.get("chosen").unit || "bytes";
  draw(state);
  move(state);
  answer(state);
  return () => {
    model.off("change:chosen", moved);
    model.off("change:since", moved);
    model.off("change:answer", told);
  };
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function shape(tag, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function build(state) {
  const p = state.parts;
  p.units = make("div", { class: "wbs-units", role: "radiogroup", "aria-label": "unit" },
    ...["bytes", "lines"].map((unit) => button(unit, () => setUnit(state, unit), { role: "radio", "data-unit": unit })));
  p.window = make("output", { class: "wbs-window", "aria-live": "polite" });
  p.slider = make("input", { type: "range", min: LEFT, max: FILE, step: "any", class: "wbs-slider", "aria-label": "window" });
  p.slider.addEventListener("input", () => choose(state, sizeAt(state, Number(p.slider.value))));
  p.size = make("input", { type: "number", min: "0", class: "wbs-size", "aria-label": "window size" });
  p.size.addEventListener("change", () => typed(state));
  p.jumps = make("div", { class: "wbs-jumps" });
  p.svg = shape("svg", { class: "wbs-chart", role: "img" });
  p.legend = make("div", { class: "wbs-legend" });
  p.advice = make("div", { class: "wbs-advice" });
  p.caption = make("div", { class: "wbs-caption", role: "status", "aria-live": "polite" });
  p.body = make("tbody");
  p.table = make("table", { class: "wbs-table" },
    make("thead", {}, make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, name)))), p.body);
  p.svg.addEventListener("pointerdown", (event) => grab(state, event));
  p.svg.addEventListener("pointermove", (event) => state.dragging && follow(state, event));
  p.svg.addEventListener("pointerup", () => (state.dragging = false));
  const root = make("div", { class: "wbs", role: "group", "aria-label": "Window of a pair", "data-lm-suppress-shortcuts": "true" },
    make("div", { class: "wbs-head" }, p.units, p.window, p.size, p.jumps),
    make("div", { class: "wbs-plot" }, p.svg, p.slider), p.legend, p.advice, p.caption,
    make("div", { class: "wbs-scroll" }, p.table));
  root.addEventListener("keydown", (event) => pressed(state, event));
  state.root = root;
  return root;
}

function button(name, click, attributes = {}) {
  const node = make("button", { type: "button", ...attributes }, name);
  node.addEventListener("click", click);
  return node;
}

function pressed(state, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  event.stopPropagation(); // the notebook takes arrow keys for itself, and not by way of a shortcut
  if (event.target === state.parts.size) return;
  if (event.target === state.parts.slider && event.key in SLIDE) slide(state, SLIDE[event.key]);
  else if (event.key in KEYS) setUnit(state, KEYS[event.key]);
  else if (event.key === "c") compareFromHere(state);
  else return;
  event.preventDefault();
}

// ------------------------------------------------------------------------------------------------------------- windows

const curves = (state) => state.model.get("sweeps")[state.unit];
const number = (n) => Math.round(n).toLocaleString("en");

function windowText(size, unit) {
  return size === null ? "file" : `${number(size)} ${unit}`;
}

// With the keyboard the slider goes from one size at which something changes to the next, and beyond the last to the file.
function slide(state, by) {
  const { sizes } = curves(state);
  const { size } = state.model.get("chosen");
  const at = indexOf(state, size);
  const between = size !== null && sizes[at] !== size && by < 0 ? 1 : 0; // from between two sizes back to the lower one
  const next = Math.min(sizes.length, Math.max(0, at + by + between));
  choose(state, next === sizes.length ? null : sizes[next]);
}

function indexOf(state, size) {
  const { sizes } = curves(state);
  if (size === null) return sizes.length;
  let low = 0;
  let high = sizes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sizes[middle] <= size) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function choose(state, size) {
  const chosen = { unit: state.unit, size, text: windowText(size, state.unit) };
  state.model.set("chosen", chosen);
  state.model.save_changes(); // while the kernel is at an earlier one, the model keeps only the last
}

function typed(state) {
  const given = state.parts.size.value.trim();
  if (given === "") choose(state, null);
  else if (Number.isFinite(Number(given)) && Number(given) >= 0) choose(state, Math.min(Math.floor(Number(given)), 2 ** 40));
}

function setUnit(state, unit) {
  if (unit === state.unit) return;
  const size = state.model.get("chosen").size;
  state.unit = unit;
  draw(state);
  const usual = [state.model.get("sweeps").now, curves(state).advice].find((w) => w.unit === unit && w.size !== null);
  choose(state, size === null || !usual ? null : usual.size); // 200 bytes are not 200 lines
}

function compareFromHere(state) {
  state.model.set("since", state.model.get("chosen"));
  state.model.save_changes();
}

function grab(state, event) {
  state.dragging = true;
  state.parts.svg.setPointerCapture(event.pointerId);
  follow(state, event);
}

function follow(state, event) {
  const box = state.parts.svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) * WIDTH) / box.width;
  return choose(state, sizeAt(state, x));
}

// ------------------------------------------------------------------------------------------------------------- drawing

function sizeAt(state, x) {
  if (x > (WIDTH - RIGHT + FILE) / 2) return null;
  const share = Math.min(1, Math.max(0, (x - LEFT) / (WIDTH - LEFT - RIGHT)));
  return Math.round(Math.expm1(share * Math.log1p(state.widest)));
}

function scaleX(state, size) {
  if (size === null) return FILE;
  return LEFT + ((WIDTH - LEFT - RIGHT) * Math.log1p(Math.min(size, state.widest))) / Math.log1p(state.widest);
}

function draw(state) {
  const p = state.parts;
  const { sizes, bins, figures } = curves(state);
  const rated = figures.precision !== undefined;
  state.widest = Math.max(1, sizes.at(-1) || 1, ...bins.map((b) => b[1]));
  const height = rated ? PANELS.rates[0] + PANELS.rates[1] + 38 : PANELS.lines[0] + PANELS.lines[1] + 38;
  p.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const bottom = height - 32;
  p.svg.replaceChildren(...ticks(state, bottom), ...bars(state), ...lines(state), ...(rated ? rates(state) : []), ...marks(state, bottom));
  state.cursor = shape("line", { class: "wbs-cursor", y1: 4, y2: bottom });
  p.svg.append(state.cursor);
  p.slider.style.marginLeft = `calc(${(100 * LEFT) / WIDTH}% - 8px)`; // half a thumb, so that it stands below the cursor
  p.slider.style.width = `calc(${(100 * (FILE - LEFT)) / WIDTH}% + 16px)`;
  const pair = state.model.get("sweeps").pair;
  p.svg.setAttribute("aria-label", `Pairs of ${pair} by window in ${state.unit}`);
  for (const node of p.units.children) node.setAttribute("aria-checked", String(node.dataset.unit === state.unit));
  jumps(state);
  advise(state);
}

function ticks(state, bottom) {
  const all = [[scaleX(state, 0), "0"]];
  const room = scaleX(state, null) - 30;
  for (let decade = 1; decade <= state.widest; decade *= 10) {
    for (const n of [decade, 2 * decade, 5 * decade]) {
      const x = scaleX(state, n);
      const text = number(n);
      if (n <= state.widest && x < room && x - all.at(-1)[0] > 12 + 7 * text.length) all.push([x, text]);
    }
  }
  all.push([scaleX(state, null), "file"]);
  return all.flatMap(([x, text]) => [
    shape("line", { class: "wbs-grid", x1: x, x2: x, y1: 4, y2: bottom }),
    shape("text", { class: "wbs-tick", x, y: bottom + 13, "text-anchor": "middle" }, text),
  ]).concat([shape("text", { class: "wbs-tick", x: (WIDTH + LEFT - RIGHT) / 2, y: bottom + 26, "text-anchor": "middle" },
    `window in ${state.unit}`)]);
}

function axis(top, height, most, title) {
  const nodes = [shape("text", { class: "wbs-tick", x: LEFT - 6, y: top + 8, "text-anchor": "end" }, typeof most === "string" ? most : number(most)),
    shape("text", { class: "wbs-tick", x: LEFT - 6, y: top + height, "text-anchor": "end" }, "0"),
    shape("line", { class: "wbs-axis", x1: LEFT, x2: END, y1: top + height, y2: top + height })];
  const middle = top + height / 2;
  return nodes.concat([shape("text", { class: "wbs-tick", transform: `rotate(-90 11 ${middle})`, x: 11, y: middle, "text-anchor": "middle" }, title)]);
}

function bars(state) {
  const [top, height] = PANELS.bars;
  const { bins } = curves(state);
  const most = Math.max(1, ...bins.map((b) => b[2]));
  const nodes = axis(top, height, most, "pairs by gap");
  for (const [low, high, pairs, crossed] of bins) {
    const x = scaleX(state, low);
    const width = Math.max(1, scaleX(state, high) - x - 1);
    const bar = (count, name) => {
      const h = (height * count) / most;
      nodes.push(shape("rect", { class: name, x, width, y: top + height - h, height: h }));
    };
    if (pairs) bar(pairs, "wbs-bar");
    if (crossed) bar(crossed, "wbs-bar-crossed");
  }
  return nodes;
}

function steps(state, values, y) {
  const { sizes } = curves(state);
  let path = "";
  values.forEach((value, n) => {
    if (value === null) return;
    const x = scaleX(state, sizes[n]).toFixed(1);
    path += path ? `H${x}V${y(value).toFixed(1)}` : `M${x},${y(value).toFixed(1)}`;
  });
  return path && `${path}H${END}`;
}

function lines(state) {
  const [top, height] = PANELS.lines;
  const { figures } = curves(state);
  const most = Math.max(1, ...SERIES.flatMap(([name]) => figures[name] || []));
  const y = (value) => top + height - (height * value) / most;
  return axis(top, height, most, "places").concat(SERIES.map(([name]) =>
    shape("path", { class: `wbs-line wbs-${name}`, d: steps(state, figures[name], y) })));
}

function rates(state) {
  const [top, height] = PANELS.rates;
  const { figures } = curves(state);
  const y = (value) => top + height - height * value;
  return axis(top, height, "1", "rates").concat(RATES.map(([name]) =>
    shape("path", { class: `wbs-line wbs-${name}`, d: steps(state, figures[name], y) })));
}

function marks(state, bottom) {
  const { now } = state.model.get("sweeps");
  const shown = [[now, "now"], [curves(state).advice, "suggested"]].filter(([w]) => w.size === null || w.unit === state.unit)
    .map(([w, name]) => ({ x: scaleX(state, w.size), name }));
  const same = shown.length === 2 && shown[0].x === shown[1].x;
  const texts = same ? [{ x: shown[0].x, name: "now and suggested" }] : shown;
  return shown.map(({ x, name }) => shape("line", { class: `wbs-mark wbs-mark-${name}`, x1: x, x2: x, y1: 14, y2: bottom }))
    .concat(texts.map(({ x, name }, n) => {
      // Two labels side by side lean away from each other; one at the right edge leans inward.
      const left = x > WIDTH - 120 || (texts.length === 2 && x < texts[1 - n].x);
      return shape("text", { class: "wbs-tick", x: x + (left ? -4 : 4), y: 10, "text-anchor": left ? "end" : "start" }, name);
    }));
}

function jumps(state) {
  const { now } = state.model.get("sweeps");
  const advice = curves(state).advice;
  const fits = (w) => w.size === null || w.unit === state.unit;
  const all = [];
  if (fits(now)) all.push(button(`rule: ${now.text}`, () => choose(state, now.size), { "data-jump": "now" }));
  all.push(button(`suggested: ${advice.text}`, () => choose(state, advice.size), { "data-jump": "suggested" }));
  if (advice.size !== null && !(fits(now) && now.size === null)) {
    all.push(button("file", () => choose(state, null), { "data-jump": "file" }));
  }
  const compare = button("compare from here ", () => compareFromHere(state), { "data-jump": "compare" });
  compare.append(make("kbd", {}, "c"));
  state.parts.jumps.replaceChildren(...all, compare);
}

function advise(state) {
  const advice = curves(state).advice;
  state.parts.advice.replaceChildren(make("b", {}, `Suggested window: ${advice.text}. `), advice.reason, " ",
    (state.parts.here = make("span", { class: "wbs-here" })));
}

// ----------------------------------------------------------------------------------------------------------- following

function move(state) {
  const p = state.parts;
  const chosen = state.model.get("chosen");
  if (chosen.unit && chosen.unit !== state.unit) {
    state.unit = chosen.unit;
    draw(state);
  }
  const x = scaleX(state, chosen.size);
  state.cursor.setAttribute("x1", x);
  state.cursor.setAttribute("x2", x);
  p.window.textContent = `window: ${chosen.text}`;
  p.slider.value = x;
  p.slider.setAttribute("aria-valuetext", chosen.text);
  if (p.size !== p.size.getRootNode().activeElement) p.size.value = chosen.size === null ? "" : chosen.size;
  legend(state, indexOf(state, chosen.size));
  p.table.classList.add("wbs-stale");
  for (const node of p.jumps.children) {
    const { now } = state.model.get("sweeps");
    const target = { now: now.size, suggested: curves(state).advice.size, file: null }[node.dataset.jump];
    node.classList.toggle("wbs-on", target === chosen.size);
  }
}

function legend(state, at) {
  const { figures, advice, sizes } = curves(state);
  const n = Math.min(at, sizes.length - 1);
  const item = (name, title, text) => make("span", { class: "wbs-figure", "data-figure": name },
    make("i", { class: `wbs-swatch wbs-${name}` }), `${title} `, make("b", {}, text));
  const nodes = SERIES.map(([name, title]) => item(name, title, number(figures[name][n])));
  for (const [name, title] of RATES) {
    if (figures[name]) nodes.push(item(name, title, rate(figures, name, n)));
  }
  state.parts.legend.replaceChildren(...nodes);
  state.parts.here.textContent = compared(figures, n, indexOf(state, advice.size), state.model.get("chosen").size, advice.size);
}

function rate(figures, name, n) {
  if (figures[name][n] === null) return "n/a";
  const [value, low, high] = ["", "_low", "_high"].map((end) => figures[name + end][n].toFixed(2));
  return `${value} [${low}, ${high}]`;
}

// What choosing this window rather than the suggested one would mean.
function compared(figures, n, suggested, size, advised) {
  if (size === advised) return "You are there.";
  const k = Math.min(suggested, figures.pairs.length - 1);
  const more = figures.distinct[n] - figures.distinct[k];
  const crossed = figures.crossed[n] - figures.crossed[k];
  const told = (count, what) => `${count > 0 ? "+" : "−"}${number(Math.abs(count))} ${what}`;
  const parts = [];
  if (more) parts.push(told(more, "distinct pairs"));
  if (crossed) parts.push(told(crossed, "crossed"));
  return parts.length ? `Here, against it: ${parts.join(", ")}.` : "Here it makes no difference to it.";
}

function answer(state) {
  const p = state.parts;
  const told = state.model.get("answer");
  const chosen = state.model.get("chosen");
  if (!told.chosen || told.chosen.text !== chosen.text) return; // an answer about where the slider was before
  p.table.classList.remove("wbs-stale");
  const shown = told.rows.length < told.total ? `, ${told.rows.length} of ${number(told.total)} shown` : "";
  p.caption.textContent = told.problem || told.caption + shown;
  p.caption.classList.toggle("wbs-trouble", Boolean(told.problem));
  p.body.replaceChildren(...told.rows.flatMap(row));
  p.table.hidden = !told.rows.length;
  exact(state, told.figures);
}

// Curves have at most 400 sizes; what the kernel says of this very window is exact.
function exact(state, figures) {
  for (const [name] of SERIES) {
    const node = state.parts.legend.querySelector(`[data-figure="${name}"] b`);
    if (node && figures[name] !== undefined) node.textContent = number(figures[name]);
  }
}

function row([change, secrets, bytes, linesApart, crossed, right, repository, path, line, context]) {
  const verdict = right === null ? "" : right ? "right" : "wrong";
  const kind = change === "enters" ? "wbs-enters" : "wbs-leaves";
  const figures = make("tr", { class: kind },
    make("td", {}, change === "enters" ? "+ enters" : "− leaves"), make("td", {}, make("code", {}, secrets)),
    make("td", { class: "wbs-n" }, number(bytes)), make("td", { class: "wbs-n" }, number(linesApart)),
    make("td", {}, crossed ? "crossed" : ""), make("td", { class: `wbs-${verdict || "unknown"}` }, verdict),
    make("td", { class: "wbs-where" }, `${repository || ""} `, make("b", {}, path ? `${path}:${line}` : "")));
  // The context has a line of its own: beside the rest it would be a narrow column of many lines.
  return [figures, make("tr", { class: "wbs-low" }, make("td", { colspan: COLUMNS.length }, make("code", {}, ...highlit(context || ""))))];
}

function highlit(text) {
  return text.split(OPEN).flatMap((piece, n) => {
    if (n === 0 || !piece.includes(CLOSE)) return [piece];
    const [token, ...rest] = piece.split(CLOSE);
    return [make("mark", {}, token), rest.join(CLOSE)];
  });
}

export default { render };
