// What was deleted, restored and purged, as it comes in.

import { datum, h, json, messages, note, time } from "./dom.js";

export const title = "Events";

const MOST = 200;
const NAMES = ["message", "Messages Deleted", "Messages Restored", "Messages Purged", "Channel History Deleted"];

const seen = [];
let connected = false;

// Listen from the moment that the page is open, whatever is shown.
export function listen() {
  const source = new EventSource("/events");
  source.addEventListener("open", () => turn(true));
  source.addEventListener("error", () => turn(false));
  for (const name of NAMES) source.addEventListener(name, take);
}

function turn(on) {
  connected = on;
  document.dispatchEvent(new CustomEvent("events"));
}

function take({ data }) {
  try {
    seen.unshift(JSON.parse(data));
  } catch {
    return;
  }
  seen.length = Math.min(seen.length, MOST);
  document.dispatchEvent(new CustomEvent("events"));
  document.dispatchEvent(new CustomEvent("changed"));
}

export async function show() {
  const status = h("p", { class: "pulse", role: "status" });
  const list = h("div", {});
  const draw = () => {
    status.textContent = connected ? `Listening. ${seen.length} since this page was opened.` : "Not connected; trying again.";
    list.replaceChildren(seen.length ? rows() : note("Nothing has happened since this page was opened. ", h("a", { href: "#/delete" }, "Delete something"), " and look here."));
  };
  draw();
  const redraw = () => (list.isConnected || !list.parentNode ? draw() : document.removeEventListener("events", redraw));
  document.addEventListener("events", redraw);
  return [
    h("h1", { tabindex: "-1" }, "Events"),
    h("p", { class: "lead" }, "What a platform is told on its event bus, newest first. Events never hold content."),
    status,
    list,
  ];
}

function rows() {
  const head = ["Time", "What", "Family", "Owner", "Request", "By", "Messages"];
  return h(
    "div",
    { class: "scroll cards", role: "region", "aria-label": "Events", tabindex: "0" },
    h(
      "table",
      { role: "table" },
      h("caption", {}, seen.length === 1 ? "The latest event" : `The latest ${seen.length} events`),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map((each) => h("th", { role: "columnheader", scope: "col" }, each)))),
      h("tbody", { role: "rowgroup" }, seen.map((each) => row(each, head))),
    ),
  );
}

function row(event, head) {
  const { detail = {} } = event;
  const cells = [
    time(detail.at ?? event.time),
    String(event["detail-type"]),
    datum(detail.family ?? "channel"),
    h("span", {}, datum(detail.account_id ?? detail.sub_key), detail.channel && [" ", datum(detail.channel)]),
    h("a", { href: `#/deletions/${encodeURIComponent(detail.request_id ?? "")}` }, datum(detail.request_id)),
    datum(detail.by),
    h("details", {}, h("summary", {}, detail.ids ? messages(detail.ids.length) : "as JSON"), json(event, "The event")),
  ];
  return h("tr", { role: "row" }, cells.map((cell, at) => h("td", { role: "cell", "data-label": head[at] }, cell)));
}
