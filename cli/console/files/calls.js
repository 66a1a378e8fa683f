// A form for each call that deletes, made from openapi.json.

import { ask, failure, field, h, json, messages } from "./dom.js";
import { call, execution, hasKey, openapi, sentence } from "./service.js";

export const title = "Delete";

export async function show({ query, go }) {
  const contract = await openapi();
  const calls = operations(contract);
  const chosen = calls.find((each) => each.id === query.get("call")) ?? calls[0];
  const select = h(
    "select",
    { onchange: (event) => go("delete", { call: event.target.value }) },
    calls.map((each) => h("option", { value: each.id, selected: each === chosen }, each.summary)),
  );
  const answer = h("div", {}, h("p", { class: "soft" }, "The answer comes here, as the API gives it."));
  return [
    h("h1", { tabindex: "-1" }, "Delete"),
    h("p", { class: "lead" }, "Every call of the API that deletes. A dry run says what would go, and flags nothing."),
    h(
      "div",
      { class: "split" },
      h("section", { "aria-label": "The request" }, field("Call", select), form(chosen, answer)),
      h("section", { "aria-labelledby": "answer-title" }, h("h2", { id: "answer-title", tabindex: "-1" }, "Answer"), answer),
    ),
  ];
}

function operations(contract) {
  const resolved = (node) => (node?.$ref ? node.$ref.slice(2).split("/").reduce((at, part) => at[part], contract) : node);
  return Object.entries(contract.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation.operationId?.startsWith("delete"))
      .map(([method, operation]) => ({
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        summary: operation.summary,
        description: operation.description,
        parameters: (operation.parameters ?? []).map(resolved).map((each) => ({ ...each, schema: resolved(each.schema) })),
        ids: resolved(operation.requestBody)?.content["application/json"],
        token: (operation.security ?? []).some((each) => "auth" in each),
        forGood: operation.operationId === "deleteLinkedMessage" || operation.operationId === "deleteMessage",
      })),
  );
}

function form(operation, answer) {
  const controls = new Map(operation.parameters.map((parameter) => [parameter, control(parameter)]));
  const ids = operation.ids && h("textarea", { rows: "5", required: true, spellcheck: "false", name: "message_ids" }, (operation.ids.example?.message_ids ?? []).join("\n"));
  const token = operation.token && h("input", { name: "auth", autocomplete: "off", spellcheck: "false", type: "password" });
  const submit = h("button", {});
  const dryRun = [...controls].find(([parameter]) => parameter.name === "dry_run")?.[1];
  const label = () => {
    submit.textContent = dryRun?.checked ? "Plan it" : "Delete";
    submit.className = dryRun?.checked ? "main" : "danger";
  };
  dryRun?.addEventListener("change", label);
  label();
  return h(
    "form",
    {
      class: "fields",
      autocomplete: "off",
      onsubmit: async (event) => {
        event.preventDefault();
        const request = gather(operation, controls, ids, token);
        if (!dryRun?.checked && !(await meant(operation, request))) return;
        submit.disabled = true;
        await send(operation, request, answer);
        submit.disabled = false;
      },
    },
    h("p", { class: "route" }, h("span", { class: "method" }, operation.method), ` ${operation.path}`),
    operation.description && h("p", { class: "hint" }, prose(operation.description)),
    [...controls].map(([parameter, each]) => shown(parameter, each)),
    ids && field("message_ids", ids, "One id a line, up to a hundred."),
    token && field("auth", token, "A token or an auth key, if the keyset asks for permission."),
    h("div", { class: "actions" }, submit),
  );
}

// What stands between backticks is code.
function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
}

function control(parameter) {
  const { name, schema, required, example } = parameter;
  if (schema.enum?.join() === "true,false") return h("input", { type: "checkbox", name, checked: true });
  if (schema.enum) return h("select", { name }, ["", ...schema.enum].map((each) => h("option", { value: each }, each || "any")));
  const placeholder = schema.format === "date-time" ? "2026-04-05T14:23:11Z" : schema.default;
  return h("input", { name, required, value: example, placeholder, spellcheck: "false", autocomplete: "off" });
}

function shown(parameter, each) {
  if (each.type !== "checkbox") return field(parameter.name, each, parameter.description && prose(parameter.description));
  return h("div", {}, h("label", { class: "check" }, each, "Dry run: only plan it, and flag nothing"));
}

function gather(operation, controls, ids, token) {
  const request = { path: operation.path, query: {}, headers: {} };
  for (const [{ name, in: place }, each] of controls) {
    const value = each.type === "checkbox" ? (each.checked ? "true" : "") : each.value.trim();
    if (place === "path") {
      const encoded = name === "channels" ? value.split(",").map(encodeURIComponent).join(",") : encodeURIComponent(value);
      request.path = request.path.replace(`{${name}}`, encoded);
    } else if (value && place === "query") request.query[name] = value;
    else if (value) request.headers[name] = value;
  }
  if (ids) request.body = { message_ids: ids.value.split(/[\s,]+/).filter(Boolean) };
  if (token?.value) request.query.auth = token.value;
  return request;
}

// Ask once more before what can't be undone, and before all of something goes.
async function meant(operation, request) {
  const linked = operation.forGood && /\/msg_[^/]*$/.test(request.path);
  const everything = operation.id.endsWith("s") && operation.parameters.some(({ name }) => name === "dry_run") && !Object.keys(request.query).length;
  const channel = operation.id === "deleteChannelHistory" && !request.query.start && !request.query.end;
  const sentence = linked
    ? "The provider is asked to delete this message. That can't be undone."
    : channel
      ? "Neither start nor end is given: the whole history of these channels is deleted."
      : everything && "No filter is given: up to 1,000 messages of the account are deleted.";
  if (!sentence) return true;
  return ask("Delete?", h("p", {}, sentence), [["Delete", true, "danger"], ["Keep", undefined]]);
}

// Send a request and show its answer, which gets the focus: on a phone it is below the form.
async function send(operation, request, answer) {
  answer.replaceChildren(...(await answered(operation, request, answer)));
  document.getElementById("answer-title")?.focus();
}

async function answered(operation, request, answer) {
  const withKey = !operation.path.startsWith("/v3/");
  if (withKey && !hasKey()) return [failure(new Error("Type an API key into the field at the top: the API is asked with it."))];
  let reply;
  try {
    reply = await call(operation.method, request.path, { ...request, withKey });
  } catch (error) {
    return [failure(error)];
  }
  document.dispatchEvent(new CustomEvent("changed"));
  return [
    h("p", {}, h("strong", {}, reply.status), ` in ${reply.took} ms`, reply.replayed && ", replayed: this key was used for the same request before"),
    reply.status !== 200 && failure(new Error(sentence(reply))),
    h("div", { class: "actions" }, next(reply.body, request, answer)),
    json(reply.body, "The answer"),
    h("details", {}, h("summary", {}, "The same as a curl command"), h("pre", { tabindex: "0", role: "region", "aria-label": "curl command" }, curl(operation, request, reply.url, withKey))),
  ].filter(Boolean);
}

// What may follow an answer: to carry a plan out, or to look at what was deleted.
function next({ data, meta } = {}, { plan }, answer) {
  if (data?.deletion_id) {
    const execute = { method: "POST", path: "/v1/deletions/{request_id}/execute" };
    const request = { path: execution(data.deletion_id), query: {}, headers: {}, plan: data.deletion_id };
    const carryOut = (event) => {
      event.currentTarget.disabled = true;
      return send(execute, request, answer);
    };
    const label = `Carry this plan out: ${messages(data.matched)}`;
    return [h("button", { type: "button", class: "danger", disabled: data.matched === 0, onclick: carryOut }, label), look(data.deletion_id)];
  }
  const left = data?.deleted !== undefined || data?.deleted_count > 0 || data?.already_deleted === false;
  const id = plan ?? meta?.request_id;
  return left && id ? look(id) : [];
}

function look(id) {
  return h("a", { href: `#/deletions/${encodeURIComponent(id)}` }, "Look at this deletion");
}

// The key is left out: it is to be in nobody's clipboard or shell history.
function curl({ method }, { headers, body }, url, withKey) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl", "-sS", "-X", method, quoted(location.origin + url.replace(/([?&]auth=)[^&]*/, "$1$TOKEN"))];
  if (withKey) words.push("-H", '"Authorization: Bearer $KEY"');
  for (const [name, value] of Object.entries(headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (body) words.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  return words.join(" ");
}
