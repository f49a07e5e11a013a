//! What a visitor does on the page of records, as somebody who works in Pipedrive, as its calendar, or as its bookkeeping
//! would: everything that the app has to live with.

use serde::Deserialize;
use serde_json::{Value, json};
use shared::model::ids::CompanyId;

use super::{PipedriveSim, records::Kind};

/// Tokens that a company has for a day once its budget is played with: those of three seats of the smallest plan.
const DAILY_TOKENS: u64 = 90_000;

/// One of them.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Act {
    RenamePerson { person: u64, name: String },
    DeletePerson { person: u64 },
    MergePersons { gone: u64, kept: u64 },
    OpenDeal { person: u64, title: String },
    CloseDeal { deal: u64, won: bool },
    ConvertLead { lead: String },
    DeleteNote { note: u64 },
    SpendBudget,
    RefillBudget,
    CloseAccount,
    OpenAccount,
    ForgetWebhooks,
}

impl PipedriveSim {
    /// Does it for whoever sits in front of the browser, and says what came of it.
    pub(super) fn act(&self, act: Act) -> Result<String, String> {
        let (company, user) = self.world().browser;
        let update = |kind, id: u64, body| self.update(company, user, kind, &id.to_string(), &body);
        let done = match act {
            Act::RenamePerson { person, name } => {
                update(Kind::Persons, person, json!({"name": name}))?;
                "Renamed."
            }
            Act::DeletePerson { person } => {
                self.delete(company, user, Kind::Persons, &person.to_string())?;
                "The person is deleted."
            }
            Act::MergePersons { gone, kept } => {
                self.merge_persons(company, user, gone, kept)?;
                "Merged: everything is on this person now."
            }
            Act::OpenDeal { person, title } => {
                self.create(company, user, Kind::Deals, &json!({"title": title, "person_id": person}))?;
                "The deal is open."
            }
            Act::CloseDeal { deal, won } => {
                update(Kind::Deals, deal, json!({"status": if won { "won" } else { "lost" }}))?;
                "The deal is closed."
            }
            Act::ConvertLead { lead } => {
                self.convert_lead(company, user, &lead)?;
                "The lead is a deal now."
            }
            Act::DeleteNote { note } => {
                self.delete(company, user, Kind::Notes, &note.to_string())?;
                "The note is deleted."
            }
            Act::SpendBudget => self.spend_all(company),
            Act::RefillBudget => {
                self.refill_tokens(company);
                "A new day has begun for the budget."
            }
            Act::CloseAccount => self.set_open(company, false),
            Act::OpenAccount => self.set_open(company, true),
            Act::ForgetWebhooks => {
                self.forget_webhooks(company);
                "The webhooks are gone."
            }
        };
        Ok(done.to_owned())
    }

    fn spend_all(&self, company: CompanyId) -> &'static str {
        let spent = self.tokens_spent(company);
        let mut limit = DAILY_TOKENS;
        self.change(|settings| limit = *settings.limits.daily_tokens.get_or_insert(DAILY_TOKENS));
        self.spend_tokens(company, limit.saturating_sub(spent));
        "The budget is used up: every call is refused."
    }

    fn set_open(&self, company: CompanyId, is_open: bool) -> &'static str {
        self.set_suspended(company, !is_open);
        if is_open { "The account is open again." } else { "The account is closed: every call is refused." }
    }

    /// What the page says of the company's account.
    pub(super) fn account_view(&self) -> Value {
        let (company, _) = self.world().browser;
        let spent = self.tokens_spent(company);
        let (waiting, attempts, webhooks) = (self.untold(), self.webhook_attempts(company), self.webhooks(company));
        let world = self.world();
        let told = attempts.iter().rev().take(5).map(|told| {
            let meta = |name: &str| told.payload["meta"][name].clone();
            json!({
                "action": meta("action"), "entity": meta("entity"), "by": meta("change_source"), "attempt": told.attempt,
                "status": told.status, "at": told.at,
            })
        });
        json!({
            "suspended": world.companies.get(&company).is_some_and(|company| company.suspended),
            "spent": spent, "limit": world.settings.limits.daily_tokens, "untold": waiting,
            "webhooks": webhooks.iter().map(|webhook| &webhook.event_object).collect::<Vec<_>>(),
            "told": told.collect::<Vec<_>>(),
        })
    }
}
