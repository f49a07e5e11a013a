// Offers the users of the simulated Pipedrive; the form itself works without this.
"use strict";

async function offerUsers() {
  const { users } = await (await fetch("../inbox.json")).json();
  const select = document.getElementById("user");
  for (const { company, company_name, user, signed_in } of users) {
    const label = `${user.name}, ${company_name}${user.admin ? " (admin)" : ""}`;
    select.append(new Option(label, `${company}:${user.id}`, signed_in, signed_in));
  }
}

offerUsers();
