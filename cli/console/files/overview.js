import { away, datum, h, note, state, table, time } from "./dom.js";
import { about, ask, deletions } from "./service.js";

export const FAMILIES = [
  ["inbound", "Inbound messages"],
  ["pull", "Pull events"],
  ["outbound", "Outbound messages"],
  ["linked", "Linked messages"],
  ["channel", "Channel messages"],
];
export const STATES = [
  ["live", "Living"],
  ["bin", "In the bin"],
  ["gone", "Gone"],
];

export const title = "Overview";

export async function show() {
  const [counted, recent] = await Promise.all([ask("/console/overview"), deletions.list()]);
  const count = (family, name) => {
    const number = counted.families[family][name];
    const shown = new Intl.NumberFormat("en").format(number);
    return h("a", { href: `#/messages?family=${family}&state=${name}`, class: number ? "" : "nothing" }, shown);
  };
  const empty = Object.values(counted.families).every((states) => Object.values(states).every((number) => number === 0));
  return [
    h("h1", { tabindex: "-1" }, "Overview"),
    h("p", { class: "lead" }, sentence(counted)),
    empty && note("There are no messages yet. ", h("code", {}, "expunge load FILE"), " brings some in."),
    h(
      "div",
      { class: "counts" },
      table(
        counted.complete ? "Messages by family and state" : "Messages by family and state, of the part of the table that was read",
        [
          ["Family", ([, label]) => h("strong", {}, label)],
          ...STATES.map(([name, label]) => [label, ([family]) => count(family, name), "number"]),
        ],
        FAMILIES,
        { cards: false },
      ),
    ),
    h("h2", {}, "Latest deletions"),
    recent.deletions.length ? deletionsTable("Newest first", recent.deletions.slice(0, 5)) : note("Nothing has been deleted yet. ", h("a", { href: "#/delete" }, "Delete something")),
    recent.deletions.length > 5 && h("p", {}, h("a", { href: "#/deletions" }, "All deletions")),
  ];
}

function sentence({ complete, next_purge: due }) {
  if (!complete) return "The table is too large to be counted at a glance: this is the part that three seconds read.";
  if (!due) return "The bin is empty.";
  return Date.parse(due) <= Date.now() ? "Something in the bin is due: the next run of the purge takes it away, unless it is held." : `What is in the bin is purged ${away(due)} at the earliest.`;
}

export function deletionsTable(caption, rows) {
  const owner = ["Owner", (row) => datum(row.account_id ?? row.sub_key)];
  return table(
    caption,
    [
      ["Requested", (row) => h("a", { href: `#/deletions/${encodeURIComponent(row.id)}` }, time(row.requested_at))],
      ["State", (row) => state(row.state)],
      ["Family", (row) => row.family],
      ...(about.table ? [owner] : []),
      ["What", what, "wide"],
      ["By", (row) => datum(row.requested_by)],
      ["Restorable until", (row) => time(row.restorable_until)],
    ],
    rows,
  );
}

// Which messages a deletion was asked for.
export function what(row) {
  if (row.requested_ids !== undefined) return row.requested_ids === 1 ? "one message by its id" : `${row.requested_ids} messages by their ids`;
  const { channels, start, end } = row;
  const given = Object.entries(row.filters ?? { channels: channels?.join(", "), start, end }).filter(([, value]) => value !== undefined);
  if (!given.length) return h("span", { class: "soft" }, "no filter");
  return named(given);
}

// Names and values, one after the other.
export function named(given) {
  return h("span", {}, given.map(([name, value], at) => [at ? ", " : "", `${name} `, datum(Array.isArray(value) ? value.join(", ") : String(value))]));
}
