import { ask, away, datum, failure, field, h, messages as number, note, say, state, table, time } from "./dom.js";
import { deletionsTable, what } from "./overview.js";
import { about, deletions, execute } from "./service.js";

export const title = "Deletions";

export async function show({ id, go, again }) {
  return id ? one(id, again) : list(go);
}

async function list(go) {
  const page = await deletions.list();
  const lead = about.table ? "Of all accounts and keysets, newest first." : "Of the account whose key is at the top, newest first.";
  const holder = h("div", {});
  add(holder, page);
  return [h("h1", { tabindex: "-1" }, "Deletions"), h("p", { class: "lead" }, lead), lookUp(go), holder];
}

// For somebody who has a request's id from an answer or from a log.
function lookUp(go) {
  const look = (event) => {
    event.preventDefault();
    go(`deletions/${encodeURIComponent(event.target.elements.request_id.value.trim())}`);
  };
  const id = h("input", { name: "request_id", placeholder: "req_...", required: true, spellcheck: "false", autocomplete: "off" });
  return h("form", { class: "choices", onsubmit: look }, field("Request id", id), h("button", {}, "Look it up"));
}

function add(holder, page) {
  if (!page.deletions.length) holder.append(note("Nothing has been deleted yet. ", h("a", { href: "#/delete" }, "Delete something")));
  else holder.append(deletionsTable(page.deletions.length === 1 ? "1 deletion" : `${page.deletions.length} deletions`, page.deletions));
  if (page.all) return;
  if (!page.cursor) {
    holder.append(h("p", { class: "soft" }, "There are older ones, which `expunge deletions` lists."));
    return;
  }
  const button = h("button", { type: "button" }, "Show older ones");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      add(holder, await deletions.list(page.cursor));
      button.remove();
    } catch (error) {
      holder.append(failure(error));
    }
  });
  holder.append(button);
}

async function one(id, again) {
  const { deletion, messages } = await deletions.one(id);
  const restorable = deletion.deleted > 0;
  const restore = async (ids) => {
    try {
      const { restored } = await deletions.restore(id, ids);
      say(restored === 1 ? "1 message lives again." : `${number(restored)} live again.`);
      await again();
    } catch (error) {
      say(error.message);
    }
  };
  return [
    h("p", {}, h("a", { href: "#/deletions" }, "All deletions")),
    h("h1", { tabindex: "-1" }, "Deletion ", datum(id)),
    h("p", {}, state(deletion.state)),
    tally(deletion),
    facts(deletion),
    restorable && h("div", { class: "actions" }, h("button", { type: "button", class: "main", onclick: () => restore() }, deletion.deleted === 1 ? "Restore it" : `Restore all ${deletion.deleted}`), h("span", { class: "soft" }, "What is restored has its old status, place in time and content.")),
    deletion.state === "planned" && messages.length > 0 && plan(id, number(messages.length), again),
    messages === undefined
      ? note("The messages of channel history are counted, not listed. ", h("a", { href: "#/messages?family=channel&state=bin" }, "Channel messages in the bin"))
      : messagesTable(messages, restore),
  ];
}

// The button that carries a plan out, once it is clear that this is meant.
function plan(id, planned, again) {
  const carryOut = async () => {
    const sure = h("p", {}, `The plan flags ${planned} as deleted. They can be restored until they are purged.`);
    if (!(await ask("Carry this plan out?", sure, [["Delete", true, "danger"], ["Keep", undefined]]))) return;
    try {
      const { deleted } = await execute(id);
      say(`${number(deleted)} deleted.`);
      await again();
    } catch (error) {
      say(error.message);
    }
  };
  return h("div", { class: "actions" }, h("button", { type: "button", class: "danger", onclick: carryOut }, `Carry this plan out: ${planned}`));
}

function tally(deletion) {
  const counts = ["deleted", "restored", "purged", "in_doubt"].filter((name) => deletion[name] !== undefined && (name !== "in_doubt" || deletion[name]));
  return counts.length > 0 && h("ul", { class: "tally" }, counts.map((name) => h("li", {}, h("strong", {}, deletion[name]), name.replace("_", " "))));
}

function facts(deletion) {
  const until = deletion.restorable_until && [time(deletion.restorable_until), ` (${away(deletion.restorable_until)})`];
  const told = [
    ["Requested", time(deletion.requested_at)],
    ["By", datum(deletion.requested_by)],
    ["Family", deletion.family],
    ["Owner", (deletion.account_id ?? deletion.sub_key) && datum(deletion.account_id ?? deletion.sub_key)],
    ["What", what(deletion)],
    ["Restorable until", until],
    ["Plan expires", deletion.expires_at && time(deletion.expires_at)],
    ["Error", deletion.error && datum(deletion.error.message)],
  ];
  return h("dl", {}, told.filter(([, value]) => value).map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function messagesTable(messages, restore) {
  if (!messages.length) return note("It matched no messages.");
  const button = ({ id }) => h("button", { type: "button", class: "plain", "aria-label": `Restore ${id}`, onclick: () => restore([id]) }, "Restore");
  return table(
    messages.length === 1 ? "Its message" : `Its ${messages.length} messages, in the order of the answer`,
    [
      ["Id", (row) => datum(row.id)],
      ["State", (row) => state(row.state)],
      ["Deleted", (row) => time(row.deleted_at)],
      ...(messages.some((row) => row.state === "deleted") ? [["Restore", (row) => row.state === "deleted" && button(row)]] : []),
    ],
    messages,
  );
}
