//! What becomes of the links when a record in Pipedrive was changed, merged or deleted there.

use super::ports::KnownStore;
use crate::{
    clock::Clock,
    crm::ports::{ContactStore, ListStore},
    inbox::ports::StoreError,
    model::{
        contact::Phone,
        conversation::Conversation,
        ids::{CompanyId, ConversationId, DealId, NoteId, PersonId},
        known::Known,
        record::{AuditEntry, Chosen, Deed, Link, NoteState, RecordRef, Records, Why},
    },
    pipedrive::events::{Event, Told},
    records::{
        link::relink::{self, RelinkPorts},
        ports::NoteStore,
    },
};

/// Conversations of one record whose notes are looked through for one that is gone.
const MAX_LOOKED_THROUGH: usize = 50;

/// What hearing of changes needs.
pub struct HearPorts<'a> {
    /// To change links.
    pub relink: RelinkPorts<'a>,
    /// What records look like.
    pub known: &'a dyn KnownStore,
    /// What was written there.
    pub notes: &'a dyn NoteStore,
    /// What the bundle knows of contacts.
    pub contacts: &'a dyn ContactStore,
    /// The segmentation lists that they are on.
    pub lists: &'a dyn ListStore,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// How many conversations changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Conversations that are linked otherwise now.
    pub relinked: usize,
    /// Notes that are known to be gone now.
    pub notes: usize,
}

/// Takes in what happened to records of the company. Each event may be repeated, and come in any order.
pub async fn hear(ports: &HearPorts<'_>, company: CompanyId, events: &[Event]) -> Result<Heard, StoreError> {
    let mut hearing = Hearing { ports, company, heard: Heard::default() };
    for event in events {
        match event {
            Event::Merged { gone, into, phones } => hearing.merged(gone, into, phones).await?,
            Event::Deleted { record, phones } => hearing.deleted(record, phones).await?,
            Event::NoteDeleted { note, on } => hearing.note_deleted(*note, on).await?,
            Event::Changed(told) => hearing.changed(told).await?,
        }
    }
    Ok(hearing.heard)
}

struct Hearing<'a> {
    ports: &'a HearPorts<'a>,
    company: CompanyId,
    heard: Heard,
}

impl Hearing<'_> {
    async fn merged(&mut self, gone: &RecordRef, into: &RecordRef, phones: &[String]) -> Result<(), StoreError> {
        for id in self.linked_to(gone).await? {
            let follow = |conversation: &Conversation| {
                let link = &conversation.record;
                link.records
                    .all()
                    .any(|record| record == *gone)
                    .then(|| Link { records: renamed(&link.records, into), ..link.clone() })
            };
            self.relink(&id, Deed::Merged, into, Why::Merge, follow).await?;
        }
        if let (RecordRef::Person(gone), RecordRef::Person(into)) = (gone, into) {
            self.move_on_lists(*gone, *into).await?;
            self.end_ways(*gone, phones).await?;
            if !self.linked_to(&RecordRef::Person(*into)).await?.is_empty() {
                self.begin_ways(*into, phones).await?;
            }
        }
        self.ports.known.forget(self.company, gone).await
    }

    /// Onto each list first and off it after that, so that a try that dies leaves nobody without their list.
    async fn move_on_lists(&self, gone: PersonId, into: PersonId) -> Result<(), StoreError> {
        for record in self.ports.contacts.contact_records(self.company, &[gone]).await? {
            for list in &record.lists {
                self.ports.lists.add_to_list(self.company, list, into).await?;
                self.ports.lists.take_off_list(self.company, list, gone).await?;
            }
        }
        Ok(())
    }

    async fn deleted(&mut self, record: &RecordRef, phones: &[String]) -> Result<(), StoreError> {
        for id in self.linked_to(record).await? {
            self.relink(&id, Deed::Unlinked, record, Why::Gone, |conversation| conversation.record.without(record)).await?;
        }
        if let RecordRef::Person(person) = record {
            self.end_ways(*person, phones).await?;
        }
        self.ports.known.forget(self.company, record).await
    }

    /// It is not fought over: what it held is written anew with new messages only.
    async fn note_deleted(&mut self, note: NoteId, on: &Records) -> Result<(), StoreError> {
        let mut looked_through: Vec<ConversationId> = Vec::new();
        for record in on.all() {
            for id in self.linked_to(&record).await? {
                if looked_through.contains(&id) || looked_through.len() == MAX_LOOKED_THROUGH {
                    continue;
                }
                let notes = self.ports.notes.all_notes(&id).await?;
                if let Some(mut found) = notes.into_iter().find(|known| known.note == Some(note)) {
                    if found.state != NoteState::Deleted {
                        found.state = NoteState::Deleted;
                        self.ports.notes.save_note(&found).await?;
                        self.heard.notes += 1;
                    }
                    return Ok(());
                }
                looked_through.push(id);
            }
        }
        Ok(())
    }

    async fn changed(&mut self, told: &Told) -> Result<(), StoreError> {
        if let RecordRef::Person(person) = &told.record {
            self.end_ways(*person, &told.phones_gone).await?;
        }
        let linked = self.linked_to(&told.record).await?;
        let of_person = match (&told.record, told.person) {
            (RecordRef::Deal(_), Some(person)) => self.linked_to(&RecordRef::Person(person)).await?,
            _ => Vec::new(),
        };
        let of_lead = match &told.from_lead {
            Some(lead) => self.linked_to(&RecordRef::Lead(lead.clone())).await?,
            None => Vec::new(),
        };
        // Most records of a company have nothing to do with a conversation.
        if linked.is_empty() && of_person.is_empty() && of_lead.is_empty() {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let known = Known {
            name: told.name.clone(),
            owner: told.owner,
            open: told.open,
            updated_at: told.updated_at.unwrap_or(now),
            seen_at: now,
        };
        if !self.ports.known.learn(self.company, &told.record, &known).await? {
            // A later change is known already.
            return Ok(());
        }
        match &told.record {
            RecordRef::Person(person) => self.begin_ways(*person, &told.phones).await?,
            RecordRef::Deal(deal) => {
                for id in &of_lead {
                    self.converted(id, *deal, told).await?;
                }
                for id in &of_person {
                    self.perhaps_chosen(id, *deal, told).await?;
                }
                for id in &linked {
                    self.perhaps_left(id, *deal, told).await?;
                }
            }
            RecordRef::Lead(_) if !told.open => {
                for id in &linked {
                    let left = |conversation: &Conversation| conversation.record.without(&told.record);
                    self.relink(id, Deed::Unlinked, &told.record, Why::Closed, left).await?;
                }
            }
            RecordRef::Lead(_) => {}
        }
        for id in &linked {
            relink::route(&self.ports.relink, self.company, id, now).await?;
        }
        Ok(())
    }

    /// A lead became this deal.
    async fn converted(&mut self, id: &ConversationId, deal: DealId, told: &Told) -> Result<(), StoreError> {
        let follow = |conversation: &Conversation| {
            let link = &conversation.record;
            if link.records.lead.is_none() || link.records.lead != told.from_lead {
                return None;
            }
            let pinned = link.records.deal.filter(|_| link.deal_by == Chosen::Hand);
            let records = Records { lead: None, deal: pinned.or(Some(deal)), ..link.records.clone() };
            Some(Link { records, ..link.clone() })
        };
        self.relink(id, Deed::Merged, &told.record, Why::Converted, follow).await
    }

    /// A new open deal with the customer is the one that it is about now; another open one, if there is none yet.
    async fn perhaps_chosen(&mut self, id: &ConversationId, deal: DealId, told: &Told) -> Result<(), StoreError> {
        let choose = |conversation: &Conversation| {
            let link = &conversation.record;
            let free = link.records.deal.is_none() || told.created;
            let wanted = told.open && free && link.deal_by == Chosen::Itself && link.person() == told.person;
            (wanted && link.records.deal != Some(deal))
                .then(|| Link { records: Records { deal: Some(deal), ..link.records.clone() }, ..link.clone() })
        };
        self.relink(id, Deed::Chosen, &told.record, Why::NewestOpenDeal, choose).await
    }

    /// A deal that is closed, or another person's now, is left, unless a salesperson pinned it. Whoever needs one next looks
    /// for another.
    async fn perhaps_left(&mut self, id: &ConversationId, deal: DealId, told: &Told) -> Result<(), StoreError> {
        let leave = |conversation: &Conversation| {
            let link = &conversation.record;
            let over = !told.open || told.person != link.person();
            (over && link.deal_by == Chosen::Itself && link.records.deal == Some(deal)).then(|| Link {
                records: Records { deal: None, ..link.records.clone() },
                looked_at: None,
                ..link.clone()
            })
        };
        self.relink(id, Deed::Unlinked, &told.record, Why::Closed, leave).await
    }

    async fn relink(
        &mut self,
        id: &ConversationId,
        what: Deed,
        record: &RecordRef,
        why: Why,
        change: impl Fn(&Conversation) -> Option<Link> + Send + Sync,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry { at: self.ports.clock.now(), what, record: Some(record.clone()), note: None, why };
        if relink::relink(&self.ports.relink, self.company, id, &[entry], change).await?.is_some() {
            self.heard.relinked += 1;
        }
        Ok(())
    }

    async fn linked_to(&self, record: &RecordRef) -> Result<Vec<ConversationId>, StoreError> {
        self.ports.relink.links.linked_to(self.company, record).await
    }

    async fn end_ways(&self, person: PersonId, phones: &[String]) -> Result<(), StoreError> {
        for phone in phones.iter().filter_map(|number| Phone::parse(number)) {
            self.ports.known.end_way(self.company, &phone, person).await?;
        }
        Ok(())
    }

    async fn begin_ways(&self, person: PersonId, phones: &[String]) -> Result<(), StoreError> {
        for phone in phones.iter().filter_map(|number| Phone::parse(number)) {
            self.ports.known.begin_way(self.company, &phone, person).await?;
        }
        Ok(())
    }
}

/// `records` with `into` in the place of the one of its kind.
fn renamed(records: &Records, into: &RecordRef) -> Records {
    let mut records = records.clone();
    match into {
        RecordRef::Person(id) => records.person = Some(*id),
        RecordRef::Deal(id) => records.deal = Some(*id),
        RecordRef::Lead(id) => records.lead = Some(id.clone()),
    }
    records
}
