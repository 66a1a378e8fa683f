// Making elements. Whatever comes from a message becomes a text node: there is no markup from strings anywhere.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

// A value from outside, kept from turning around the text beside it.
export function datum(value) {
  return value === undefined || value === "" ? h("span", { class: "soft" }, "–") : h("bdi", { title: value }, String(value));
}

export function time(value) {
  if (!value) return datum("");
  const [, day, clock] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(value) ?? [];
  return day ? h("time", { datetime: value, title: `${value}, ${away(value)}` }, `${day} ${clock}`) : datum(value);
}

// How far away a time is, such as "in 29 days".
export function away(value) {
  const seconds = (Date.parse(value) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return "";
  const [unit, length] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(
    ([, each]) => Math.abs(seconds) >= each,
  ) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

export function messages(count) {
  return count === 1 ? "1 message" : `${new Intl.NumberFormat("en").format(count)} messages`;
}

const STATES = { bin: "in the bin", live: "living", left_alone: "left alone" };

export function state(name) {
  return h("span", { class: `state ${name}` }, STATES[name] ?? name);
}

// A table; columns are [title, cell of a row, class]. The roles stay where a phone shows rows as cards.
export function table(caption, columns, rows, { cards = true } = {}) {
  const cell = ([title, of, kind], row) => h("td", { role: "cell", class: kind, "data-label": title }, of(row));
  const head = columns.map(([title, , kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, title));
  return h(
    "div",
    { class: `scroll${cards ? " cards" : ""}`, role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table",
      { role: "table" },
      h("caption", {}, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, columns.map((column) => cell(column, row))))),
    ),
  );
}

export function field(label, control, hint) {
  const id = control.id || `field-${(field.count = (field.count ?? 0) + 1)}`;
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", {}, h("label", { for: id }, label), control, hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

// Choices of which one is taken, as a row of buttons.
export function segments(legend, name, choices, chosen, onchange) {
  return h(
    "fieldset",
    {},
    h("legend", {}, legend),
    h(
      "div",
      { class: "segments" },
      choices.map(([value, label]) =>
        h("label", {}, h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value) }), label),
      ),
    ),
  );
}

export function json(value, label = "JSON") {
  return h("pre", { tabindex: "0", role: "region", "aria-label": label }, JSON.stringify(value, null, 2));
}

export function note(...children) {
  return h("div", { class: "note" }, h("p", {}, ...children));
}

export function failure(error) {
  return h("div", { class: "note error", role: "alert" }, h("p", {}, error.message));
}

// Tell everybody, those who cannot see the page too.
export function say(sentence) {
  const said = document.getElementById("said");
  said.textContent = sentence;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (said.textContent = ""), 6000);
}

// A dialog, which Escape closes; gives back what the button returned, or undefined. Where there is a choice, the
// last button, which changes nothing, has the focus. Afterwards what had it before has it again.
export function ask(title, content, buttons) {
  return new Promise((done) => {
    let answer;
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": "dialog-title",
        onclose: () => {
          dialog.remove();
          done(answer);
        },
      },
      h("h2", { id: "dialog-title" }, title),
      content,
      h(
        "div",
        { class: "actions" },
        buttons.map(([label, value, kind], at) => {
          const close = () => {
            answer = value;
            dialog.close();
          };
          return h("button", { type: "button", class: kind, autofocus: at > 0 && at === buttons.length - 1, onclick: close }, label);
        }),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
