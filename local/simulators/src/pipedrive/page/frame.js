// Pipedrive around an app, as its app extensions SDK talks to it (Pipedrive, "App extensions SDK"): messages with a port, one
// answer to a command, any number to a listener. The frame is shown once the app has greeted, within ten seconds.
"use strict";

const byId = (id) => document.getElementById(id);
const GREETING_MS = 10_000;
const LIMITS = { floating: { width: [200, 800], height: [70, 700] }, panel: { height: [100, 750] }, settings: {} };

let app = null;
let surface = null;
let opened = 0;

const between = (value, [least, most]) => Math.min(most, Math.max(least, value));

function note(text) {
  const line = document.createElement("li");
  line.textContent = text;
  byId("log").append(line);
}

function complain(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error("The simulated Pipedrive does not answer.");
  return answer.json();
}

const token = async () => (await ask("sim/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })).token;

function resize({ width, height } = {}) {
  const limits = LIMITS[surface.kind];
  if (width && limits.width) surface.box.style.width = `${between(width, limits.width)}px`;
  if (height && limits.height) surface.box.style.height = `${between(height, limits.height)}px`;
}

function show(shown) {
  surface.box.hidden = !shown;
  for (const port of surface.listeners.visibility ?? []) port.postMessage({ data: { is_visible: shown } });
}

/** What each command does and answers. One that is not here is refused, as is one before the greeting. */
const COMMANDS = {
  initialize: ({ size } = {}) => {
    clearTimeout(surface.patience);
    surface.greeted = true;
    surface.frame.hidden = false;
    resize(size);
  },
  get_signed_token: async () => ({ token: await token() }),
  resize,
  get_metadata: () => ({ windowHeight: innerHeight, windowWidth: innerWidth }),
  set_notification: ({ number } = {}) => {
    if (surface.kind !== "floating") throw new Error("only of floating windows");
    byId("badge").hidden = !number;
    byId("badge").textContent = number > 9 ? "9+" : String(number ?? "");
  },
  show_floating_window: () => show(true),
  hide_floating_window: () => show(false),
  set_focus_mode: () => {},
  show_snackbar: ({ message }) => {
    byId("snackbar").textContent = message;
    byId("snackbar").hidden = false;
    setTimeout(() => (byId("snackbar").hidden = true), 4000);
  },
  show_confirmation: ({ title }) => ({ confirmed: confirm(title) }),
  open_modal: () => ({ status: "closed" }),
  redirect_to: ({ view, id }) => {
    if (view === "settings") open("settings");
    else location.assign(view === "contacts" ? `records#person/${id}` : "records");
  },
};

addEventListener("message", async ({ data, source, ports }) => {
  const mine = surface;
  if (source !== mine?.frame.contentWindow || data?.id !== mine.id) return;
  const { type, command, event, args } = data.payload ?? {};
  const [port] = ports;
  if (type === "listener") {
    (mine.listeners[event] ??= []).push(port);
    return;
  }
  if (type !== "command") return;
  note(`${command} ${command === "get_signed_token" ? "" : JSON.stringify(args ?? {})}`);
  try {
    if (!COMMANDS[command]) throw new Error(`no such command: ${command}`);
    if (!mine.greeted && command !== "initialize") throw new Error("the app has not greeted");
    port.postMessage({ data: await COMMANDS[command](args) });
  } catch (error) {
    port.postMessage({ error: error.message });
  }
});

async function open(kind) {
  complain("");
  for (const button of document.querySelectorAll("[data-surface]")) {
    button.setAttribute("aria-pressed", String(button.dataset.surface === kind));
  }
  byId("panel-of").hidden = kind !== "panel";
  clearTimeout(surface?.patience);
  opened += 1;
  const turn = opened;
  const theme = byId("theme").value;
  const query = new URLSearchParams({ userId: app.user, companyId: app.company, id: `frame-${opened}`, theme, token: await token() });
  if (turn !== opened) return;
  if (kind === "panel") {
    for (const [name, value] of [["resource", byId("resource").value], ["view", "details"], ["selectedIds", byId("selected").value]]) query.set(name, value);
  }
  const box = document.createElement("div");
  box.className = kind;
  const frame = document.createElement("iframe");
  frame.title = "Pigeonpost";
  frame.allow = "clipboard-write";
  frame.hidden = true;
  frame.src = `${app.app_url}/${kind === "settings" ? "setup" : "inbox"}?${query}`;
  box.append(frame);
  surface = { kind, box, frame, id: `frame-${opened}`, greeted: false, listeners: {} };
  if (kind === "floating") resize({ width: 400, height: 600 });
  if (kind === "panel") resize({ height: 500 });
  surface.patience = setTimeout(() => complain("The app did not greet within ten seconds: Pipedrive would not show it."), GREETING_MS);
  byId("surface").replaceChildren(box);
  const { searchParams } = new URL(location.href);
  if (searchParams.get("surface") !== kind) history.replaceState(null, "", `?surface=${kind}`);
}

async function start() {
  try {
    app = await ask("frame.json");
  } catch (error) {
    return complain(error.message);
  }
  if (!app.app_url) return complain("The app is not installed.");
  const asked = new URLSearchParams(location.search);
  byId("theme").value = asked.get("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = byId("theme").value;
  for (const id of ["resource", "selected"]) byId(id).value = asked.get(id) ?? byId(id).value;
  for (const button of document.querySelectorAll("[data-surface]")) button.addEventListener("click", () => open(button.dataset.surface));
  for (const id of ["resource", "selected"]) byId(id).addEventListener("change", () => open("panel"));
  byId("theme").addEventListener("change", () => {
    document.documentElement.dataset.theme = byId("theme").value;
    for (const port of surface.listeners.user_settings_change ?? []) port.postMessage({ data: { theme: byId("theme").value } });
  });
  byId("dock").addEventListener("click", () => (surface.kind === "floating" ? show(surface.box.hidden) : open("floating")));
  const kind = asked.get("surface");
  return open(LIMITS[kind] ? kind : "floating");
}

start();
