import { ask as dialog, away, datum, failure, field, h, json, messages as number, note, segments, state, table, time } from "./dom.js";
import { FAMILIES, STATES } from "./overview.js";
import { ask } from "./service.js";

export const title = "Messages";

export async function show({ query, go }) {
  const family = query.get("family") ?? "inbound";
  const chosen = query.get("state") ?? "live";
  const owner = query.get("owner") ?? "";
  const to = (changed) => go("messages", { family, state: chosen, owner, ...changed });
  const page = await ask("/console/messages", { family, state: chosen, owner });
  const results = h("div", {}, await listed(page, { family, state: chosen, owner }));
  const ownerLabel = family === "channel" ? "Sub key" : "Account";
  return [
    h("h1", { tabindex: "-1" }, "Messages"),
    h(
      "form",
      {
        class: "choices",
        onsubmit: (event) => {
          event.preventDefault();
          to({ owner: event.target.elements.owner.value.trim() });
        },
      },
      segments("Family", "family", FAMILIES.map(([value, label]) => [value, label.split(" ")[0]]), family, (value) => to({ family: value, owner: (value === "channel") === (family === "channel") ? owner : "" })),
      segments("State", "state", STATES, chosen, (value) => to({ state: value })),
      field(ownerLabel, h("input", { name: "owner", value: owner, placeholder: "all", spellcheck: "false", autocomplete: "off" })),
      h("button", {}, "Show"),
    ),
    results,
  ];
}

const EMPTY = {
  live: "There are no living messages of this family.",
  bin: "The bin holds none of this family. What is deleted waits here until it is purged, and can be restored until then.",
  gone: "None of this family are remembered as purged.",
};

function listed(page, asked) {
  if (!page.messages.length && !page.cursor) return note(EMPTY[asked.state]);
  const rows = newestFirst(page.messages);
  const holder = h("div", {}, rows.length ? table(caption(rows, asked.state), columns(asked), rows) : note("None in this part of the table."));
  if (page.cursor) holder.append(more(holder, page.cursor, asked));
  return holder;
}

function more(holder, cursor, asked) {
  const button = h("button", { type: "button" }, "Read on in the table");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      holder.append(listed(await ask("/console/messages", { ...asked, cursor }), asked));
      actions.remove();
    } catch (error) {
      actions.append(failure(error));
      button.disabled = false;
    }
  });
  const actions = h("div", { class: "actions" }, button);
  return actions;
}

function caption(rows, name) {
  const said = { live: "living", bin: "in the bin", gone: "gone" }[name];
  return `${number(rows.length)} ${said}`;
}

function newestFirst(rows) {
  const order = (row) => row.purged_at ?? row.deleted_at ?? row.at ?? "";
  return rows.toSorted((one, other) => (order(one) < order(other) ? 1 : -1));
}

function columns({ family, state: name }) {
  const owner = family === "channel" ? ["Channel", (row) => h("span", {}, datum(row.sub_key), " ", datum(row.channel))] : ["Account", (row) => datum(row.account_id)];
  const id = [family === "channel" ? "Timetoken" : "Id", (row) => h("button", { type: "button", class: "plain", onclick: () => look(row) }, datum(row.id))];
  const request = ["Request", (row) => (row.delete_request_id ? h("a", { href: `#/deletions/${encodeURIComponent(row.delete_request_id)}` }, datum(row.delete_request_id)) : datum(""))];
  if (name === "gone") return [id, owner, ["Purged", (row) => time(row.purged_at)], request, ["Remembered until", (row) => time(row.keep_until)]];
  if (name === "bin") {
    return [id, owner, ["Deleted", (row) => time(row.deleted_at)], ["By", (row) => datum(row.deleted_by)], request, ["Until", until]];
  }
  const described = {
    inbound: [["Status", (row) => datum(row.status)]],
    outbound: [["Status", (row) => datum(row.status)]],
    pull: [["Type", (row) => datum(row.event_type)], ["Status", (row) => datum(row.status)]],
    linked: [["Linked account", (row) => datum(row.linked_account_id)]],
    channel: [],
  };
  return [id, owner, ...described[family], ["Time", (row) => time(row.at)]];
}

function until(row) {
  if (row.erased_at) return h("span", { class: "soft" }, "erased for good");
  const due = Date.parse(row.purge_at) <= Date.now() ? "due" : away(row.purge_at);
  return h("span", {}, time(row.purge_at), " ", h("span", { class: "soft" }, due));
}

async function look(row) {
  let content;
  try {
    content = json(await ask("/console/message", { key: row.key }), "The record");
  } catch (error) {
    content = failure(error);
  }
  await dialog(`Message ${row.id}`, [h("p", {}, state(row.state)), content], [["Close", undefined]]);
}
