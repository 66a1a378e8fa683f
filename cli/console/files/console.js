// The console: which page is shown, and what all pages have in common.

import * as calls from "./calls.js";
import * as deletions from "./deletions.js";
import { failure, h } from "./dom.js";
import * as events from "./events.js";
import * as messages from "./messages.js";
import * as overview from "./overview.js";
import { about, hasKey, setKey } from "./service.js";
import * as upkeep from "./upkeep.js";

const ALL = { "": overview, messages, deletions, delete: calls, holds: upkeep, events };
const OF_THE_API = { deletions, delete: calls };
const PAGES = about.table ? ALL : OF_THE_API;
if (about.deployed) delete PAGES.events;

const main = document.getElementById("main");
const key = document.getElementById("key");
let shown = 0;

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  const known = Object.hasOwn(PAGES, name) ? name : Object.keys(PAGES)[0];
  return { name: known, id: id && decodeURIComponent(id), query: new URLSearchParams(query) };
}

function go(name, query = {}) {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  location.hash = given.size ? `#/${name}?${given}` : `#/${name}`;
}

async function show({ focus = false } = {}) {
  const turn = ++shown;
  const { name, id, query } = place();
  const page = PAGES[name];
  mark(name);
  let content;
  try {
    content = await page.show({ id, query, go, again: show });
  } catch (error) {
    content = [h("h1", { tabindex: "-1" }, page.title), failure(error)];
  }
  if (turn !== shown) return;
  const kept = focus ? undefined : focused();
  main.replaceChildren(...content.flat(Infinity).filter(Boolean), ...hidden());
  document.title = `${id ?? page.title} · expunge`;
  if (focus) main.querySelector("h1")?.focus();
  else kept?.();
}

// Remember what has the focus, and give it to the same control in what replaces it.
function focused() {
  const active = document.activeElement;
  if (!main.contains(active) || active === main) return undefined;
  const of = (element) => [element.tagName, element.name, element.value, element.textContent, element.getAttribute("href")].join("|");
  const wanted = of(active);
  return () => [...main.querySelectorAll("a, button, input, select, textarea, summary")].find((each) => of(each) === wanted)?.focus();
}

function mark(name) {
  const entries = Object.entries(PAGES).map(([each, page]) =>
    h("li", {}, h("a", { href: `#/${each}`, "aria-current": each === name ? "page" : undefined }, page.title)),
  );
  const pages = document.getElementById("pages");
  pages.replaceChildren(...entries);
}

// What is not shown here, and why.
function hidden() {
  const untold = about.deployed && "The events of a deployed stack go to its event bus, and cannot be shown here.";
  const unread = !about.table && [
    "Messages, holds and the purge are read from the table, which this console does not know. Start it with ",
    h("code", {}, "--dynamodb-url"),
    " and ",
    h("code", {}, "--table"),
    " to see them. ",
  ];
  return unread || untold ? [h("p", { class: "note soft" }, unread, untold)] : [];
}

document.getElementById("where").textContent = about.api;
document.getElementById("version").textContent = `expunge ${about.version}`;
key.value = about.api_key ?? "";
key.addEventListener("input", () => setKey(key.value));
key.addEventListener("change", () => hasKey() && place().name === "deletions" && show());
document.getElementById("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// Show the page again when something has changed, unless somebody is typing or has a dialog open.
let waiting;
document.addEventListener("changed", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const quiet = ["", "messages", "deletions", "holds"].includes(place().name) && !document.querySelector("dialog[open]");
    if (quiet && !main.querySelector("input:focus:not([type='radio']), textarea:focus")) show();
  }, 300);
});

addEventListener("hashchange", () => {
  document.querySelector("dialog[open]")?.close(); // it belongs to the page before
  show({ focus: true });
});
if (PAGES.events) events.listen();
await show();
