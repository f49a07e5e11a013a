//! What tests and people do with records without the API: what somebody does in Pipedrive's own pages, and looking at
//! what is there.

use serde_json::Value;
use shared::model::ids::{CompanyId, UserId};

use super::{Action, Ask, Deal, Doer, File, Kind, Lead, Note, Person, Records};
use crate::pipedrive::PipedriveSim;

impl PipedriveSim {
    /// All persons of a company, deleted ones included.
    pub fn persons(&self, company: CompanyId) -> Vec<Person> {
        self.look(company, |records| records.persons.values().cloned().collect())
    }

    /// All deals of a company, deleted and archived ones included.
    pub fn deals(&self, company: CompanyId) -> Vec<Deal> {
        self.look(company, |records| records.deals.values().cloned().collect())
    }

    /// All leads of a company, archived ones included.
    pub fn leads(&self, company: CompanyId) -> Vec<Lead> {
        self.look(company, |records| records.leads.clone())
    }

    /// All notes of a company, deleted ones included.
    pub fn notes(&self, company: CompanyId) -> Vec<Note> {
        self.look(company, |records| records.notes.values().cloned().collect())
    }

    /// All files of a company, deleted ones included.
    pub fn files(&self, company: CompanyId) -> Vec<File> {
        self.look(company, |records| records.files.values().cloned().collect())
    }

    /// Creates a record as a user does in Pipedrive's own pages: the body is the API's, and nothing is counted or
    /// limited. Gives back the record.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub fn create(&self, company: CompanyId, user: UserId, kind: Kind, body: &Value) -> Result<Value, String> {
        self.by_hand((company, user), kind, Action::Create, None, body)
    }

    /// Changes a record in the same way.
    ///
    /// # Errors
    /// What is wrong with the body, or that there is no such record.
    pub fn update(&self, company: CompanyId, user: UserId, kind: Kind, id: &str, body: &Value) -> Result<Value, String> {
        self.by_hand((company, user), kind, Action::Update, Some(id), body)
    }

    /// Deletes a record in the same way.
    ///
    /// # Errors
    /// That there is no such record.
    pub fn delete(&self, company: CompanyId, user: UserId, kind: Kind, id: &str) -> Result<Value, String> {
        self.by_hand((company, user), kind, Action::Delete, Some(id), &Value::Null)
    }

    /// Adds an organization and gives back its id.
    pub fn add_organization(&self, company: CompanyId, name: &str) -> u64 {
        self.look(company, |records| {
            let id = records.organizations.last_key_value().map_or(1, |(id, _)| id + 1);
            records.organizations.insert(id, name.to_owned());
            id
        })
    }

    /// An access token of a user, good for an hour.
    pub fn access_token(&self, company: CompanyId, user: UserId) -> String {
        let now = self.now();
        self.world().grants.access((company, user), now)
    }

    /// How many tokens the company has spent today.
    pub fn tokens_spent(&self, company: CompanyId) -> u64 {
        let now = self.now();
        self.world().meter.spent(company, now)
    }

    /// The company's day begins anew, or it has bought more tokens.
    pub fn refill_tokens(&self, company: CompanyId) {
        self.world().meter.refill(company);
    }

    /// Other apps of the company spend tokens of its day.
    pub fn spend_tokens(&self, company: CompanyId, tokens: u64) {
        let now = self.now();
        self.world().meter.spend(company, tokens, now);
    }

    fn by_hand(
        &self,
        (company, user): (CompanyId, UserId),
        kind: Kind,
        action: Action,
        id: Option<&str>,
        body: &Value,
    ) -> Result<Value, String> {
        let body = body.to_string();
        let work = |records: &mut Records, ask: &Ask<'_>| records.carry_out(kind, action, ask);
        let result = self.with_records((company, user), id, body.as_bytes(), work);
        let (answer, event) = result.map_err(|refused| refused.to_string())?;
        self.spread(Doer { company, user, by_api: false }, event);
        Ok(answer["data"].clone())
    }

    pub(super) fn look<T>(&self, company: CompanyId, look: impl FnOnce(&mut Records) -> T) -> T {
        let now = self.now();
        look(self.world().records.entry(company).or_insert_with(|| Records::new(now)))
    }
}
