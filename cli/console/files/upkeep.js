import { datum, h, note, state, table, time } from "./dom.js";
import { named } from "./overview.js";
import { ask } from "./service.js";

export const title = "Holds and purge";

export async function show() {
  const [{ holds }, { status, runs }] = await Promise.all([ask("/console/holds"), ask("/console/purge")]);
  const inForce = holds.filter((each) => !each.released_at);
  const released = holds.filter((each) => each.released_at);
  return [
    h("h1", { tabindex: "-1" }, "Holds and purge"),
    h("h2", {}, "Holds"),
    h("p", { class: "lead" }, "What is held can be deleted and restored, but is neither purged nor erased."),
    inForce.length ? list("Holds in force", inForce) : note("Nothing is held. ", h("code", {}, "expunge hold place --account ID --reason TEXT"), " keeps an account's messages."),
    released.length > 0 && list("Released holds", released),
    h("h2", {}, "Purge"),
    h("p", {}, paused(status)),
    runs.length ? history(runs) : note("No run has removed anything yet."),
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

function paused({ paused: stopped, since, by }) {
  if (!stopped) return [state("running"), " What is due is removed on schedule."];
  return [state("paused"), " since ", time(since), by && [" by ", datum(by)], ". ", h("code", {}, "expunge purge resume"), " lets it go on."];
}

function history(runs) {
  const number = (name) => (row) => String(row[name] ?? "–");
  const ifAny = (heading, name) => (runs.some((row) => row[name]) ? [[heading, number(name), "number"]] : []);
  return table(
    "Runs, newest first",
    [
      ["Started", (row) => time(row.started_at)],
      ["Ended", (row) => time(row.ended_at)],
      ["Purged", number("purged"), "number"],
      ...ifAny("In doubt", "in_doubt"),
      ...ifAny("Content left", "content_left"),
      ["Resumed", number("resumed"), "number"],
      ["Held", number("held"), "number"],
      ["More left", (row) => (row.remaining === undefined ? datum("") : row.remaining ? "yes" : "no")],
      ["Stopped by", (row) => datum(row.stopped)],
    ],
    runs,
  );
}

function covers(row) {
  const names = ["account_id", "endpoint_id", "sub_key", "channel", "messages"];
  return named(names.filter((name) => row[name]?.length).map((name) => [name, row[name]]));
}
