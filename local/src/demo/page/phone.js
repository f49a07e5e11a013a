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

function file({ id, name, mime }) {
  const url = `/sim/phones/${encodeURIComponent(provider.value)}/files/${encodeURIComponent(id)}`;
  const kind = mime.split("/")[0];
  if (kind === "audio" || kind === "video") {
    const player = document.createElement(kind);
    player.controls = true;
    player.preload = "none";
    player.src = url;
    return player;
  }
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = name || mime;
  if (kind !== "image") return link;
  const picture = document.createElement("img");
  picture.src = url;
  picture.alt = name || "Picture";
  link.replaceChildren(picture);
  return link;
}

function line(message) {
  const item = document.createElement("li");
  if (message.own) item.className = "own";
  item.append(message.text, ...(message.files ?? []).map(file));
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

function base64(given) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
    reader.onerror = () => reject(new Error(`${given.name} cannot be read.`));
    reader.readAsDataURL(given);
  });
}

/** A customer does something; `deeds` come one after the other. */
async function does(...deeds) {
  const button = element("form").querySelector("button");
  button.disabled = true;
  problem.textContent = "";
  try {
    const current = chat();
    const who = current?.customer ?? element("address").value;
    const name = current?.name ?? element("name").value;
    for (const deed of deeds) customer.value = await play({ customer: who, name, does: deed });
    element("form").reset();
    show();
  } catch (error) {
    problem.textContent = error.message;
  } finally {
    button.disabled = false;
    text.focus();
  }
}

/** What was written goes with the first file as its caption. */
async function send() {
  const picked = [...element("files").files];
  if (picked.length === 0) return text.value.trim() && does({ text: text.value });
  const files = await Promise.all(
    picked.map(async (one, index) => ({
      file: { name: one.name, type: one.type, data: await base64(one), caption: index === 0 ? text.value.trim() : "" },
    })),
  );
  return does(...files);
}

const MORE = {
  voice: async () => {
    const spoken = await fetch("/sim/voice.ogg");
    const data = await base64(await spoken.blob());
    return { file: { name: "voice.ogg", type: "audio/ogg", data, voice: true } };
  },
  location: () => ({ location: { latitude: 51.3813, longitude: -2.3596, name: "Roman Baths" } }),
  reply: () => ({ reply: text.value || "Yes, that one." }),
  reaction: () => ({ reaction: "👍" }),
  edit: () => ({ edit: text.value || "What I meant was something else." }),
  delete: () => "delete",
};

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
element("more").addEventListener("change", async () => {
  const chosen = element("more").value;
  element("more").value = "";
  if (chosen) does(await MORE[chosen]());
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
