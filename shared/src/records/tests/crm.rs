//! Pipedrive, as far as it is called, with the real client's prices: it takes everything, and refuses when the day is spent.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;

use crate::{
    model::{
        day::Day,
        ids::{CompanyId, DealId, FileId, LeadId, NoteId, OrganizationId, PersonId, UserId},
        record::{RecordRef, Records},
        time::Timestamp,
    },
    pipedrive::{
        Access, Batch, Deal, DealFields, DealFilter, DealsApi, FilesApi, FoundPerson, Lead, LeadFields, LeadsApi, Me, Note,
        NotesApi, Person, PersonFields, PersonsApi, SearchField, Upload, Uploaded, Users, error::PipedriveError, price::Call,
        spend::Daily,
    },
};

/// What it holds.
#[derive(Default)]
pub(super) struct Held {
    pub(super) persons: Vec<Person>,
    pub(super) leads: usize,
    pub(super) notes: HashMap<NoteId, String>,
    pub(super) spent: u64,
}

/// A company's Pipedrive, with so many tokens a day.
pub(super) struct Crm {
    held: Mutex<Held>,
    limit: u64,
}

type Answer<T> = Result<T, PipedriveError>;

impl Crm {
    pub(super) fn new(limit: u64) -> Self {
        Self { held: Mutex::default(), limit }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    fn charge(&self, access: &Access, call: Call) -> MutexGuard<'_, Held> {
        let mut held = self.held();
        access.spend.charge(call);
        held.spent += u64::from(call.tokens());
        let remaining = self.limit.saturating_sub(held.spent);
        access.spend.note(Some(Daily { limit: Some(self.limit), remaining }), None);
        held
    }
}

#[async_trait]
impl PersonsApi for Crm {
    async fn person(&self, access: &Access, id: PersonId) -> Answer<Person> {
        let held = self.charge(access, Call::Person);
        held.persons.iter().find(|person| person.id == id).cloned().ok_or(PipedriveError::NotFound)
    }

    async fn persons(&self, access: &Access, _: Option<&str>, _: usize) -> Answer<Batch<Person>> {
        Ok(Batch { items: self.charge(access, Call::Persons).persons.clone(), next: None })
    }

    async fn newest_persons(&self, access: &Access, _: usize) -> Answer<Vec<Person>> {
        Ok(self.charge(access, Call::Persons).persons.clone())
    }

    async fn search_persons(&self, access: &Access, _: SearchField, term: &str, _: bool) -> Answer<Vec<FoundPerson>> {
        let held = self.charge(access, Call::SearchPersons);
        let fits = |person: &&Person| person.phones.iter().any(|phone| phone.value.contains(term));
        let found = |person: &Person| FoundPerson {
            id: person.id,
            name: person.name.clone(),
            owner: person.owner,
            emails: Vec::new(),
            phones: person.phones.iter().map(|phone| phone.value.clone()).collect(),
        };
        Ok(held.persons.iter().filter(fits).map(found).collect())
    }

    async fn persons_of(&self, access: &Access, _: OrganizationId, _: usize) -> Answer<Vec<Person>> {
        Ok(self.charge(access, Call::Persons).persons.clone())
    }

    async fn create_person(&self, access: &Access, fields: &PersonFields) -> Answer<Person> {
        let mut held = self.charge(access, Call::CreatePerson);
        let person = Person {
            id: PersonId(held.persons.len() as u64 + 1),
            name: fields.name.clone().unwrap_or_default(),
            emails: Vec::new(),
            phones: fields.phones.clone().unwrap_or_default(),
            owner: None,
            added_at: None,
            updated_at: None,
        };
        held.persons.push(person.clone());
        Ok(person)
    }

    async fn update_person(&self, access: &Access, id: PersonId, _: &PersonFields) -> Answer<Person> {
        self.person(access, id).await
    }
}

#[async_trait]
impl DealsApi for Crm {
    async fn deal(&self, access: &Access, _: DealId) -> Answer<Deal> {
        drop(self.charge(access, Call::Deal));
        Err(PipedriveError::NotFound)
    }

    async fn deals(&self, access: &Access, _: &DealFilter, _: Option<&str>, _: usize) -> Answer<Batch<Deal>> {
        drop(self.charge(access, Call::Deals));
        Ok(Batch { items: Vec::new(), next: None })
    }

    async fn open_deals_of(&self, access: &Access, _: PersonId, _: usize) -> Answer<Vec<Deal>> {
        drop(self.charge(access, Call::Deals));
        Ok(Vec::new())
    }

    async fn create_deal(&self, access: &Access, _: &DealFields) -> Answer<Deal> {
        drop(self.charge(access, Call::CreateDeal));
        Err(PipedriveError::NotFound)
    }

    async fn update_deal(&self, access: &Access, _: DealId, _: &DealFields) -> Answer<Deal> {
        drop(self.charge(access, Call::UpdateDeal));
        Err(PipedriveError::NotFound)
    }
}

#[async_trait]
impl LeadsApi for Crm {
    async fn create_lead(&self, access: &Access, fields: &LeadFields) -> Answer<Lead> {
        self.charge(access, Call::CreateLead).leads += 1;
        let id = LeadId::parse(&uuid::Uuid::new_v4().to_string()).unwrap();
        Ok(Lead {
            id,
            title: fields.title.clone().unwrap_or_default(),
            person: fields.person,
            owner: None,
            seen: false,
            archived: false,
            origin: fields.origin.clone(),
            added_at: None,
            updated_at: None,
        })
    }

    async fn update_lead(&self, access: &Access, _: &LeadId, _: &LeadFields) -> Answer<Lead> {
        drop(self.charge(access, Call::UpdateLead));
        Err(PipedriveError::NotFound)
    }

    async fn lead(&self, access: &Access, _: &LeadId) -> Answer<Lead> {
        drop(self.charge(access, Call::Lead));
        Err(PipedriveError::NotFound)
    }

    async fn leads_of(&self, access: &Access, _: PersonId, _: Option<&str>, _: usize) -> Answer<Batch<Lead>> {
        drop(self.charge(access, Call::Leads));
        Ok(Batch { items: Vec::new(), next: None })
    }
}

fn note(id: NoteId, content: &str, on: &Records) -> Note {
    Note { id, content: content.to_owned(), on: on.clone(), author: None, added_at: None, updated_at: None }
}

#[async_trait]
impl NotesApi for Crm {
    async fn create_note(&self, access: &Access, content: &str, on: &Records) -> Answer<Note> {
        let mut held = self.charge(access, Call::CreateNote);
        let id = NoteId(held.notes.len() as u64 + 1);
        held.notes.insert(id, content.to_owned());
        Ok(note(id, content, on))
    }

    async fn replace_note(&self, access: &Access, id: NoteId, content: &str, on: &Records) -> Answer<Note> {
        self.charge(access, Call::ReplaceNote).notes.insert(id, content.to_owned());
        Ok(note(id, content, on))
    }

    async fn note(&self, access: &Access, _: NoteId) -> Answer<Note> {
        drop(self.charge(access, Call::Note));
        Err(PipedriveError::NotFound)
    }

    async fn notes_of(&self, access: &Access, _: &RecordRef, _: Option<&Day>, _: Option<&str>, _: usize) -> Answer<Batch<Note>> {
        drop(self.charge(access, Call::Notes));
        Ok(Batch { items: Vec::new(), next: None })
    }
}

#[async_trait]
impl FilesApi for Crm {
    async fn upload_file(&self, access: &Access, file: Upload<'_>, _: &Records) -> Answer<Uploaded> {
        drop(self.charge(access, Call::UploadFile));
        Ok(Uploaded { id: FileId(1), name: file.name.to_owned() })
    }
}

#[async_trait]
impl Users for Crm {
    async fn me(&self, access: &Access) -> Answer<Me> {
        drop(self.charge(access, Call::Me));
        Ok(Me {
            company: CompanyId(7),
            user: UserId(9),
            company_name: String::new(),
            user_name: String::new(),
            company_domain: None,
            time_zone: None,
            locale: None,
            language: None,
        })
    }
}

/// The beginning of a day.
pub(super) fn midnight() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-20T00:00:00Z").unwrap()
}
