//! Every key of the table, and how work is read back from one. Nothing else in the bundle builds or splits a key.
//!
//! | `PK` | `SK` | record |
//! |---|---|---|
//! | `CO#<company>` | `US#<user>` | installation |
//! | `CO#<company>` | `CH#<channel>` | channel |
//! | `CO#<company>` | `SHARING` | which channels their owners keep to themselves |
//! | `ACCT#<provider>#<account>` | `ACCT` | provider account → channel |
//! | `GROUP#<provider>#<group>` | `<channel>` | channels of a group of accounts |
//! | `CH#<channel>#TPL` | `TPL` | its approved templates, kept for a while |
//! | `CV#<conversation>` | `CV` | conversation, with its outbox |
//! | `CV#<conversation>` | `M#<place>` | message |
//! | `CV#<conversation>` | `NOTE#<day>#<part>` | note in Pipedrive |
//! | `CV#<conversation>` | `TRAIL#<time>#<random>` | audit entry |
//! | `CV#<conversation>` | `UPLOAD#<place>#<position>` | file copied to Pipedrive |
//! | `CV#<conversation>` | `SEND#<fingerprint>` | whose turn it is to send a message that is asked for twice |
//! | `CH#<channel>#CT#<contact key>` | `CT` | customer's name → conversation |
//! | `CH#<channel>#PM#<provider's id>` | `PM` | provider's message id → message |
//! | `RELEASE#<company>#<user>` | `RELEASE` | chore: outboxes held for the installation may go on |
//! | `PROBE#<company>#<user>` | `PROBE` | chore: one of the outboxes held for the installation may ask whether it delivers again |
//! | `KEYS#<company>` | `<key id>` | API key |
//! | `IDEM#<key id>#<hash of a call>` | `IDEM` | a call that may be repeated, and its answer |
//! | `LOCK#<company>#<name>` | `LOCK` | a name that one call holds |
//! | `INTENT#<company>#<name>` | `INTENT` | something about to be created in Pipedrive |
//! | `LINK#<company>#<record>` | `<conversation>` | conversation linked to a person, deal or lead |
//! | `KNOWN#<company>#<record>` | `KNOWN` | what a person, deal or lead looked like when it was last seen |
//! | `WATCH#<company>` | `WATCH` | the company's webhooks in Pipedrive |
//! | `BUDGET#<company>` | `<day>` | what tokens of Pipedrive's were spent on |
//! | `WALK#<company>#<user>#<list>` | `WALK` | where the parts of a list of Pipedrive's begin |
//! | `CO#<company>#EMAIL#<address>`, `CO#<company>#PHONE#<last digits>` | `PERSON` | address or number → person |
//! | `CO#<company>#PERSON#<person>` | `CONTACT` | what we know of a contact |
//! | `LISTS#<company>` | `<list>` | segmentation list |
//! | `LISTS#<company>#<list>` | `<person>` | a contact on it |

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::{
    inbox::ports::DueWork,
    model::{
        channel::ProviderKind,
        contact::{Email, Phone},
        day::Day,
        ids::{
            AccountId, ChannelId, CompanyId, ContactKey, ConversationId, KeyId, ListId, MessageId, PersonId, Place,
            ProviderMessageId, UserId,
        },
        record::RecordRef,
        time::Timestamp,
    },
};

/// Partition key.
pub(super) const PK: &str = "PK";
/// Sort key.
pub(super) const SK: &str = "SK";

/// Index of conversations, as lists show them: `list_channel`, `list_at`.
pub(super) const BY_CHANNEL: &str = "by_channel";
/// Index of conversations, as lists show them: `list_company`, `list_at`.
pub(super) const BY_COMPANY: &str = "by_company";
/// Index of conversations, as lists show them: `list_company`, `changed_at` in milliseconds.
pub(super) const CHANGES: &str = "changes";
/// Sparse index of what is due: `due_shard`, `due_at` in milliseconds.
pub(super) const DUE: &str = "due";

/// Sort key of a conversation, in one partition with its messages.
pub(super) const CONVERSATION: &str = "CV";
/// Sort key of what leads to a person.
const PERSON: &str = "PERSON";
/// Sort key of a company's webhooks in Pipedrive.
pub(super) const WATCH: &str = "WATCH";
/// Sort key of which channels their owners keep to themselves.
const SHARING: &str = "SHARING";
/// Begins the partition key of a company's installations and channels, and of what it knows of contacts.
pub(super) const COMPANY_PREFIX: &str = "CO#";
/// Begins the sort key of a channel.
pub(super) const CHANNEL_PREFIX: &str = "CH#";
/// Begins the sort key of an installation.
pub(super) const INSTALLATION_PREFIX: &str = "US#";
/// Begins the sort key of a message.
pub(super) const MESSAGE_PREFIX: &str = "M#";
/// Begins the sort key of a note. Sorts after the messages.
pub(super) const NOTE_PREFIX: &str = "NOTE#";
/// Begins the sort key of an audit entry. Sorts after the messages.
pub(super) const AUDIT_PREFIX: &str = "TRAIL#";
/// Begins the `due_shard` of a channel whose past is being imported.
pub(super) const IMPORT_PREFIX: &str = "import#";
/// Begins the `due_shard` of a conversation that `deliver` should look at.
pub(super) const OUTBOX_PREFIX: &str = "outbox#";
/// Begins the `due_shard` of a message that `fetch-media` should look at.
pub(super) const MEDIA_PREFIX: &str = "media#";
/// Begins the `due_shard` of what was woken in vain too often.
pub(super) const ASIDE_PREFIX: &str = "aside#";
/// Begins the `due_shard` of a message that could not be delivered.
pub(super) const DEAD_PREFIX: &str = "dead#";

/// How many shards a kind of due work is spread over. More writes a second than one partition of the index takes (1 000)
/// need more.
const SHARDS: u32 = 4;

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// Of an item that there never is.
    pub(super) fn of_nothing() -> Self {
        Self::new("NOTHING".to_owned(), "NOTHING")
    }

    pub(super) fn installation(company: CompanyId, user: UserId) -> Self {
        Self::new(company_partition(company), format!("{INSTALLATION_PREFIX}{user}"))
    }

    pub(super) fn channel(id: &ChannelId) -> Self {
        Self::new(company_partition(id.company()), format!("{CHANNEL_PREFIX}{id}"))
    }

    pub(super) fn sharing(company: CompanyId) -> Self {
        Self::new(company_partition(company), SHARING)
    }

    pub(super) fn account(provider: ProviderKind, account: &AccountId) -> Self {
        Self::new(format!("ACCT#{provider}#{account}"), "ACCT")
    }

    pub(super) fn group_member(provider: ProviderKind, group: &AccountId, channel: &ChannelId) -> Self {
        Self::new(group_partition(provider, group), channel.as_str())
    }

    pub(super) fn templates(channel: &ChannelId) -> Self {
        Self::new(format!("CH#{channel}#TPL"), "TPL")
    }

    pub(super) fn conversation(id: &ConversationId) -> Self {
        Self::new(conversation_partition(id), CONVERSATION)
    }

    pub(super) fn message(id: &MessageId) -> Self {
        Self::new(conversation_partition(&id.conversation()), message_sort(&id.place()))
    }

    pub(super) fn note(id: &ConversationId, day: &Day, part: u32) -> Self {
        Self::new(conversation_partition(id), format!("{}{part:04}", notes_sort(day)))
    }

    /// Entries of the same moment are told apart by `random`.
    pub(super) fn audit(id: &ConversationId, at: Timestamp, random: u32) -> Self {
        Self::new(conversation_partition(id), format!("{AUDIT_PREFIX}{:015}#{random:08x}", at.millis()))
    }

    pub(super) fn upload(id: &ConversationId, place: &Place, position: usize) -> Self {
        Self::new(conversation_partition(id), format!("UPLOAD#{place}#{position}"))
    }

    pub(super) fn intent(company: CompanyId, name: &str) -> Self {
        Self::new(format!("INTENT#{company}#{name}"), "INTENT")
    }

    pub(super) fn linked(company: CompanyId, record: &RecordRef, id: &ConversationId) -> Self {
        Self::new(linked_partition(company, record), id.as_str())
    }

    pub(super) fn known(company: CompanyId, record: &RecordRef) -> Self {
        Self::new(format!("KNOWN#{company}#{record}"), "KNOWN")
    }

    pub(super) fn watch(company: CompanyId) -> Self {
        Self::new(format!("WATCH#{company}"), WATCH)
    }

    pub(super) fn budget(company: CompanyId, day: &Day) -> Self {
        Self::new(budget_partition(company), day.as_str())
    }

    pub(super) fn contact(channel: &ChannelId, key: &ContactKey) -> Self {
        Self::new(format!("CH#{channel}#CT#{key}"), "CT")
    }

    pub(super) fn reference(channel: &ChannelId, id: &ProviderMessageId) -> Self {
        Self::new(format!("CH#{channel}#PM#{id}"), "PM")
    }

    pub(super) fn release(company: CompanyId, user: UserId) -> Self {
        Self::new(format!("RELEASE#{company}#{user}"), "RELEASE")
    }

    pub(super) fn turn(conversation: &ConversationId, fingerprint: &str) -> Self {
        Self::new(conversation_partition(conversation), format!("SEND#{fingerprint}"))
    }

    pub(super) fn probe(company: CompanyId, user: UserId) -> Self {
        Self::new(format!("PROBE#{company}#{user}"), "PROBE")
    }

    pub(super) fn api_key(id: &KeyId) -> Self {
        Self::new(keys_partition(id.company()), id.as_str())
    }

    pub(super) fn call(key: &KeyId, call: &str) -> Self {
        Self::new(format!("IDEM#{key}#{call}"), "IDEM")
    }

    pub(super) fn lock(company: CompanyId, name: &str) -> Self {
        Self::new(format!("LOCK#{company}#{name}"), "LOCK")
    }

    pub(super) fn walk(company: CompanyId, user: UserId, list: &str) -> Self {
        Self::new(format!("WALK#{company}#{user}#{list}"), "WALK")
    }

    pub(super) fn person_of_email(company: CompanyId, email: &Email) -> Self {
        Self::new(format!("CO#{company}#EMAIL#{}", email.key()), PERSON)
    }

    /// By its end, so that it is found with and without its country.
    pub(super) fn person_of_phone(company: CompanyId, phone: &Phone) -> Self {
        Self::new(format!("CO#{company}#PHONE#{}", phone.ending()), PERSON)
    }

    pub(super) fn person(company: CompanyId, person: PersonId) -> Self {
        Self::new(format!("CO#{company}#PERSON#{person}"), "CONTACT")
    }

    pub(super) fn list(company: CompanyId, id: &ListId) -> Self {
        Self::new(lists_partition(company), id.as_str())
    }

    pub(super) fn on_list(company: CompanyId, list: &ListId, person: PersonId) -> Self {
        Self::new(list_partition(company, list), person.to_string())
    }

    /// Of a record that was found there.
    pub(super) fn at(pk: &str, sk: &str) -> Self {
        Self::new(pk.to_owned(), sk)
    }

    /// The key of a stored item.
    pub(super) fn of(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        Some(Self { pk: text(PK)?, sk: text(SK)? })
    }

    /// The partition.
    pub(super) fn partition(&self) -> &str {
        &self.pk
    }

    /// The sort key.
    pub(super) fn sort(&self) -> &str {
        &self.sk
    }

    /// As the table's client takes it.
    pub(super) fn attributes(&self) -> Item {
        Item::from([(PK.to_owned(), AttributeValue::S(self.pk.clone())), (SK.to_owned(), AttributeValue::S(self.sk.clone()))])
    }

    /// The company that is named here: in the second part of the partition, by itself or in an id that names it, or in the sort
    /// key. Of conversations and providers' accounts, only the record says whose they are.
    pub(super) fn company(&self) -> Option<CompanyId> {
        let owner = self.pk.split('#').nth(1)?;
        let channel = |id: &str| ChannelId::parse(id).ok().map(|id| id.company());
        let key = |id: &str| KeyId::parse(id).ok().map(|id| id.company());
        owner.parse().ok().map(CompanyId).or_else(|| channel(owner)).or_else(|| key(owner)).or_else(|| channel(&self.sk))
    }

    /// The conversation in whose partition it lies.
    pub(super) fn conversation_id(&self) -> Option<ConversationId> {
        ConversationId::parse(self.pk.strip_prefix("CV#")?).ok()
    }

    /// Whether it is a lock, or something about to be created, under this name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        matches!(self.sk.as_str(), "LOCK" | "INTENT") && self.pk.strip_suffix(name).is_some_and(|rest| rest.ends_with('#'))
    }

    /// The message at this key, if it is one's.
    pub(super) fn message_id(&self) -> Option<MessageId> {
        let conversation = self.conversation_id()?;
        Some(conversation.message(&Place::parse(self.sk.strip_prefix(MESSAGE_PREFIX)?).ok()?))
    }

    /// What has to be done when this key turns up in a shard of due work; none if it is no such key.
    pub(super) fn due_work(&self, shard: &str) -> Option<DueWork> {
        let (kind, owner) = self.pk.split_once('#')?;
        match kind {
            "CV" => {
                let conversation = ConversationId::parse(owner).ok()?;
                match self.sk.strip_prefix(MESSAGE_PREFIX) {
                    None => Some(DueWork::Outbox(conversation)),
                    Some(place) => Some(DueWork::Media(conversation.message(&Place::parse(place).ok()?))),
                }
            }
            "CO" if self.sk.starts_with(CHANNEL_PREFIX) => {
                let channel = ChannelId::parse(&self.sk[CHANNEL_PREFIX.len()..]).ok()?;
                Some(if shard.starts_with(IMPORT_PREFIX) { DueWork::Import(channel) } else { DueWork::Removal(channel) })
            }
            "CO" => {
                let user = self.sk.strip_prefix(INSTALLATION_PREFIX)?;
                Some(DueWork::Tokens(CompanyId(owner.parse().ok()?), UserId(user.parse().ok()?)))
            }
            "WATCH" => Some(DueWork::Watch(CompanyId(owner.parse().ok()?))),
            "ACCT" => {
                let (provider, account) = owner.split_once('#')?;
                Some(DueWork::Listen(provider.parse().ok()?, AccountId::parse(account).ok()?))
            }
            "RELEASE" | "PROBE" => {
                let (company, user) = owner.split_once('#')?;
                let (company, user) = (CompanyId(company.parse().ok()?), UserId(user.parse().ok()?));
                Some(if kind == "PROBE" { DueWork::Probe(company, user) } else { DueWork::Release(company, user) })
            }
            _ => None,
        }
    }
}

/// Partition of a company's installations and channels.
pub(super) fn company_partition(company: CompanyId) -> String {
    format!("{COMPANY_PREFIX}{company}")
}

/// Partition of the channels of a group of accounts.
pub(super) fn group_partition(provider: ProviderKind, group: &AccountId) -> String {
    format!("GROUP#{provider}#{group}")
}

/// Partition of a company's API keys. Apart from its other records: each call writes here.
pub(super) fn keys_partition(company: CompanyId) -> String {
    format!("KEYS#{company}")
}

/// Partition of a company's segmentation lists.
pub(super) fn lists_partition(company: CompanyId) -> String {
    format!("LISTS#{company}")
}

/// Partition of the contacts on a segmentation list.
pub(super) fn list_partition(company: CompanyId, list: &ListId) -> String {
    format!("LISTS#{company}#{list}")
}

/// Partition of a conversation and its messages.
pub(super) fn conversation_partition(id: &ConversationId) -> String {
    format!("CV#{id}")
}

/// Begins the sort keys of a day's notes.
pub(super) fn notes_sort(day: &Day) -> String {
    format!("{NOTE_PREFIX}{day}#")
}

/// Partition of the conversations linked to a record.
pub(super) fn linked_partition(company: CompanyId, record: &RecordRef) -> String {
    format!("LINK#{company}#{record}")
}

/// Partition of what a company's tokens were spent on.
pub(super) fn budget_partition(company: CompanyId) -> String {
    format!("BUDGET#{company}")
}

/// Sort key of a message.
pub(super) fn message_sort(place: &Place) -> String {
    format!("{MESSAGE_PREFIX}{place}")
}

/// Sorts after every message of a conversation's partition, and after the conversation itself.
pub(super) const AFTER_MESSAGES: &str = "M$";

/// Where a conversation stands in the lists: by newest message, then by id.
pub(super) fn list_at(last_at: Timestamp, id: &ConversationId) -> String {
    format!("{:015}#{id}", last_at.millis())
}

/// A kind of due work that is spread over shards.
#[derive(Clone, Copy, Debug)]
pub(super) enum Queue {
    Outbox,
    Media,
    Import,
    Removal,
    Release,
    Probe,
    Aside,
    Listen,
    Tokens,
    Watch,
}

impl Queue {
    fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Media => "media",
            Self::Import => "import",
            Self::Removal => "removal",
            Self::Release => "release",
            Self::Probe => "probe",
            Self::Aside => "aside",
            Self::Listen => "listen",
            Self::Tokens => "tokens",
            Self::Watch => "watch",
        }
    }

    /// All its shards.
    pub(super) fn shards(self) -> impl Iterator<Item = String> {
        (0..SHARDS).map(move |shard| format!("{}#{shard}", self.name()))
    }

    fn shard_of(self, owner: &str) -> String {
        let sum: u32 = owner.bytes().map(u32::from).sum();
        format!("{}#{}", self.name(), sum % SHARDS)
    }
}

/// `due_shard` of a conversation that `deliver` should look at.
pub(super) fn outbox_shard(id: &ConversationId) -> String {
    Queue::Outbox.shard_of(id.as_str())
}

/// `due_shard` of a message of which something is still to be fetched.
pub(super) fn media_shard(id: &MessageId) -> String {
    Queue::Media.shard_of(id.as_str())
}

/// `due_shard` of a channel whose past is being imported.
pub(super) fn import_shard(id: &ChannelId) -> String {
    Queue::Import.shard_of(id.as_str())
}

/// `due_shard` of a removed channel.
pub(super) fn removal_shard(id: &ChannelId) -> String {
    Queue::Removal.shard_of(id.as_str())
}

/// `due_shard` of an installation whose held outboxes may go on.
pub(super) fn release_shard(company: CompanyId, user: UserId) -> String {
    Queue::Release.shard_of(&format!("{company}.{user}"))
}

/// `due_shard` of an account that has to be registered for webhooks anew.
pub(super) fn listen_shard(account: &AccountId) -> String {
    Queue::Listen.shard_of(account.as_str())
}

/// `due_shard` of a record that was woken in vain too often.
pub(super) fn aside_shard(key: &Key) -> String {
    Queue::Aside.shard_of(key.partition())
}

/// `due_shard` of an installation that is halted.
pub(super) fn probe_shard(company: CompanyId, user: UserId) -> String {
    Queue::Probe.shard_of(&format!("{company}.{user}"))
}

/// `due_shard` of an installation whose tokens will have to be renewed.
pub(super) fn tokens_shard(company: CompanyId, user: UserId) -> String {
    Queue::Tokens.shard_of(&format!("{company}.{user}"))
}

/// `due_shard` of a company whose webhooks in Pipedrive have to be looked after.
pub(super) fn watch_shard(company: CompanyId) -> String {
    Queue::Watch.shard_of(&company.to_string())
}

/// `due_shard` of conversations that wait until the installation works again.
pub(super) fn held_shard(company: CompanyId, user: UserId) -> String {
    format!("held#{company}#{user}")
}

/// `due_shard` of a company's dead messages.
pub(super) fn dead_shard(company: CompanyId) -> String {
    format!("{DEAD_PREFIX}{company}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_work_is_read_back_from_its_key() {
        let (company, user) = (CompanyId(7), UserId(9));
        let (conversation, channel) = (ConversationId::new(), ChannelId::new(company));
        let message = conversation.message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 0));
        let (custom, account) = (ProviderKind::Custom, AccountId::parse("7.https://a.example#b").unwrap());
        for (key, shard, work) in [
            (Key::account(custom, &account), listen_shard(&account), DueWork::Listen(custom, account.clone())),
            (Key::conversation(&conversation), outbox_shard(&conversation), DueWork::Outbox(conversation.clone())),
            (Key::message(&message), media_shard(&message), DueWork::Media(message.clone())),
            (Key::channel(&channel), removal_shard(&channel), DueWork::Removal(channel.clone())),
            (Key::channel(&channel), import_shard(&channel), DueWork::Import(channel.clone())),
            (Key::installation(company, user), tokens_shard(company, user), DueWork::Tokens(company, user)),
            (Key::release(company, user), release_shard(company, user), DueWork::Release(company, user)),
            (Key::probe(company, user), probe_shard(company, user), DueWork::Probe(company, user)),
            (Key::watch(company), watch_shard(company), DueWork::Watch(company)),
        ] {
            assert_eq!(Key::of(&key.attributes()).and_then(|key| key.due_work(&shard)), Some(work));
        }
        assert_eq!(Key::person(company, PersonId(8)).due_work("outbox#0"), None);
    }

    #[test]
    fn work_lands_in_one_of_the_shards_that_are_asked() {
        let shards: Vec<String> = Queue::Outbox.shards().chain(Queue::Media.shards()).collect();
        for _ in 0..100 {
            let conversation = ConversationId::new();
            let message = conversation.message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 0));
            let (outbox, media) = (outbox_shard(&conversation), media_shard(&message));
            assert!(shards.contains(&outbox) && outbox.starts_with(OUTBOX_PREFIX), "{outbox}");
            assert!(shards.contains(&media) && media.starts_with(MEDIA_PREFIX), "{media}");
        }
    }

    #[test]
    fn lists_sort_by_time() {
        let id = ConversationId::new();
        assert!(list_at(Timestamp::from_millis(999), &id) < list_at(Timestamp::from_millis(1000), &id));
        assert_eq!(list_at(Timestamp::from_secs(i64::MAX), &id).len(), 15 + 1 + id.as_str().len());
    }
}
