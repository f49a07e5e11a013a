// The inbox as a page: asks for everything once a second and shows what changed. All text goes through textContent.
"use strict";

const byId = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const SILENCE = "The simulated Pipedrive does not answer.";
const TICKS = { sent: "✓", delivered: "✓✓", read: "✓✓", failed: "!" };

let inbox = { users: [], channels: [], violations: [] };
let chosen = null;
// What is on the screen, so that an unchanged answer leaves focus and scrolling alone.
let shownList = "";
let shownChat = "";
let shownFaults = -1;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function time(ms) {
  const at = new Date(ms);
  const today = at.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  const element = make("time", "", at.toLocaleString([], today ? clock : { day: "numeric", month: "short", ...clock }));
  element.dateTime = at.toISOString();
  return element;
}

function webUrl(text) {
  return /^https?:\/\//i.test(text ?? "") ? text : null;
}

function customer(conversation) {
  return conversation.participants.find((p) => p.end_user)?.name ?? "New conversation";
}

function isOwn(conversation, message) {
  return conversation.participants.some((p) => !p.end_user && p.id === message.sender);
}

function find() {
  const channel = inbox.channels.find((c) => c.id === chosen?.channel);
  const conversation = channel?.conversations.find((c) => c.id === chosen.conversation);
  return conversation ? { channel, conversation } : null;
}

function say(text) {
  byId("notice").hidden = !text;
  byId("notice").textContent = text ?? "";
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

/** Does something, tells if it did not work, and looks again. */
async function attempt(work) {
  say("");
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return null;
  } finally {
    await look();
  }
}

function ticks(status) {
  const element = make("span", `ticks ${status}`, TICKS[status]);
  element.title = status;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", status);
  return element;
}

function showHead() {
  const here = inbox.users.find((u) => u.signed_in);
  byId("who").textContent = here ? `${here.user.name}, ${here.company_name}` : "";
  byId("install").hidden = !webUrl(inbox.app_url);
  if (webUrl(inbox.app_url)) byId("install").href = `${inbox.app_url}/oauth/install`;
  if (shownFaults === inbox.violations.length) return;
  shownFaults = inbox.violations.length;
  byId("faults").hidden = shownFaults === 0;
  byId("fault-count").textContent = `${shownFaults} contract violation${shownFaults === 1 ? "" : "s"} by the app`;
  byId("fault-list").replaceChildren(...inbox.violations.map((text) => make("li", "", text)));
}

function conversationButton(channel, conversation) {
  const button = make("button", "conversation");
  button.type = "button";
  button.dataset.key = `${channel.id} ${conversation.id}`;
  const last = conversation.messages.at(-1);
  const top = make("span", "top");
  top.append(make("strong", "", customer(conversation)));
  if (last) top.append(time(last.at));
  const line = make("span", "last");
  if (last && isOwn(conversation, last)) line.append(ticks(last.status), " ");
  line.append(last?.text || (last ? "Attachment" : "No messages"));
  button.append(top, line);
  button.addEventListener("click", () => choose(channel.id, conversation.id));
  return button;
}

function channelBlock(channel) {
  const block = make("div");
  const head = make("div", "channel-head");
  if (webUrl(channel.avatar_url)) {
    const picture = make("img");
    picture.src = channel.avatar_url;
    picture.alt = "";
    head.append(picture);
  }
  head.append(make("span", "", `${channel.name} (${channel.provider_type})`));
  const remove = make("button", "", "Remove");
  remove.type = "button";
  remove.setAttribute("aria-label", `Remove the channel ${channel.name}`);
  remove.addEventListener("click", () => {
    if (confirm(`Remove the channel ${channel.name} with all its conversations?`)) {
      attempt(() => post("sim/remove-channel", { channel: channel.id }));
    }
  });
  head.append(remove);
  const list = make("ul");
  for (const conversation of channel.conversations) {
    const item = make("li");
    item.append(conversationButton(channel, conversation));
    list.append(item);
  }
  block.append(head, list);
  return block;
}

function showList() {
  const now = JSON.stringify(inbox.channels);
  if (now !== shownList) {
    shownList = now;
    const focused = document.activeElement?.dataset?.key;
    byId("nothing").hidden = inbox.channels.length > 0;
    byId("channels").replaceChildren(...inbox.channels.map(channelBlock));
    if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
  const key = chosen ? `${chosen.channel} ${chosen.conversation}` : "";
  for (const button of document.querySelectorAll(".conversation")) {
    button.setAttribute("aria-current", String(button.dataset.key === key));
  }
}

function attachment(file) {
  const url = webUrl(file.url);
  const kind = file.type.split("/")[0];
  if (url && (kind === "audio" || kind === "video")) {
    const player = make(kind);
    player.controls = true;
    player.preload = "none";
    player.src = url;
    player.title = file.name ?? file.type;
    return player;
  }
  const link = make(url ? "a" : "span", "", file.name ?? file.type);
  if (!url) return link;
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener";
  if (file.type.startsWith("image/")) {
    const picture = make("img");
    picture.src = webUrl(file.preview_url) ?? url;
    picture.alt = file.name ?? "Picture";
    link.replaceChildren(picture);
  }
  return link;
}

/** A message's words, with addresses as links. */
function said(text) {
  const words = make("div", "said");
  for (const piece of text.split(/(https?:\/\/[^\s]+)/)) {
    if (!webUrl(piece)) {
      words.append(piece);
      continue;
    }
    const link = make("a", "", piece);
    link.href = piece;
    link.target = "_blank";
    link.rel = "noopener";
    words.append(link);
  }
  return words;
}

function bubble(conversation, message) {
  const own = isOwn(conversation, message);
  const item = make("li", own ? "message own" : "message");
  if (message.text) item.append(said(message.text));
  item.append(...message.attachments.map(attachment));
  const about = make("span", "about");
  about.append(time(message.at));
  if (own) about.append(" ", ticks(message.status));
  item.append(about);
  return item;
}

function showChat() {
  const found = find();
  byId("chat").hidden = !found;
  byId("choose").hidden = Boolean(found);
  document.querySelector("main").classList.toggle("chatting", Boolean(found));
  if (!found) {
    shownChat = "";
    return;
  }
  const { channel, conversation } = found;
  const now = JSON.stringify(conversation);
  if (now === shownChat) return;
  const log = byId("log");
  const opened = !shownChat.includes(JSON.stringify(conversation.id));
  const atEnd = opened || log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  shownChat = now;
  const window = conversation.messages.filter((m) => m.reply_by).at(-1)?.reply_by;
  const until = window ? `, answer until ${new Date(window).toLocaleString()}` : "";
  byId("chat-name").textContent = customer(conversation);
  byId("chat-about").textContent = `${channel.name}${conversation.closed ? ", closed" : ""}${until}`;
  byId("older").hidden = !conversation.next_messages_cursor;
  byId("messages").replaceChildren(...conversation.messages.map((m) => bubble(conversation, m)));
  if (atEnd) log.scrollTop = log.scrollHeight;
}

async function look() {
  try {
    inbox = await (await fetch("inbox.json", { cache: "no-store" })).json();
    showHead();
    showList();
    showChat();
    if (byId("notice").textContent === SILENCE) say("");
  } catch {
    say(SILENCE);
  }
}

function choose(channel, conversation) {
  chosen = { channel, conversation };
  shownChat = "";
  showList();
  showChat();
  byId("text").focus();
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ name: file.name, type: file.type, data: reader.result.split(",")[1] ?? "" });
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}

async function send() {
  const text = byId("text").value.trim();
  const picked = [...byId("files").files];
  if (!chosen || (!text && picked.length === 0)) return;
  const button = byId("composer").querySelector("[type=submit]");
  button.disabled = true;
  const sent = await attempt(async () => {
    const files = await Promise.all(picked.map(base64));
    return post("sim/send", { ...chosen, text, files });
  });
  button.disabled = false;
  if (sent) byId("composer").reset();
  byId("text").focus();
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("composer").requestSubmit();
  }
});
byId("older").addEventListener("click", () => attempt(() => post("sim/load-more", chosen)));
byId("uninstall").addEventListener("click", () => {
  if (confirm("Uninstall the app for this user?")) attempt(() => post("sim/uninstall", {}));
});
byId("back").addEventListener("click", () => {
  const key = `${chosen.channel} ${chosen.conversation}`;
  chosen = null;
  showList();
  showChat();
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
});

look();
setInterval(look, EVERY_MS);
