//! The table's ports, and a clock to put forward.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    clock::Clock,
    crm::ports::LockStore,
    inbox::ports::{InboxReader, InstallationStore, Lease, Members, Page, StoreError},
    media::bucket::{Bucket, BucketError, ObjectHeaders, ObjectInfo, Prefix},
    model::{
        channel::{Channel, Delivery},
        contact::{Email, Phone},
        content::ObjectKey,
        conversation::Conversation,
        cursor::{ConversationCursor, MessageCursor},
        day::Day,
        ids::{ChannelId, CompanyId, ConversationId, MessageId, PersonId, Place, UserId},
        installation::{Installation, InstallationState, Profile},
        known::Known,
        message::Message,
        record::{Allowance, AuditEntry, BudgetDay, Link, Note, RecordRef, SpentOn, Upload},
        time::Timestamp,
    },
    records::{
        ports::{AuditStore, BudgetStore, Intent, IntentStore, LinkStore, NoteStore},
        watch::ports::KnownStore,
    },
};

/// All that is stored.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) now: Moment,
    pub(super) channel: Option<Channel>,
    pub(super) conversations: HashMap<ConversationId, Conversation>,
    pub(super) messages: HashMap<ConversationId, BTreeMap<Place, Message>>,
    pub(super) notes: HashMap<ConversationId, BTreeMap<(Day, u32), Note>>,
    pub(super) days: BTreeMap<Day, BudgetDay>,
    pub(super) intents: HashMap<String, Intent>,
    pub(super) phones: HashMap<String, PersonId>,
}

/// A moment that has a beginning.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Default for Moment {
    fn default() -> Self {
        Self(Timestamp::EPOCH)
    }
}

/// The table and the clock.
#[derive(Default)]
pub(super) struct Memory(Mutex<Stored>);

impl Memory {
    pub(super) fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    pub(super) fn set(&self, now: Timestamp) {
        self.stored().now = Moment(now);
    }
}

impl Clock for Memory {
    fn now(&self) -> Timestamp {
        self.stored().now.0
    }
}

#[async_trait]
impl LinkStore for Memory {
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        Ok(self.stored().conversations.get(id).cloned())
    }

    async fn relink(&self, seen: &Conversation, link: &Link, _: Timestamp) -> Result<bool, StoreError> {
        self.relink_and_tell(seen, link, &[]).await
    }

    async fn relink_and_tell(&self, seen: &Conversation, link: &Link, _: &[AuditEntry]) -> Result<bool, StoreError> {
        let mut stored = self.stored();
        let phone = seen.customer.phone.as_deref().and_then(Phone::parse);
        if let (Some(person), Some(phone)) = (link.person(), phone) {
            stored.phones.insert(phone.ending().to_owned(), person);
        }
        let Some(found) = stored.conversations.get_mut(&seen.id) else { return Ok(false) };
        if found.record.revision != seen.record.revision {
            return Ok(false);
        }
        found.record = Link { revision: seen.record.revision + 1, ..link.clone() };
        Ok(true)
    }

    async fn linked_to(&self, _: CompanyId, _: &RecordRef) -> Result<Vec<ConversationId>, StoreError> {
        Ok(Vec::new())
    }

    async fn person_of_phone(&self, _: CompanyId, phone: &Phone) -> Result<Option<PersonId>, StoreError> {
        Ok(self.stored().phones.get(phone.ending()).copied())
    }

    async fn person_of_email(&self, _: CompanyId, _: &Email) -> Result<Option<PersonId>, StoreError> {
        Ok(None)
    }

    async fn conversations_beside(&self, _: &Conversation) -> Result<Vec<Conversation>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl KnownStore for Memory {
    async fn known(&self, _: CompanyId, records: &[RecordRef]) -> Result<Vec<Option<Known>>, StoreError> {
        Ok(records.iter().map(|_| None).collect())
    }

    async fn learn(&self, _: CompanyId, _: &RecordRef, _: &Known) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn forget(&self, _: CompanyId, _: &RecordRef) -> Result<(), StoreError> {
        Ok(())
    }

    async fn end_way(&self, _: CompanyId, _: &Phone, _: PersonId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn begin_way(&self, _: CompanyId, _: &Phone, _: PersonId) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl NoteStore for Memory {
    async fn notes(&self, conversation: &ConversationId, day: &Day) -> Result<Vec<Note>, StoreError> {
        let all = self.all_notes(conversation).await?;
        Ok(all.into_iter().filter(|note| note.day == *day).collect())
    }

    async fn all_notes(&self, conversation: &ConversationId) -> Result<Vec<Note>, StoreError> {
        Ok(self.stored().notes.get(conversation).map(|notes| notes.values().cloned().collect()).unwrap_or_default())
    }

    async fn save_note(&self, note: &Note) -> Result<(), StoreError> {
        let key = (note.day.clone(), note.part);
        self.stored().notes.entry(note.conversation.clone()).or_default().insert(key, note.clone());
        Ok(())
    }

    async fn forget_note(&self, note: &Note) -> Result<(), StoreError> {
        let key = (note.day.clone(), note.part);
        self.stored().notes.entry(note.conversation.clone()).or_default().remove(&key);
        Ok(())
    }

    async fn messages_between(
        &self,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let stored = self.stored();
        let Some(messages) = stored.messages.get(conversation) else { return Ok(Vec::new()) };
        Ok(messages.range(Place::first_at(from)..Place::first_at(until)).map(|(_, message)| message.clone()).collect())
    }

    async fn owe_again(&self, _: &ConversationId, _: &Place, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn uploads(&self, _: &[(MessageId, usize)]) -> Result<Vec<Upload>, StoreError> {
        Ok(Vec::new())
    }

    async fn save_upload(&self, _: &ConversationId, _: &Upload) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl AuditStore for Memory {
    async fn add_audit(&self, _: &ConversationId, _: &[AuditEntry]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn audit(&self, _: &ConversationId, _: usize) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl IntentStore for Memory {
    async fn intent(&self, _: CompanyId, names: &[String]) -> Result<Option<Intent>, StoreError> {
        let stored = self.stored();
        Ok(names.iter().filter_map(|name| stored.intents.get(name)).min_by_key(|intent| intent.at).cloned())
    }

    async fn intend(&self, _: CompanyId, names: &[String], intent: &Intent) -> Result<(), StoreError> {
        self.stored().intents.extend(names.iter().map(|name| (name.clone(), intent.clone())));
        Ok(())
    }

    async fn done(&self, _: CompanyId, names: &[String]) -> Result<(), StoreError> {
        self.stored().intents.retain(|name, _| !names.contains(name));
        Ok(())
    }
}

#[async_trait]
impl LockStore for Memory {
    async fn lock(&self, _: CompanyId, _: &[String], _: &str, _: Timestamp, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn unlock(&self, _: CompanyId, _: &[String], _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl BudgetStore for Memory {
    async fn spend(
        &self,
        _: CompanyId,
        day: &Day,
        spent: &[(SpentOn, u64)],
        allowance: Option<&Allowance>,
        _: Timestamp,
    ) -> Result<BudgetDay, StoreError> {
        let mut stored = self.stored();
        let known = stored.days.entry(day.clone()).or_default();
        for (on, tokens) in spent {
            *known.spent.entry(*on).or_default() += tokens;
        }
        known.allowance = allowance.copied().or(known.allowance);
        Ok(known.clone())
    }

    async fn budget(&self, _: CompanyId, day: &Day) -> Result<BudgetDay, StoreError> {
        Ok(self.stored().days.get(day).cloned().unwrap_or_default())
    }

    async fn budgets(&self, _: CompanyId, since: &Day) -> Result<Vec<(Day, BudgetDay)>, StoreError> {
        Ok(self.stored().days.range(since.clone()..).map(|(day, known)| (day.clone(), known.clone())).collect())
    }
}

#[async_trait]
impl InboxReader for Memory {
    async fn channel(&self, _: &ChannelId) -> Result<Option<Channel>, StoreError> {
        Ok(self.stored().channel.clone())
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        LinkStore::conversation(self, id).await
    }

    async fn conversations(
        &self,
        _: &ChannelId,
        _: Option<&ConversationCursor>,
        _: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn conversations_of_company(
        &self,
        _: CompanyId,
        _: Option<&ConversationCursor>,
        _: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn messages(
        &self,
        _: &ConversationId,
        _: Option<&MessageCursor>,
        _: usize,
    ) -> Result<Page<Message, MessageCursor>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn changed_conversations(&self, _: CompanyId, _: Timestamp, _: usize) -> Result<Vec<Conversation>, StoreError> {
        Ok(Vec::new())
    }

    async fn message(&self, _: &MessageId) -> Result<Option<Message>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl InstallationStore for Memory {
    async fn installation(&self, _: CompanyId, _: UserId) -> Result<Option<Installation>, StoreError> {
        Ok(None)
    }

    async fn save_grant(&self, _: &Installation, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn take_lease(&self, _: &Installation, _: &str, _: Timestamp, _: Timestamp) -> Result<Lease, StoreError> {
        Ok(Lease::Missed)
    }

    async fn save_renewed(&self, _: &Installation, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn end_lease(&self, _: CompanyId, _: UserId, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn set_installation_state(&self, _: &Installation, _: InstallationState) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn save_profile(&self, _: CompanyId, _: UserId, _: &Profile, _: Timestamp) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn set_delivery(&self, _: CompanyId, _: UserId, _: Delivery, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn members(&self, _: CompanyId) -> Result<Members, StoreError> {
        Ok(Members::default())
    }

    async fn tokens_due(&self, _: Timestamp, _: usize) -> Result<Vec<(CompanyId, UserId)>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Bucket for Memory {
    async fn put(&self, _: &ObjectKey, _: Bytes, _: &ObjectHeaders) -> Result<(), BucketError> {
        Ok(())
    }

    async fn get(&self, _: &ObjectKey) -> Result<Option<Bytes>, BucketError> {
        Ok(None)
    }

    async fn head(&self, _: &ObjectKey) -> Result<Option<ObjectInfo>, BucketError> {
        Ok(None)
    }

    async fn link(&self, _: &ObjectKey, _: Duration) -> Result<String, BucketError> {
        Ok(String::new())
    }

    async fn upload_link(&self, _: &ObjectKey, _: &str, _: u64, _: Duration) -> Result<String, BucketError> {
        Ok(String::new())
    }

    async fn delete_under(&self, _: &Prefix) -> Result<(), BucketError> {
        Ok(())
    }
}
