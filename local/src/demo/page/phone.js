// A customer's phone: shows a customer's chat as the simulated provider has it, and writes in their name.

const EVERY_MS = 1000;
const STRANGER = "";
const TICKS = { sent: "✓ sent", delivered: "✓✓ delivered", read: "✓✓ read", failed: "✗ failed" };

const element = (id) => document.getElementById(id);
const provider = element("provider");
const customer = element("customer");
const behaviour = element("behaviour");
const lines = element("lines");
const text = element("text");
const problem = element("problem");

let providers = [];

function option(value, label) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = label;
  return made;
}

// Keeps the choice, and touches the list only when it changed: an open one would close.
function fill(select, options) {
  const before = Array.from(select.options, (one) => one.value + "\n" + one.textContent).join("\n\n");
  const after = options.map((one) => one.value + "\n" + one.textContent).join("\n\n");
  if (before === after) return;
  // An empty list has the empty value too, which is somebody new.
  const chosen = select.options.length > 0 ? select.value : undefined;
  select.replaceChildren(...options);
  if (options.some((one) => one.value === chosen)) select.value = chosen;
}

const chats = () => providers.find((one) => one.id === provider.value)?.chats ?? [];
const chat = () => chats().find((one) => one.customer === customer.value);

function line(message) {
  const item = document.createElement("li");
  if (message.own) item.className = "own";
  item.append(message.text);
  const meta = document.createElement("span");
  const time = new Date(message.at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  meta.className = message.own ? "meta" : "meta " + message.status;
  meta.textContent = message.own ? time : time + " · from the company · " + (TICKS[message.status] ?? message.status);
  item.append(meta);
  return item;
}

let shown = "";

function show() {
  fill(provider, providers.map((one) => option(one.id, one.name)));
  fill(customer, [...chats().map((one) => option(one.customer, one.name)), option(STRANGER, "Somebody new …")]);
  const current = chat();
  element("stranger").hidden = current !== undefined;
  element("phone-does").hidden = current === undefined;
  if (current && document.activeElement !== behaviour) behaviour.value = current.behaviour;
  const now = provider.value + "\n" + customer.value + "\n" + JSON.stringify(current?.lines ?? []);
  if (now === shown) return;
  shown = now;
  lines.replaceChildren(...(current?.lines ?? []).map(line));
  lines.scrollTop = lines.scrollHeight;
}

async function load() {
  try {
    const answer = await fetch("/sim/phones");
    providers = (await answer.json()).providers;
    show();
  } catch {
    problem.textContent = "The bundle does not answer.";
    return;
  }
  if (problem.textContent === "The bundle does not answer.") problem.textContent = "";
}

async function play(what) {
  const answer = await fetch("/sim/phones", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ provider: provider.value, ...what }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  await load();
  return body.customer;
}

async function send() {
  const button = element("form").querySelector("button");
  button.disabled = true;
  problem.textContent = "";
  try {
    const current = chat();
    const who = current?.customer ?? element("address").value;
    const name = current?.name ?? element("name").value;
    customer.value = await play({ customer: who, name, text: text.value });
    text.value = "";
    show();
  } catch (error) {
    problem.textContent = error.message;
  } finally {
    button.disabled = false;
    text.focus();
  }
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("form").requestSubmit();
  }
});
provider.addEventListener("change", show);
customer.addEventListener("change", show);
behaviour.addEventListener("change", () => {
  play({ customer: customer.value, behaviour: behaviour.value }).catch((error) => {
    problem.textContent = error.message;
  });
});

async function keepLoading() {
  await load();
  setTimeout(keepLoading, EVERY_MS);
}
keepLoading();
