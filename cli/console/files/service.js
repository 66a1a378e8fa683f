// What the pages ask for: the API with the key that was typed in, and what this machine reads from the table.

export const about = await ask("/console/about");

// It lives in this variable and nowhere else, and goes with the page.
let key = about.api_key ?? "";

export function setKey(text) {
  key = text.trim();
}

export function hasKey() {
  return key !== "";
}

// Call the API; gives the whole answer, whatever its status.
export async function call(method, path, { query = {}, headers = {}, body, withKey = true } = {}) {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== ""));
  const url = given.size ? `${path}?${given}` : path;
  const sent = { ...headers };
  if (withKey && key) sent.authorization = `Bearer ${key}`;
  if (body !== undefined) sent["content-type"] = "application/json";
  const begun = performance.now();
  const reply = await fetch(url, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) }).catch(() => {
    throw new Error("The service does not answer. Is it still running?");
  });
  const text = await reply.text();
  return {
    status: reply.status,
    replayed: reply.headers.get("idempotent-replayed") === "true",
    took: Math.round(performance.now() - begun),
    body: parsed(text),
    url,
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// Ask for something of this machine; anything but an answer is an error with a sentence.
export async function ask(path, query = {}, body) {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const reply = await fetch(given.size ? `${path}?${given}` : path, options).catch(() => {
    throw new Error("The service does not answer. Is it still running?");
  });
  const answer = parsed(await reply.text());
  if (!reply.ok) throw new Error(answer?.message ?? `The service answered with ${reply.status}.`);
  return answer;
}

async function api(method, path, options) {
  if (!hasKey()) throw new Error("Type an API key into the field at the top: the API is asked with it.");
  const answer = await call(method, path, options);
  if (answer.status !== 200) throw new Error(sentence(answer));
  return answer.body.data;
}

export function sentence({ status, body }) {
  const said = body?.error?.message ?? body?.detail ?? body?.title ?? body?.error_message ?? body?.message;
  return said ? `${said} (${status})` : `The API answered with ${status}.`;
}

const path = (id) => `/v1/deletions/${encodeURIComponent(id)}`;

export const execution = (id) => `${path(id)}/execute`;

// Carry a plan out. That takes the key of its account, also where deletions come from the table.
export const execute = (id) => api("POST", execution(id));

// With a table, the deletions of all accounts come from there; else those of the key's account from the API.
export const deletions = about.table
  ? {
      list: () => ask("/console/deletions"),
      one: (id) => ask(`/console/deletions/${encodeURIComponent(id)}`),
      restore: (id, ids) => ask(`/console/deletions/${encodeURIComponent(id)}/restore`, {}, ids ? { message_ids: ids } : {}),
    }
  : {
      list: async (cursor) => {
        const page = await api("GET", "/v1/deletions", { query: { limit: "50", cursor } });
        return { deletions: page.deletions, all: !page.cursor, cursor: page.cursor };
      },
      one: async (id) => {
        const deletion = await api("GET", path(id));
        const page = await api("GET", `${path(id)}/messages`, { query: { limit: "1000" } });
        return { deletion, messages: page.messages };
      },
      restore: (id, ids) => api("POST", `${path(id)}/restore`, { body: ids ? { message_ids: ids } : {} }),
    };

let contract;

export function openapi() {
  contract ??= ask("/openapi.json");
  return contract;
}
