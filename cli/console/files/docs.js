// The reference, by Swagger UI: with the demo records, every call is filled in and is made by one click.

const [about, contract] = await Promise.all(["/console/about", "/openapi.json"].map(async (path) => (await fetch(path)).json()));

if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark-mode");

const BY_ID = Object.entries(contract.paths)
  .filter(([path]) => path.includes("{request_id}"))
  .flatMap(([path, item]) => Object.keys(item).map((method) => [path, method]));

// This origin is the only server there is.
delete contract.servers;

// What looks a deletion up is filled in with the latest one's id.
function fillIn(id) {
  for (const place of BY_ID) ui.getSystem().specActions.changeParam(place, "request_id", "path", id, false);
}

new MutationObserver(arrange).observe(document.getElementById("reference"), { childList: true, subtree: true });

const ui = SwaggerUIBundle({
  spec: contract,
  domNode: document.getElementById("reference"),
  tryItOutEnabled: true,
  defaultModelsExpandDepth: -1, // each answer shows its own
  displayRequestDuration: true,
  persistAuthorization: false,
  syntaxHighlight: { activated: false },
  validatorUrl: null,
  plugins: [tryIt],
  responseInterceptor: (reply) => {
    const { data, meta } = parsed(reply.text);
    const deleted = data?.deleted > 0 || data?.deleted_count > 0 || data?.already_deleted === false;
    if (data?.deletion_id) fillIn((planned = data.deletion_id));
    else if (deleted && data.id === undefined && !reply.url.endsWith("/execute")) fillIn(meta.request_id);
    return reply;
  },
  onComplete: async () => {
    if (!about.api_key) return;
    ui.preauthorizeApiKey("bearer", about.api_key);
    ui.preauthorizeApiKey("apiKey", about.api_key);
    const reply = await fetch("/v1/deletions?limit=1", { headers: { authorization: `Bearer ${about.api_key}` } });
    const { data } = parsed(await reply.text());
    if (data?.deletions?.length) fillIn(data.deletions[0].id);
  },
});

const LEVELS = [
  ["h3.opblock-tag, .modal-ux h3", "2"],
  [".opblock-body h4, .modal-ux h4", "3"],
  [".opblock-body h5, .modal-ux h6", "4"],
];

// What a screen reader goes by: landmarks, headings in order, and names.
function arrange() {
  for (const [selector, label] of [[".information-container", "About this API"], [".scheme-container", "Keys"]]) {
    const part = document.querySelector(selector);
    part?.setAttribute("role", "region");
    part?.setAttribute("aria-label", label);
  }
  for (const [selector, level] of LEVELS) {
    for (const heading of document.querySelectorAll(selector)) heading.setAttribute("aria-level", level);
  }
  for (const select of document.querySelectorAll("tr[data-param-name] select")) {
    select.setAttribute("aria-label", select.closest("tr").dataset.paramName);
  }
  for (const answers of document.querySelectorAll(".responses-table")) {
    const made = answers.closest(".opblock").querySelector("button.try").getAttribute("aria-label");
    answers.setAttribute("aria-label", made.replace("Try", "Answers of"));
  }
  for (const body of document.querySelectorAll(".body-param__text")) body.setAttribute("aria-label", "Request body");
  for (const text of document.querySelectorAll("pre.microlight")) text.setAttribute("tabindex", "0");
  document.querySelector(".modal-ux")?.setAttribute("role", "dialog");
  document.querySelector(".modal-ux")?.setAttribute("aria-label", "Available authorizations");
  document.querySelector(".close-modal")?.setAttribute("aria-label", "Close");
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

// Send a form as soon as it is there and all that its parameters refer to was looked up; after 5 s, give up.
function send(block, ready, tries = 100) {
  const execute = block.querySelector("button.execute");
  if (execute && ready()) {
    execute.click();
    reveal(block);
  } else if (tries > 0) setTimeout(() => send(block, ready, tries - 1), 50);
}

// Bring the answer into sight, which is below the form.
function reveal(block, tries = 100) {
  const answer = block.querySelector(".live-responses-table");
  if (answer) answer.scrollIntoView({ block: "center" });
  else if (tries > 0) setTimeout(() => reveal(block, tries - 1), 50);
}

// Before the first plan is carried out, make one to fill in: of the demo's events of the type order.cancelled.
let planned;
async function plan() {
  if (planned || !about.api_key) return;
  const { parameters } = contract.paths["/v1/pull-endpoints/{id}/events/delete-all"].post;
  const id = parameters.find(({ name }) => name === "id").example;
  const reply = await fetch(`/v1/pull-endpoints/${id}/events/delete-all?dry_run=true&event_type=order.cancelled`, {
    method: "POST",
    headers: { authorization: `Bearer ${about.api_key}` },
  });
  planned = parsed(await reply.text()).data?.deletion_id;
  if (planned) ui.getSystem().specActions.changeParam(["/v1/deletions/{request_id}/execute", "post"], "request_id", "path", planned, false);
}

// A button beside each call that opens it and makes it.
function tryIt(system) {
  const { React } = system;
  const button = (Original) => (props) => {
    const { path, method, tag, operationId } = props.operationProps.toJS();
    const run = async (event) => {
      event.stopPropagation();
      const block = event.currentTarget.closest(".opblock");
      if (path.endsWith("/execute")) await plan();
      system.layoutActions.show(["operations", tag, operationId], true);
      send(block, () => system.specSelectors.specResolvedSubtree(["paths", path, method]));
    };
    return React.createElement(
      "div",
      { className: "with-try" },
      React.createElement(Original, props),
      React.createElement("button", { className: "btn try", type: "button", onClick: run, "aria-label": `Try ${method.toUpperCase()} ${path}` }, "Try"),
    );
  };
  return { wrapComponents: { OperationSummary: button, CopyToClipboardBtn: () => () => null } };
}
