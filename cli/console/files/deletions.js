import { away, datum, failure, h, note, say, state, table, time } from "./dom.js";
import { deletionsTable, what } from "./overview.js";
import { about, deletions } from "./service.js";

export const title = "Deletions";

export async function show({ id, again }) {
  return id ? one(id, again) : list();
}

async function list() {
  const page = await deletions.list();
  const lead = about.table ? "Of all accounts and keysets, newest first." : "Of the account whose key is at the top, newest first.";
  const holder = h("div", {});
  add(holder, page);
  return [h("h1", { tabindex: "-1" }, "Deletions"), h("p", { class: "lead" }, lead), holder];
}

function add(holder, page) {
  if (!page.deletions.length) holder.append(note("Nothing has been deleted yet. ", h("a", { href: "#/delete" }, "Delete something")));
  else holder.append(deletionsTable(`${page.deletions.length} deletions`, page.deletions));
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
      say(restored === 1 ? "1 message lives again." : `${restored} messages live again.`);
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
    messages === undefined
      ? note("The messages of channel history are counted, not listed. ", h("a", { href: "#/messages?family=channel&state=bin" }, "Channel messages in the bin"))
      : messagesTable(messages, restore),
  ];
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
  return table(
    messages.length === 1 ? "Its message" : `Its ${messages.length} messages, in the order of the answer`,
    [
      ["Id", (row) => datum(row.id)],
      ["State", (row) => state(row.state)],
      ["Deleted", (row) => time(row.deleted_at)],
      ["Restore", (row) => row.state === "deleted" && h("button", { type: "button", class: "plain", "aria-label": `Restore ${row.id}`, onclick: () => restore([row.id]) }, "Restore")],
    ],
    messages,
  );
}
