import { datum, h, note, state, table, time } from "./dom.js";
import { named } from "./overview.js";
import { ask } from "./service.js";

export const title = "Holds";

export async function show() {
  const { holds } = await ask("/console/holds");
  const inForce = holds.filter((each) => !each.released_at);
  const released = holds.filter((each) => each.released_at);
  return [
    h("h1", { tabindex: "-1" }, "Holds"),
    h("p", { class: "lead" }, "What is held can be deleted and restored, but is neither purged nor erased."),
    inForce.length ? list("Holds in force", inForce) : note("Nothing is held. ", h("code", {}, "expunge hold place --account ID --reason TEXT"), " keeps an account's messages."),
    released.length > 0 && [h("h2", {}, "Released"), list("Released holds", released)],
  ];
}

function list(caption, holds) {
  return table(
    caption,
    [
      ["Id", (row) => datum(row.id)],
      ["State", (row) => state(row.released_at ? "released" : "held")],
      ["Covers", covers, "wide"],
      ["Reason", (row) => datum(row.reason), "wide"],
      ["By", (row) => datum(row.by)],
      ["Placed", (row) => time(row.placed_at)],
      ["In force from", (row) => time(row.in_force_from)],
      ...(holds.some((row) => row.released_at) ? [["Released", (row) => time(row.released_at)]] : []),
    ],
    holds,
  );
}

function covers(row) {
  const names = ["account_id", "endpoint_id", "sub_key", "channel", "messages"];
  return named(names.filter((name) => row[name]?.length).map((name) => [name, row[name]]));
}
