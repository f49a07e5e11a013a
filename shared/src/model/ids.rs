//! Typed ids. Those that leave the bundle are its own, made of `[A-Za-z0-9_-]`, and say where their record lies:
//! a channel id carries its company, a message id its conversation and its place in it. So each record is one read
//! away from its id, without an index.
//!
//! | id | shape |
//! |---|---|
//! | channel | `ch_<company>_<20 random>` |
//! | conversation | `cv_<16 random>` |
//! | participant | `pt_` and the random part of its conversation (the customer) or channel (the company's side) |
//! | message | `m_<conversation's 16><place, 24>` |
//! | API key | `<company>-<8 random>`: the open part of the key itself |
//! | segmentation list | `sl_<16 random>` |
//! | upload | `up_<24 random>` |

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

const CHANNEL_RANDOM: usize = 20;
const CONVERSATION_RANDOM: usize = 16;
const KEY_RANDOM: usize = 8;
const LIST_RANDOM: usize = 16;
const UPLOAD_RANDOM: usize = 24;

/// The id is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct InvalidId;

/// Lower-case base 32 in ASCII order, so that encoded numbers sort as the numbers do.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

fn base32(mut n: u128, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(n & 31) as usize];
        n >>= 5;
    }
    digits.into_iter().map(char::from).collect()
}

fn is_base32(text: &str, width: usize) -> bool {
    text.len() == width && text.bytes().all(|b| ALPHABET.contains(&b))
}

fn random(width: usize) -> String {
    base32(uuid::Uuid::new_v4().as_u128(), width.min(12)) + &base32(uuid::Uuid::new_v4().as_u128(), width.saturating_sub(12))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` as such an id, if it has the shape.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $parse;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// A company's account in Pipedrive: the tenant.
    CompanyId
}
number_id! {
    /// A Pipedrive user within a company.
    UserId
}

number_id! {
    /// A person in Pipedrive.
    PersonId
}
number_id! {
    /// An organization in Pipedrive.
    OrganizationId
}
number_id! {
    /// A deal in Pipedrive.
    DealId
}
number_id! {
    /// A pipeline in Pipedrive.
    PipelineId
}
number_id! {
    /// A stage of a pipeline in Pipedrive.
    StageId
}
number_id! {
    /// A note in Pipedrive.
    NoteId
}
number_id! {
    /// A file in Pipedrive.
    FileId
}
number_id! {
    /// A webhook that is registered with Pipedrive.
    WebhookId
}

text_id! {
    /// A lead in Pipedrive: a UUID.
    LeadId, |text| uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
}

text_id! {
    /// The open part of an API key, by which it is found, listed and revoked.
    KeyId, |text| key_parts(text).is_some()
}
text_id! {
    /// A list of contacts, kept by this bundle.
    ListId, |text| text.strip_prefix("sl_").is_some_and(|rest| is_base32(rest, LIST_RANDOM))
}
text_id! {
    /// A file that was uploaded for a message that is still to be sent.
    UploadId, |text| text.strip_prefix("up_").is_some_and(|rest| is_base32(rest, UPLOAD_RANDOM))
}
text_id! {
    /// A connected provider account, as Pipedrive knows it (`providerChannelId`).
    ChannelId, |text| channel_parts(text).is_some()
}
text_id! {
    /// A chat with one customer on one channel (`sourceConversationId`).
    ConversationId, |text| text.strip_prefix("cv_").is_some_and(|rest| is_base32(rest, CONVERSATION_RANDOM))
}
text_id! {
    /// One side of a conversation (`senderId`).
    ParticipantId, |text| text.strip_prefix("pt_")
        .is_some_and(|rest| is_base32(rest, CONVERSATION_RANDOM) || is_base32(rest, CHANNEL_RANDOM))
}
text_id! {
    /// A message (`sourceMessageId`).
    MessageId, |text| text.strip_prefix("m_").is_some_and(|rest| is_base32(rest, CONVERSATION_RANDOM + Place::WIDTH))
}
text_id! {
    /// What the provider calls a message. Opaque; may hold a phone number inside.
    ProviderMessageId, |text| !text.is_empty() && text.len() <= 512
}
text_id! {
    /// What the provider calls the connected account: a phone number id, a page id, …
    AccountId, |text| !text.is_empty() && text.len() <= 256
}
text_id! {
    /// One of the names under which a provider knows a customer, e.g. `phone:15550100001` or `user:US.1`.
    ContactKey, |text| !text.is_empty() && text.len() <= 512
}

fn channel_parts(text: &str) -> Option<(CompanyId, &str)> {
    let (company, random) = text.strip_prefix("ch_")?.split_once('_')?;
    let company = company_of(company)?;
    is_base32(random, CHANNEL_RANDOM).then_some((company, random))
}

fn key_parts(text: &str) -> Option<CompanyId> {
    let (company, random) = text.split_once('-')?;
    company_of(company).filter(|_| is_base32(random, KEY_RANDOM))
}

/// A company in an id, written in the one way in which we write it.
fn company_of(text: &str) -> Option<CompanyId> {
    let canonical = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical).map(CompanyId)
}

impl KeyId {
    /// A new one in the company. It is no secret.
    pub fn new(company: CompanyId) -> Self {
        Self(format!("{company}-{}", random(KEY_RANDOM)))
    }

    /// The company that the key belongs to.
    pub fn company(&self) -> CompanyId {
        key_parts(&self.0).unwrap_or(CompanyId(0))
    }
}

impl ListId {
    /// A new id of 80 random bits.
    pub fn new() -> Self {
        Self(format!("sl_{}", random(LIST_RANDOM)))
    }
}

impl Default for ListId {
    fn default() -> Self {
        Self::new()
    }
}

impl UploadId {
    /// A new id of 120 random bits.
    pub fn new() -> Self {
        Self(format!("up_{}", random(UPLOAD_RANDOM)))
    }
}

impl Default for UploadId {
    fn default() -> Self {
        Self::new()
    }
}

impl ChannelId {
    /// A new, unguessable id (100 random bits) in the company.
    pub fn new(company: CompanyId) -> Self {
        Self(format!("ch_{company}_{}", random(CHANNEL_RANDOM)))
    }

    /// The company that the channel belongs to.
    pub fn company(&self) -> CompanyId {
        channel_parts(&self.0).map_or(CompanyId(0), |(company, _)| company)
    }

    /// The participant who stands for the company in every conversation of the channel.
    pub fn source_user(&self) -> ParticipantId {
        ParticipantId(format!("pt_{}", &self.0[self.0.len() - CHANNEL_RANDOM..]))
    }
}

impl ConversationId {
    /// A new id of 80 random bits.
    pub fn new() -> Self {
        Self(format!("cv_{}", random(CONVERSATION_RANDOM)))
    }

    /// The customer in this conversation.
    pub fn end_user(&self) -> ParticipantId {
        ParticipantId(format!("pt_{}", &self.0[3..]))
    }

    /// The message of this conversation at `place`.
    pub fn message(&self, place: &Place) -> MessageId {
        MessageId(format!("m_{}{place}", &self.0[3..]))
    }
}

impl Default for ConversationId {
    fn default() -> Self {
        Self::new()
    }
}

impl ParticipantId {
    /// The conversation whose customer this is; none if it is a company's side.
    pub fn conversation(&self) -> Option<ConversationId> {
        let rest = &self.0[3..];
        (rest.len() == CONVERSATION_RANDOM).then(|| ConversationId(format!("cv_{rest}")))
    }
}

impl MessageId {
    /// The conversation that the message belongs to.
    pub fn conversation(&self) -> ConversationId {
        ConversationId(format!("cv_{}", &self.0[2..2 + CONVERSATION_RANDOM]))
    }

    /// Where in its conversation the message stands.
    pub fn place(&self) -> Place {
        Place(self.0[2 + CONVERSATION_RANDOM..].to_owned())
    }
}

/// A message's place in its conversation. Places sort as the messages do: by the provider's time; within one of its
/// ticks by arrival; within one batch as they stood in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place(String);

impl Place {
    /// Characters in a place: 48 bits of the provider's milliseconds, 32 of delay until arrival, 12 of index, 28 random.
    const WIDTH: usize = 24;
    /// How far ahead of ours a provider's clock may be. Delays are counted from there, so that by such a clock, too, messages of
    /// one tick sort by arrival.
    pub const AHEAD: Duration = Duration::from_mins(5);

    /// The place of a message that was sent at `sent_at` and arrived at `arrived_at` as the `index`th of its batch.
    pub fn new(sent_at: Timestamp, arrived_at: Timestamp, index: usize) -> Self {
        let ms = u128::from(sent_at.millis().unsigned_abs());
        let delay = arrived_at.plus(Self::AHEAD).since(sent_at).as_millis().min(u128::from(u32::MAX));
        let index = u128::try_from(index.min(0xfff)).unwrap_or(0xfff);
        let random = uuid::Uuid::new_v4().as_u128() & 0x0fff_ffff;
        Self(base32((ms << 72) | (delay << 40) | (index << 28) | random, Self::WIDTH))
    }

    /// Where the first message stands that could be sent at `at`.
    pub fn first_at(at: Timestamp) -> Self {
        Self(base32(u128::from(at.millis().unsigned_abs()) << 72, Self::WIDTH))
    }

    /// When its message arrived here; too early for one that was sent more than seven weeks before that.
    pub fn arrived_at(&self) -> Timestamp {
        let digit = |b: u8| ALPHABET.iter().position(|known| *known == b).unwrap_or(0);
        let bits = self.0.bytes().fold(0_u128, |bits, b| (bits << 5) | digit(b) as u128);
        let millis = |bits: u128| i64::try_from(bits).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis(bits >> 72).saturating_add(millis((bits >> 40) & u128::from(u32::MAX)))).minus(Self::AHEAD)
    }

    /// Takes `text` as a place, if it has the shape.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_base32(text, Self::WIDTH) { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
    }

    /// The place as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Place {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        place.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_lead_back_to_their_owners() {
        let channel = ChannelId::new(CompanyId(42));
        assert_eq!(channel.company(), CompanyId(42));
        assert_eq!(ChannelId::parse(channel.as_str()), Ok(channel.clone()));
        assert_eq!(channel.source_user().conversation(), None);

        let conversation = ConversationId::new();
        assert_eq!(conversation.end_user().conversation(), Some(conversation.clone()));
        let place = Place::new(Timestamp::from_secs(1), Timestamp::from_secs(2), 3);
        let message = conversation.message(&place);
        assert_eq!(MessageId::parse(message.as_str()), Ok(message.clone()));
        assert_eq!((message.conversation(), message.place()), (conversation, place));

        let key = KeyId::new(CompanyId(42));
        assert_eq!((KeyId::parse(key.as_str()), key.company()), (Ok(key.clone()), CompanyId(42)));
        let list = ListId::new();
        assert_eq!(ListId::parse(list.as_str()), Ok(list));
        let upload = UploadId::new();
        assert_eq!(UploadId::parse(upload.as_str()), Ok(upload));
    }

    #[test]
    fn a_place_knows_when_its_message_arrived() {
        let (sent, arrived) = (Timestamp::from_secs(1_767_225_600), Timestamp::from_millis(1_767_225_661_007));
        assert_eq!(Place::new(sent, arrived, 4095).arrived_at(), arrived);
        assert_eq!(Place::new(arrived, sent, 0).arrived_at(), sent, "a clock ahead of ours");
        let years = Place::new(Timestamp::EPOCH, arrived, 0).arrived_at();
        assert_eq!(years, Timestamp::from_millis(i64::from(u32::MAX)).minus(Place::AHEAD));
    }

    #[test]
    fn messages_of_one_tick_sort_by_arrival_by_a_clock_ahead_of_ours_too() {
        let second = Timestamp::from_secs(1_767_225_600);
        let arrivals = [3_000, 2_999, 1].map(|before| second.minus(Duration::from_millis(before)));
        let places: Vec<Place> = arrivals.iter().map(|arrived| Place::new(second, *arrived, 0)).collect();
        assert!(places.is_sorted_by(|earlier, later| earlier < later), "{places:?}");
    }

    #[test]
    fn foreign_shapes_are_refused() {
        for text in
            ["", "ch_", "ch_1_short", "ch_01_00000000000000000000", "ch_-1_00000000000000000000", "cv_ABCDEFGHIJKLMNOP", "m_1"]
        {
            assert!(
                ChannelId::parse(text).is_err() && ConversationId::parse(text).is_err() && MessageId::parse(text).is_err(),
                "{text}"
            );
        }
        assert!(ChannelId::parse("ch_99999999999999999999999_00000000000000000000").is_err(), "company past 64 bits");
        assert!(ProviderMessageId::parse("").is_err());
        assert!(LeadId::parse("adf21080-0e10-11eb-879b-05d71fb426ec").is_ok());
        for text in ["", "7", "adf210800e1011eb879b05d71fb426ec", "ADF21080-0E10-11EB-879B-05D71FB426EC", "#"] {
            assert!(LeadId::parse(text).is_err(), "{text}");
        }
        for text in ["", "-00000000", "07-00000000", "7-0000000", "7-0000000W", "sl_", "sl_0"] {
            assert!(KeyId::parse(text).is_err() && ListId::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn places_sort_by_time_then_arrival_then_index(
            a in (0..200_000_000_000_000_i64, 0..1_000_000_i64, 0..1000_usize),
            b in (0..200_000_000_000_000_i64, 0..1_000_000_i64, 0..1000_usize),
        ) {
            let place = |(ms, delay, index): (i64, i64, usize)| {
                Place::new(Timestamp::from_millis(ms), Timestamp::from_millis(ms).plus(Duration::from_millis(delay.unsigned_abs())), index)
            };
            prop_assume!(a != b);
            prop_assert_eq!(place(a) < place(b), a < b);
        }
    }
}
