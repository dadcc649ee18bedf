// The page's half of the triage widget. It shows the view the kernel sends and says which key was pressed for which match;
// it decides nothing. All text is set as text, never as markup.

const KEYS = {
  t: (s) => judge(s, "true"),
  f: (s) => judge(s, "false"),
  u: (s) => judge(s, "unsure"),
  s: (s) => act(s, { do: "skip", key: key(s) }),
  z: (s) => act(s, { do: "undo" }),
  Backspace: (s) => act(s, { do: "undo" }),
  n: (s) => key(s) && s.parts.note.focus(),
  o: (s) => act(s, { do: "place", key: key(s) }),
  j: (s) => act(s, { do: "step", by: 1 }),
  ArrowRight: (s) => act(s, { do: "step", by: 1 }),
  k: (s) => act(s, { do: "step", by: -1 }),
  ArrowLeft: (s) => act(s, { do: "step", by: -1 }),
  r: (s) => act(s, { do: "refresh" }),
  "/": (s) => s.parts.text.focus(),
  "?": (s) => (s.parts.help.open = !s.parts.help.open),
  Escape: leave,
};
const ONCE = new Set(["t", "f", "u", "s", "z", "Backspace"]); // held down, these would run through the sample
const SHOWS = [["open", "to judge"], ["skipped", "skipped"], ["judged", "judged"], ["true", "true"], ["false", "false"],
  ["unsure", "unsure"], ["all", "all"]];
const HELP = [["t", "true: a secret of this type"], ["f", "false: not one"], ["u", "unsure"], ["s", "skip, for later"],
  ["z", "undo the last verdict"], ["n", "write a note; Enter keeps it"], ["o", "next place of the same secret"],
  ["← →", "back and forth (or k, j)"], ["/", "filter by words of the path"], ["r", "fetch what others said"],
  ["Esc", "back to the notebook"]];
const SLOW_MS = 1000;
const LOST_MS = 10000;

function render({ model, el }) {
  const state = { model, parts: {}, waiting: null, slow: 0, lost: 0 };
  const root = build(state);
  el.replaceChildren(root);
  const show = () => update(state);
  model.on("change:view", show);
  update(state);
  return () => {
    model.off("change:view", show);
    clearTimeout(state.slow);
    clearTimeout(state.lost);
  };
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function build(state) {
  const p = state.parts;
  p.bar = make("div", { class: "wbt-bar", role: "progressbar", "aria-label": "judged", "aria-valuemin": "0" });
  p.counts = make("span", { class: "wbt-counts" });
  p.saved = make("span", { class: "wbt-saved" });
  p.show = select(state, "state", SHOWS);
  p.type = select(state, "type", []);
  p.path = select(state, "path class", []);
  p.text = make("input", { type: "search", placeholder: "words of the path", "aria-label": "filter by words of the path" });
  p.text.addEventListener("change", () => choose(state));
  p.position = make("span", { class: "wbt-position" });
  p.title = make("div", { class: "wbt-title" });
  p.where = make("div", { class: "wbt-where" });
  p.facts = make("div", { class: "wbt-facts" });
  p.code = make("div", { class: "wbt-code" });
  p.label = make("div", { class: "wbt-label" });
  p.note = make("input", { type: "text", maxlength: "2000", placeholder: "note", "aria-label": "note", class: "wbt-note" });
  p.message = make("div", { class: "wbt-message", role: "status", "aria-live": "polite" });
  p.buttons = make("div", { class: "wbt-buttons" }, ...buttons(state));
  p.help = make("details", { class: "wbt-help" }, make("summary", {}, "keys ", make("kbd", {}, "?")),
    make("dl", {}, ...HELP.flatMap(([k, what]) => [make("dt", {}, make("kbd", {}, k)), make("dd", {}, what)])));
  p.subject = make("div", { class: "wbt-subject" }, p.title, p.where, p.facts, p.code, p.label, p.note);
  const root = make("div", {
    class: "wbt", tabindex: "0", role: "group", "aria-label": "Triage: judge matches with the keys t, f and u",
    "data-lm-suppress-shortcuts": "true",
  },
    make("div", { class: "wbt-head" }, p.bar, p.counts, p.saved),
    make("div", { class: "wbt-filters" }, p.show, p.type, p.path, p.text, p.position),
    p.subject, p.buttons, p.message,
    make("div", { class: "wbt-hint" }, "Click here, or Tab to here, and the keys work"), p.help);
  state.root = root;
  root.addEventListener("keydown", (event) => pressed(state, event));
  p.note.addEventListener("blur", () => keepNote(state));
  return root;
}

function buttons(state) {
  const all = [["t", "True", "yes"], ["f", "False", "no"], ["u", "Unsure", ""], ["s", "Skip", ""], ["z", "Undo", ""],
    ["n", "Note", ""], ["o", "Other place", ""]];
  return all.map(([k, name, kind]) => {
    const button = make("button", { type: "button", "data-key": k, class: kind, tabindex: "-1", "aria-keyshortcuts": k },
      name, " ", make("kbd", {}, k));
    button.addEventListener("click", () => {
      state.root.focus({ preventScroll: true });
      KEYS[k](state);
    });
    return button;
  });
}

function select(state, name, options) {
  const node = make("select", { "aria-label": `filter by ${name}` });
  fill(node, options);
  node.addEventListener("change", () => choose(state));
  return node;
}

function fill(node, options) {
  const wanted = JSON.stringify(options);
  if (node.dataset.options === wanted) return;
  node.dataset.options = wanted;
  node.replaceChildren(...options.map(([value, name]) => make("option", { value }, name)));
}

// ------------------------------------------------------------------------------------------------------------ the keys

function pressed(state, event) {
  const field = event.target.closest("input, select, textarea");
  if (field) {
    if (event.key === "Escape" || (event.key === "Enter" && field.tagName === "INPUT")) {
      event.preventDefault();
      if (event.key === "Escape" && field === state.parts.note) field.value = noteOf(state);
      state.root.focus({ preventScroll: true }); // blur and change do the rest
    }
    event.stopPropagation();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  event.stopPropagation(); // the notebook takes arrow keys for itself, and not by way of a shortcut
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!Object.hasOwn(KEYS, name)) return;
  event.preventDefault();
  if (!(event.repeat && ONCE.has(name))) KEYS[name](state);
}

function leave(state) {
  const cell = state.root.closest(".jp-Notebook-cell");
  if (cell) cell.focus();
  else state.root.blur();
}

function key(state) {
  const view = state.model.get("view");
  return view.item ? view.item.key : "";
}

function noteOf(state) {
  const view = state.model.get("view");
  return view.label ? view.label.note : view.draft || "";
}

function judge(state, verdict) {
  if (key(state)) act(state, { do: "judge", key: key(state), verdict });
}

function keepNote(state) {
  const note = state.parts.note;
  if (note.dataset.key && note.value.trim() !== note.dataset.known) {
    note.dataset.known = note.value.trim();
    state.model.send({ do: "note", key: note.dataset.key, note: note.value });
  }
}

function choose(state) {
  const p = state.parts;
  act(state, { do: "filter", show: p.show.value, type: p.type.value, path_class: p.path.value, text: p.text.value }, true);
}

// One question at a time: until the kernel has answered, nobody has seen what the next key would be about.
function act(state, message, always = false) {
  if (state.waiting !== null && !always) return;
  state.waiting = state.model.get("view").sent;
  state.root.classList.add("wbt-waiting");
  clearTimeout(state.slow);
  clearTimeout(state.lost);
  state.slow = setTimeout(() => say(state, "The kernel is busy. Your last key waits for it; others are not taken."), SLOW_MS);
  state.lost = setTimeout(() => {
    answered(state);
    say(state, "No answer from the kernel. If it was restarted, run this cell again; what was saved is in the store.");
  }, LOST_MS);
  state.model.send(message);
}

function answered(state) {
  state.waiting = null;
  state.root.classList.remove("wbt-waiting");
  clearTimeout(state.slow);
  clearTimeout(state.lost);
}

function say(state, text) {
  state.parts.message.textContent = text;
}

// ------------------------------------------------------------------------------------------------------------ the view

function update(state) {
  const view = state.model.get("view");
  if (!view || !view.progress) return;
  if (state.waiting !== null && view.sent > state.waiting) answered(state);
  const p = state.parts;
  progress(p, view);
  filters(p, view);
  subject(p, view);
  notes(state, view);
  enable(p, view);
  say(state, view.message);
  p.message.classList.toggle("wbt-trouble", view.pending > 0);
}

function progress(p, view) {
  const c = view.progress;
  const share = (n) => `${c.total ? (100 * n) / c.total : 0}%`;
  p.bar.replaceChildren(...["true", "false", "unsure"].map((name) => {
    const part = make("div", { class: `wbt-${name}`, title: `${c[name]} ${name}` });
    part.style.width = share(c[name]);
    return part;
  }));
  p.bar.setAttribute("aria-valuemax", c.total);
  p.bar.setAttribute("aria-valuenow", c.judged);
  const of = view.population > c.total ? `, a sample of ${view.population.toLocaleString("en")}` : "";
  p.counts.textContent = `${c.judged} of ${c.total} judged: ${c.true} true, ${c.false} false, ${c.unsure} unsure`
    + (c.skipped ? `, ${c.skipped} skipped` : "") + (c.places > c.judged ? ` (${c.places} places)` : "") + of;
  p.saved.textContent = view.pending ? `${view.pending} not saved yet` : `saved · ${view.reviewer}`;
  p.saved.classList.toggle("wbt-trouble", view.pending > 0);
}

function filters(p, view) {
  const counted = (name, pairs) => [["", `all ${name}`], ...pairs.map(([value, n]) => [value, `${value} (${n})`])];
  fill(p.type, counted("types", view.choices.types));
  fill(p.path, counted("paths", view.choices.path_classes));
  p.show.value = view.filter.show;
  p.type.value = view.filter.type;
  p.path.value = view.filter.path_class;
  if (p.text !== p.text.getRootNode().activeElement) p.text.value = view.filter.text;
  p.position.textContent = view.visible ? `${view.position} / ${view.visible}` : "none";
}

function subject(p, view) {
  const item = view.item;
  p.subject.classList.toggle("wbt-empty", !item);
  if (!item) {
    const done = view.filter.show === "open" && view.progress.judged === view.progress.total;
    p.title.textContent = view.progress.total === 0 ? "Nothing was found, so there is nothing to judge"
      : done ? "All judged" : "Nothing is left here: choose another filter";
    for (const part of [p.where, p.facts, p.code, p.label]) part.replaceChildren();
    return;
  }
  p.title.replaceChildren(make("b", {}, item.name), " ", make("code", {}, item.type), item.provider ? ` ${item.provider}` : "");
  const more = item.places > 1 ? ` · place ${item.place} of ${item.places} with the same secret` : "";
  const often = item.locations > 1 ? ` · ${item.locations.toLocaleString("en")} commits or paths` : "";
  p.where.replaceChildren(item.repository ? `${item.repository} ` : "", make("b", {}, `${item.path || "a blob"}:${item.line}`),
    item.path_class ? ` · ${item.path_class}` : "", often, more);
  p.facts.textContent = item.problem || item.facts.join(" · ");
  p.facts.classList.toggle("wbt-trouble", Boolean(item.problem));
  if (p.code.dataset.shown === `${item.key}/${item.place}`) return judgement(p, view);
  p.code.dataset.shown = `${item.key}/${item.place}`;
  p.code.replaceChildren(...item.excerpts.map(excerpt));
  reveal(p.code);
  judgement(p, view);
}

function judgement(p, view) {
  const label = view.label;
  p.label.className = `wbt-label${label ? ` wbt-is-${label.verdict}` : ""}`;
  p.label.textContent = label ? `${label.reviewer} said ${label.verdict}, ${label.at.slice(0, 16).replace("T", " ")} UTC` : "";
}

function excerpt(lines) {
  return make("pre", {}, ...lines.map((line) => make("div", { class: "wbt-line" },
    make("span", { class: "wbt-number" }, line.number ? String(line.number) : ""),
    make("span", {}, ...line.pieces.map(([text, marked]) => (marked ? make("mark", {}, text) : text))))));
}

// A long line scrolls so that the match is in sight; the page itself stays where it is.
function reveal(code) {
  const mark = code.querySelector("mark");
  code.scrollTo(0, 0);
  if (!mark) return;
  const box = code.getBoundingClientRect();
  const at = mark.getBoundingClientRect();
  if (at.right > box.right) code.scrollLeft = at.left - box.left - box.width / 3;
  if (at.bottom > box.bottom) code.scrollTop = at.top - box.top - box.height / 3;
}

function notes(state, view) {
  const note = state.parts.note;
  const shown = view.item ? view.item.key : "";
  const known = noteOf(state);
  if (note.dataset.key === shown && note === note.getRootNode().activeElement) return;
  note.dataset.key = shown;
  note.dataset.known = known;
  note.value = known;
}

function enable(p, view) {
  const off = { t: !view.item, f: !view.item, u: !view.item, s: !view.item, n: !view.item, z: !view.undoable,
    o: !view.item || view.item.places < 2 };
  for (const button of p.buttons.children) {
    button.toggleAttribute("disabled", off[button.dataset.key]);
    button.classList.toggle("wbt-chosen", Boolean(view.label) && view.label.verdict.startsWith(button.dataset.key));
  }
}

export default { render };
