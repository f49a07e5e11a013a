// What a visitor does on the page of records: a question in a dialog where one is needed, then one request.
"use strict";

let doneTimer = 0;

function tell(text) {
  clearTimeout(doneTimer);
  const line = document.getElementById("done");
  line.textContent = text;
  line.hidden = false;
  doneTimer = setTimeout(() => { line.hidden = true; }, 6000);
}

async function act(body) {
  try {
    const answer = await fetch("sim/act", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const result = await answer.json();
    tell(answer.ok ? result.done : `That did not work: ${result.error}`);
  } catch {
    tell("The simulated Pipedrive does not answer.");
  }
  await look();
}

// Asks and gives back what was entered or chosen, or null. `line`: what stands in the text field; `persons`: who can be chosen.
function ask({ head, text, line, persons, yes }) {
  const part = (id, shown) => { document.getElementById(id).hidden = !shown; };
  const dialog = document.getElementById("ask");
  const field = document.getElementById("ask-value");
  const choice = document.getElementById("ask-person");
  document.getElementById("ask-head").textContent = head;
  document.getElementById("ask-text").textContent = text ?? "";
  document.getElementById("ask-yes").textContent = yes;
  part("ask-text", text);
  part("ask-line", line !== undefined);
  part("ask-choice", persons);
  field.value = line ?? "";
  field.required = line !== undefined;
  choice.replaceChildren(...(persons ?? []).map((person) => new Option(`${person.name}${person.phone ? `, ${person.phone}` : ""}`, person.id)));
  dialog.returnValue = "";
  dialog.showModal();
  (line !== undefined ? field : persons ? choice : document.getElementById("ask-yes")).focus();
  if (line !== undefined) field.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") resolve(null);
      else resolve(line !== undefined ? field.value.trim() : persons ? Number(choice.value) : true);
    }, { once: true });
  });
}

async function rename(person) {
  const name = await ask({ head: "Rename the person", line: person.name, yes: "Rename" });
  if (name) await act({ act: "rename-person", person: person.id, name });
}

async function merge(person, persons) {
  const others = persons.filter((other) => other.id !== person.id);
  if (!others.length) return tell("There is nobody to merge with.");
  const text = "The other one stays. Numbers, deals, leads, notes and files of this one move there.";
  const kept = await ask({ head: `Merge ${person.name} into another person`, text, persons: others, yes: "Merge" });
  if (!kept) return undefined;
  await act({ act: "merge-persons", gone: person.id, kept });
  location.hash = `#person/${kept}`;
  return undefined;
}

async function openDeal(person) {
  const title = await ask({ head: "Open a deal", line: `${person.name} deal`, yes: "Open" });
  if (title) await act({ act: "open-deal", person: person.id, title });
}

async function removePerson(person) {
  if (await ask({ head: `Delete ${person.name}?`, text: "Pipedrive keeps deleted persons for 30 days.", yes: "Delete" })) {
    await act({ act: "delete-person", person: person.id });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("ask-no").addEventListener("click", () => document.getElementById("ask").close());
});
