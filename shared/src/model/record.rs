//! What a conversation is linked to in Pipedrive, what was written there about it, and what a channel's owner wants for
//! strangers. No contents: those are in the messages.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    ids::{ConversationId, DealId, FileId, LeadId, NoteId, PersonId, PipelineId, Place, StageId, UserId},
    time::Timestamp,
};

/// A record in Pipedrive to which conversations are linked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum RecordRef {
    /// A person.
    Person(PersonId),
    /// A deal.
    Deal(DealId),
    /// A lead.
    Lead(LeadId),
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person#{id}"),
            Self::Deal(id) => write!(f, "deal#{id}"),
            Self::Lead(id) => write!(f, "lead#{id}"),
        }
    }
}

/// The records that a note hangs on, or that a conversation is linked to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// The person that the customer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The deal that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deal: Option<DealId>,
    /// The lead that was made of a stranger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<LeadId>,
}

impl Records {
    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = RecordRef> {
        let person = self.person.map(RecordRef::Person);
        let (deal, lead) = (self.deal.map(RecordRef::Deal), self.lead.clone().map(RecordRef::Lead));
        person.into_iter().chain(deal).chain(lead)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Who chose the deal that a conversation is linked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chosen {
    /// The bundle: the person's newest open deal. It may choose another one later.
    #[default]
    Itself,
    /// A salesperson pinned it. It stays.
    Hand,
}

/// What a conversation is linked to in Pipedrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The records.
    #[serde(flatten)]
    pub records: Records,
    /// Who chose the deal.
    #[serde(default)]
    pub deal_by: Chosen,
    /// Whether a salesperson unlinked it. Then it is never matched again by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Whose the deal is, or else the person or the lead, if they use the app: who gets the unread badge. None if nobody
    /// knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// When the deal was last looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// Grows with each change: a change that rests on an older one does not take place.
    #[serde(default)]
    pub revision: u32,
}

impl Link {
    /// The person, if it is linked to one.
    pub fn person(&self) -> Option<PersonId> {
        self.records.person
    }

    /// The same for another person: what hung on the one before is left, except a deal that a salesperson pinned.
    #[must_use]
    pub fn moved_to(&self, person: PersonId) -> Self {
        if self.person() == Some(person) {
            return Self { refused: false, ..self.clone() };
        }
        let deal = self.records.deal.filter(|_| self.deal_by == Chosen::Hand);
        let records = Records { person: Some(person), deal, lead: None };
        Self { records, refused: false, owner: None, looked_at: None, ..self.clone() }
    }

    /// The same without a record that is gone; none if it does not have it. With a person goes what hung on them, except a deal
    /// that a salesperson pinned; with a deal, that it was pinned.
    #[must_use]
    pub fn without(&self, gone: &RecordRef) -> Option<Self> {
        let mut left = self.clone();
        match gone {
            RecordRef::Person(id) if self.records.person == Some(*id) => {
                let deal = self.records.deal.filter(|_| self.deal_by == Chosen::Hand);
                left.records = Records { person: None, deal, lead: None };
            }
            RecordRef::Deal(id) if self.records.deal == Some(*id) => {
                left.records.deal = None;
                left.deal_by = Chosen::Itself;
            }
            RecordRef::Lead(id) if self.records.lead.as_ref() == Some(id) => left.records.lead = None,
            _ => return None,
        }
        left.looked_at = None;
        Some(left)
    }
}

/// What is made of a customer whom Pipedrive does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Strangers {
    /// Nothing but the person.
    Nothing,
    /// An unread lead.
    #[default]
    Lead,
    /// A deal.
    Deal {
        /// In this pipeline.
        pipeline: PipelineId,
        /// At this stage.
        stage: StageId,
    },
}

/// What the owner of a channel wants of its conversations in Pipedrive's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelSettings {
    /// Whether a person is created for a customer whom Pipedrive does not know. Without one there is no lead or deal either.
    pub create_persons: bool,
    /// What else is created for them.
    pub strangers: Strangers,
    /// Who gets the unread badge of conversations whose records are nobody's; the channel's owner, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<UserId>,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self { create_persons: true, strangers: Strangers::default(), assignee: None }
    }
}

/// How far a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteState {
    /// It was about to be created; whether it was is not known.
    Intended,
    /// It is in Pipedrive.
    Written,
    /// Somebody deleted it there. It is written anew with new messages only.
    Deleted,
}

/// A note in Pipedrive: what was written of one conversation on one day, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The conversation.
    pub conversation: ConversationId,
    /// The day, in the company's time zone.
    pub day: Day,
    /// Which of the day's notes: a full one is continued in the next.
    pub part: u32,
    /// Pipedrive's, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteId>,
    /// How far it is.
    pub state: NoteState,
    /// The first message in it.
    pub first: Place,
    /// The last message in it.
    pub last: Place,
    /// How long its text is, in bytes.
    pub bytes: usize,
    /// A hash of its text: what is the same already is not written again.
    pub digest: String,
    /// When it was last written, or about to be.
    pub written_at: Timestamp,
    /// What it hangs on.
    pub on: Records,
    /// Tokens that it cost so far, with all that was looked up for it.
    #[serde(default)]
    pub spent: u64,
    /// Whether the customer was looked for or created on this day.
    #[serde(default)]
    pub first_day: bool,
}

/// A file of a message that was copied to a record in Pipedrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The message.
    pub place: Place,
    /// Its position among the message's files.
    pub position: usize,
    /// Pipedrive's, once it is known; none while that is uncertain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileId>,
    /// When it was copied, or about to be.
    pub at: Timestamp,
}

/// What was done, or left undone, in Pipedrive for a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The customer was recognised as a person.
    Matched,
    /// A person, lead or deal was created.
    Created,
    /// It was linked by a salesperson or a program.
    Linked,
    /// It was unlinked.
    Unlinked,
    /// A deal was chosen.
    Chosen,
    /// A note was written for the first time.
    Noted,
    /// A file was copied.
    Copied,
    /// The record was merged into another one, and the link follows.
    Merged,
    /// Something was not done.
    Skipped,
}

/// Why something was done, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// The bundle knew the customer already.
    Known,
    /// Pipedrive's search found them by phone.
    Phone,
    /// Pipedrive's search found them by e-mail address.
    Email,
    /// Several persons have the number or address; this one was taken.
    Ambiguous {
        /// The others.
        others: Vec<PersonId>,
    },
    /// Pipedrive did not know them.
    Stranger,
    /// It was found where an earlier try had created it.
    Found,
    /// It is the person's newest open deal.
    NewestOpenDeal,
    /// A salesperson did it.
    Hand {
        /// Who.
        user: UserId,
    },
    /// The channel's settings do not ask for it.
    Setting,
    /// It is gone in Pipedrive.
    Gone,
    /// Pipedrive refused it, with this code.
    Declined {
        /// Pipedrive's word.
        code: String,
    },
    /// The file is larger than what is copied, or the day's share of files is used up.
    TooMuch,
    /// Records were merged in Pipedrive.
    Merge,
    /// The lead became this deal.
    Converted,
    /// It is won, lost, archived, or somebody else's now.
    Closed,
    /// Its past was written when it was linked.
    History,
    /// A new message came.
    Message,
}

/// An entry of a conversation's audit: what was done where and when, and why. No contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Deed,
    /// On which record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// In which note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteId>,
    /// Why.
    pub why: Why,
}

/// What tokens of Pipedrive's daily budget are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpentOn {
    /// Looking for persons.
    Search,
    /// Reading and writing persons.
    Persons,
    /// Deals and pipelines.
    Deals,
    /// Leads.
    Leads,
    /// Notes.
    Notes,
    /// Files.
    Files,
    /// All else.
    Other,
}

impl SpentOn {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Search, Self::Persons, Self::Deals, Self::Leads, Self::Notes, Self::Files, Self::Other];

    /// The word for it in bodies and the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Persons => "persons",
            Self::Deals => "deals",
            Self::Leads => "leads",
            Self::Notes => "notes",
            Self::Files => "files",
            Self::Other => "other",
        }
    }
}

/// What Pipedrive said of a company's daily budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Tokens a day.
    pub limit: u64,
    /// Tokens left, of all integrations together.
    pub remaining: u64,
    /// When it said so.
    pub seen_at: Timestamp,
}

/// What a company's tokens went to on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetDay {
    /// Tokens that this bundle spent, by what for.
    pub spent: BTreeMap<SpentOn, u64>,
    /// What Pipedrive last said; none if it has not said anything.
    pub allowance: Option<Allowance>,
}

impl BudgetDay {
    /// All that this bundle spent.
    pub fn total(&self) -> u64 {
        self.spent.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_pinned_follows_to_another_person() {
        let lead = LeadId::parse("adf21080-0e10-11eb-879b-05d71fb426ec").unwrap();
        let records = Records { person: Some(PersonId(1)), deal: Some(DealId(2)), lead: Some(lead) };
        let chosen = Link { records, revision: 3, refused: true, ..Link::default() };
        let pinned = Link { deal_by: Chosen::Hand, ..chosen.clone() };
        assert_eq!(chosen.moved_to(PersonId(9)).records, Records { person: Some(PersonId(9)), ..Records::default() });
        assert_eq!(pinned.moved_to(PersonId(9)).records.deal, Some(DealId(2)));
        assert_eq!(chosen.moved_to(PersonId(1)), Link { refused: false, ..chosen });
    }

    #[test]
    fn what_hung_on_a_record_that_is_gone_goes_with_it() {
        let lead = LeadId::parse("adf21080-0e10-11eb-879b-05d71fb426ec").unwrap();
        let records = Records { person: Some(PersonId(1)), deal: Some(DealId(2)), lead: Some(lead.clone()) };
        let pinned = Link { records, deal_by: Chosen::Hand, ..Link::default() };
        let chosen = Link { deal_by: Chosen::Itself, ..pinned.clone() };
        let person = RecordRef::Person(PersonId(1));
        assert_eq!(chosen.without(&person).unwrap().records, Records::default());
        assert_eq!(pinned.without(&person).unwrap().records, Records { deal: Some(DealId(2)), ..Records::default() });
        let unpinned = pinned.without(&RecordRef::Deal(DealId(2))).unwrap();
        assert_eq!((unpinned.records.deal, unpinned.deal_by, unpinned.person()), (None, Chosen::Itself, Some(PersonId(1))));
        assert_eq!(pinned.without(&RecordRef::Lead(lead)).unwrap().records.lead, None);
        assert_eq!(pinned.without(&RecordRef::Deal(DealId(3))), None);
    }

    #[test]
    fn records_are_named_by_kind() {
        let lead = LeadId::parse("adf21080-0e10-11eb-879b-05d71fb426ec").unwrap();
        let records = Records { person: Some(PersonId(1)), deal: Some(DealId(2)), lead: Some(lead) };
        let names: Vec<String> = records.all().map(|record| record.to_string()).collect();
        assert_eq!(names, ["person#1", "deal#2", "lead#adf21080-0e10-11eb-879b-05d71fb426ec"]);
        assert!(Records::default().is_empty() && !records.is_empty());
        assert_eq!(serde_json::to_value(RecordRef::Deal(DealId(2))).unwrap(), serde_json::json!({"kind": "deal", "id": 2}));
    }
}
