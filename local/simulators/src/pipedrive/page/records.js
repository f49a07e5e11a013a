// The records as a page: asks once a second and shows what changed. Text goes through textContent; of notes, which are HTML,
// only harmless elements are made anew.
"use strict";

const byId = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const SILENCE = "The simulated Pipedrive does not answer.";
const HARMLESS = new Set(["P", "BR", "B", "I", "U", "A", "UL", "OL", "LI", "SMALL", "STRONG"]);

// What is on the screen, so that an unchanged answer leaves focus and scrolling alone.
let shownList = "";
let shownPerson = "";
let shownAccount = "";
// Answers may overtake each other; only that of the latest question counts.
let question = 0;
// The latest answer.
let latest = { persons: [], person: null };

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

function hand(label, about, work) {
  const button = make("button", "plain small", label);
  button.type = "button";
  button.setAttribute("aria-label", `${label}: ${about}`);
  button.addEventListener("click", work);
  return button;
}

function chosen() {
  return /^#person\/(\d+)$/.exec(location.hash)?.[1] ?? null;
}

function say(text) {
  byId("notice").hidden = !text;
  byId("notice").textContent = text;
}

function time(ms) {
  const element = make("time", "", new Date(ms).toLocaleString());
  element.dateTime = new Date(ms).toISOString();
  return element;
}

function count(number, what) {
  return `${number.toLocaleString()} ${what}${number === 1 ? "" : "s"}`;
}

function size(bytes) {
  if (bytes < 1024) return count(bytes, "byte");
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function personLink(person) {
  const link = make("a");
  link.href = `#person/${person.id}`;
  const head = make("strong", "", person.name);
  if (person.unread) head.append(make("span", "badge", "new lead"));
  link.append(head);
  const reach = [person.phone, person.email].filter(Boolean).join(", ");
  if (reach) link.append(make("span", "reach", reach));
  if (person.deals) link.append(make("span", "count", count(person.deals, "open deal")));
  const item = make("li");
  item.append(link);
  return item;
}

function showList(persons) {
  const now = JSON.stringify(persons);
  if (now !== shownList) {
    shownList = now;
    const focused = document.activeElement?.closest("#persons a")?.getAttribute("href");
    byId("nothing").hidden = persons.length > 0;
    byId("persons").replaceChildren(...persons.map(personLink));
    if (focused) linkTo(focused)?.focus();
  }
  for (const link of document.querySelectorAll("#persons a")) {
    link.setAttribute("aria-current", String(link.getAttribute("href") === location.hash));
  }
}

function linkTo(hash) {
  return document.querySelector(`#persons a[href="${CSS.escape(hash)}"]`);
}

function entryText(entry) {
  return `${entry.value} (${entry.label}${entry.primary ? ", primary" : ""})`;
}

function about(person) {
  const rows = [
    ...person.phones.map((entry) => ["Phone", entryText(entry)]),
    ...person.emails.map((entry) => ["E-mail", entryText(entry)]),
    ["Owner", person.owner],
    ["Organization", person.organization],
    ["Labels", person.labels.join(", ")],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
}

function dealItem(deal) {
  const item = make("li");
  item.append(make("strong", "", deal.title));
  item.append(make("span", "detail", `${deal.pipeline}: ${deal.stage}, ${deal.status}, ${deal.value} ${deal.currency}`));
  if (deal.status === "open") {
    const close = (won) => () => act({ act: "close-deal", deal: deal.id, won });
    const hands = make("div", "hands");
    hands.append(hand("Won", deal.title, close(true)), hand("Lost", deal.title, close(false)));
    item.append(hands);
  }
  return item;
}

function leadItem(lead) {
  const item = make("li");
  item.append(make("strong", "", lead.title));
  const state = lead.is_archived ? "archived" : lead.was_seen ? "seen" : "new";
  item.append(make("span", state === "new" ? "badge" : "detail", state));
  const hands = make("div", "hands");
  hands.append(hand("Make a deal of it", lead.title, () => act({ act: "convert-lead", lead: lead.id })));
  item.append(hands);
  return item;
}

function fileItem(file) {
  const item = make("li");
  const link = make("a", "", file.name);
  link.href = `file?${file.id}`;
  const detail = make("span", "detail", `${size(file.size)}, `);
  detail.append(time(file.at));
  item.append(link, detail);
  return item;
}

// Copies what is harmless of `from` into `to`; of everything else the text alone.
function copy(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      to.append(node.data);
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      const made = HARMLESS.has(node.tagName) ? make(node.tagName) : null;
      if (made?.tagName === "A" && /^(https?|mailto):/i.test(node.getAttribute("href") ?? "")) {
        made.href = node.getAttribute("href");
        made.target = "_blank";
        made.rel = "noopener noreferrer";
      }
      if (made) to.append(made);
      copy(node, made ?? to);
    }
  }
}

function noteItem(note) {
  const item = make("li", "note");
  const line = make("div", "top");
  const on = [note.deal && `on the deal ${note.deal}`, note.lead && `on the lead ${note.lead}`].filter(Boolean).join(", ");
  const detail = make("span", "detail", `${note.author ?? "Somebody"}${on ? `, ${on}` : ""}, `);
  detail.append(time(note.changed ?? note.at));
  line.append(detail, hand("Delete", "this note", () => act({ act: "delete-note", note: note.id })));
  const content = make("div", "content");
  copy(new DOMParser().parseFromString(note.content, "text/html").body, content);
  item.append(line, content);
  return item;
}

function fill(id, items, nothing) {
  byId(id).replaceChildren(...(items.length ? items : [make("li", "none", nothing)]));
}

function showPerson(person) {
  byId("person").hidden = !person;
  byId("choose").hidden = Boolean(person);
  document.querySelector("main").classList.toggle("chosen", Boolean(person));
  const now = JSON.stringify(person);
  if (now === shownPerson) return;
  shownPerson = now;
  document.title = `${person ? `${person.name} – ` : ""}Simulated Pipedrive – Records`;
  if (!person) return;
  byId("name").textContent = person.name;
  byId("gone").hidden = !person.is_deleted;
  byId("person-hands").hidden = person.is_deleted;
  byId("about").replaceChildren(...about(person));
  fill("deals", person.deals.map(dealItem), "No deals");
  fill("leads", person.leads.map(leadItem), "No leads");
  fill("files", person.files.map(fileItem), "No files");
  fill("notes", person.notes.map(noteItem), "No notes");
}

function toldItem(told) {
  const outcome = told.status === null ? "no answer" : String(told.status);
  const item = make("li", told.status >= 200 && told.status < 300 ? "" : "bad");
  item.append(`${told.entity} ${told.action} (${told.by}), attempt ${told.attempt}: ${outcome}, `, time(told.at));
  return item;
}

function showAccount(account) {
  const now = JSON.stringify(account);
  if (now === shownAccount) return;
  shownAccount = now;
  byId("state").textContent = account.suspended ? "The account is closed: every call is refused." : "The account is open.";
  byId("state").classList.toggle("bad", account.suspended);
  const isEmpty = account.limit !== null && account.spent >= account.limit;
  byId("brief").textContent = account.suspended ? "– closed" : isEmpty ? "– used up" : "";
  byId("brief").classList.toggle("bad", account.suspended || isEmpty);
  byId("close").hidden = account.suspended;
  byId("open").hidden = !account.suspended;
  byId("budget-part").hidden = account.limit === null;
  byId("refill").hidden = account.limit === null;
  byId("budget").textContent = account.limit === null ? "" : `${account.spent.toLocaleString()} of ${account.limit.toLocaleString()}`;
  byId("meter").max = account.limit ?? 1;
  byId("meter").value = account.spent;
  byId("forget").hidden = !account.webhooks.length;
  const waiting = account.untold ? ` ${count(account.untold, "event")} to be told yet.` : "";
  byId("webhooks").textContent = (account.webhooks.length ? `Told of: ${account.webhooks.join(", ")}.` : "There is none.") + waiting;
  byId("told").replaceChildren(...account.told.map(toldItem));
}

async function look() {
  question += 1;
  const mine = question;
  const id = chosen();
  try {
    const answer = await fetch(id ? `records.json?person=${id}` : "records.json", { cache: "no-store" });
    const records = await answer.json();
    if (mine !== question) return;
    latest = records;
    byId("who").textContent = records.company ?? "";
    showList(records.persons);
    showPerson(records.person);
    showAccount(records.account);
    say(id && !records.person ? "There is no such person." : "");
  } catch {
    if (mine === question) say(SILENCE);
  }
}

// Where the focus goes follows where one comes from: into the person, or back to it in the list.
window.addEventListener("hashchange", async (event) => {
  const before = new URL(event.oldURL).hash;
  await look();
  if (chosen()) byId("name").focus();
  else linkTo(before)?.focus();
});

byId("rename").addEventListener("click", () => rename(latest.person));
byId("merge").addEventListener("click", () => merge(latest.person, latest.persons));
byId("deal").addEventListener("click", () => openDeal(latest.person));
byId("delete").addEventListener("click", () => removePerson(latest.person));
for (const [id, what] of [
  ["spend", "spend-budget"], ["refill", "refill-budget"], ["close", "close-account"], ["open", "open-account"], ["forget", "forget-webhooks"],
]) {
  byId(id).addEventListener("click", () => act({ act: what }));
}

look();
setInterval(look, EVERY_MS);
