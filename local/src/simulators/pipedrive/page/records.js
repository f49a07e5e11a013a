// The records as a page: asks once a second and shows what changed. Text goes through textContent; notes are HTML that the
// server has sanitized.
"use strict";

const byId = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const SILENCE = "The simulated Pipedrive does not answer.";

// What is on the screen, so that an unchanged answer leaves focus and scrolling alone.
let shownList = "";
let shownPerson = "";
// Answers may overtake each other; only that of the latest question counts.
let question = 0;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
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
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function personLink(person) {
  const link = make("a");
  link.href = `#person/${person.id}`;
  link.append(make("strong", "", person.name));
  const reach = [person.phone, person.email].filter(Boolean).join(", ");
  if (reach) link.append(make("span", "reach", reach));
  if (person.deals) link.append(make("span", "count", count(person.deals, "deal")));
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
  return item;
}

function leadItem(lead) {
  const item = make("li");
  item.append(make("strong", "", lead.title));
  const state = lead.is_archived ? "archived" : lead.was_seen ? "seen" : "new";
  item.append(make("span", "detail", state));
  return item;
}

function noteItem(note) {
  const item = make("li", "note");
  const line = make("span", "detail", `${note.author ?? "Somebody"}${note.deal ? `, on the deal ${note.deal}` : ""}, `);
  line.append(time(note.at));
  const content = make("div", "content");
  content.append(...new DOMParser().parseFromString(note.content, "text/html").body.childNodes);
  for (const link of content.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
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
  byId("about").replaceChildren(...about(person));
  fill("deals", person.deals.map(dealItem), "No deals");
  fill("leads", person.leads.map(leadItem), "No leads");
  fill("notes", person.notes.map(noteItem), "No notes");
}

async function look() {
  question += 1;
  const mine = question;
  const id = chosen();
  try {
    const answer = await fetch(id ? `records.json?person=${id}` : "records.json", { cache: "no-store" });
    const records = await answer.json();
    if (mine !== question) return;
    byId("who").textContent = records.company ?? "";
    showList(records.persons);
    showPerson(records.person);
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

look();
setInterval(look, EVERY_MS);
