//! Bodies of the contacts and deals API, in and out. The description at `/v2/openapi.json` is made from these types, so a
//! limit stands beside the code that keeps it. Members that are not named here are ignored; ids and amounts may be written as
//! text or as numbers.

use std::{collections::BTreeMap, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;

use crate::{
    model::{
        contact::{ContactRecord, Email, Origin, Phone, SegmentationList},
        ids::{ConversationId, ListId, PersonId},
        text::clean,
        time::Timestamp,
    },
    pipedrive::{Deal, Person, Pipeline, Stage},
};

/// Longest name, in characters.
const MAX_NAME: usize = 255;
/// Most values of an origin, and the longest name and value of one, in characters.
const MAX_ORIGIN: (usize, usize, usize) = (20, 64, 2048);
/// Longest id that anybody writes.
const MAX_ID: usize = 64;

/// How a type is described, where its own checks say more than its fields.
macro_rules! described {
    ($name:ident, $schema:tt) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

described!(Email, {"type": "string", "maxLength": 254, "pattern": Email::PATTERN});
described!(ConversationId, {"type": "string", "pattern": "^cv_[0-9a-v]{16}$"});
described!(ListId, {"type": "string", "pattern": "^sl_[0-9a-v]{16}$"});

/// An object, and no list of its members' values in their order, which serde would take for one as well.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// A name. One of nothing but spaces counts as not given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);
described!(Name, {"type": "string", "maxLength": MAX_NAME});

impl Name {
    /// The name, unless it is blank.
    pub fn given(self) -> Option<String> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.chars().count() > MAX_NAME {
            return Err("must have at most 255 characters");
        }
        Ok(Self(clean(text.trim(), text.len())))
    }
}

/// A name that has to be given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RequiredName(String);
described!(RequiredName, {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": r"\S"});

impl RequiredName {
    /// As text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for RequiredName {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = Name::try_from(text)?;
        name.given().map(Self).ok_or("must not be empty")
    }
}

/// Text, or a number that stands for its digits; with a part behind the point if there may be one.
struct Written {
    fraction: bool,
}

impl Visitor<'_> for Written {
    type Value = String;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.fraction { "a string or a number" } else { "a string or a whole number" })
    }
    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        if self.fraction { Ok(number.to_string()) } else { Err(E::invalid_type(Unexpected::Float(number), &self)) }
    }
}

/// Takes text or a number, then what [`TryFrom`] makes of it.
macro_rules! lenient {
    ($name:ident, fraction: $fraction:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = deserializer.deserialize_any(Written { fraction: $fraction })?;
                Self::try_from(text).map_err(D::Error::custom)
            }
        }
    };
}

/// Whatever somebody takes for an id. One that is no number is as unknown as any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenId(String);
lenient!(GivenId, fraction: false);

impl GivenId {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Pipedrive's number, if it is one.
    pub fn number(&self) -> Option<u64> {
        self.0.bytes().all(|b| b.is_ascii_digit()).then(|| self.0.parse().ok()).flatten()
    }
}

impl TryFrom<String> for GivenId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) || text.chars().count() > MAX_ID {
            return Err("must be an id");
        }
        Ok(Self(text.to_owned()))
    }
}

described!(GivenId, {"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_ID, "pattern": r"\S", "minimum": 0});

/// A phone number as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenPhone(Phone);
lenient!(GivenPhone, fraction: false);

impl TryFrom<String> for GivenPhone {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Phone::try_from(text).map(Self)
    }
}

described!(GivenPhone, {
    "type": ["string", "integer"], "pattern": Phone::PATTERN, "minimum": 100_000, "maximum": 999_999_999_999_999_u64,
});

/// An amount of money: digits, and up to two behind a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(Number);
lenient!(Amount, fraction: true);

/// What an amount looks like.
const AMOUNT_PATTERN: &str = r"^[0-9]{1,13}(\.[0-9]{1,2})?$";

impl Amount {
    /// As a number.
    pub fn number(self) -> Number {
        self.0
    }
}

impl TryFrom<String> for Amount {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (whole, cents) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let number = if !digits(whole, 13) || !digits(cents, 2) {
            None
        } else if cents.bytes().all(|b| b == b'0') {
            whole.parse().ok().map(|whole: u64| Number::from(whole))
        } else {
            text.trim().parse().ok().and_then(Number::from_f64)
        };
        number.map(Self).ok_or("must be an amount with at most 13 digits before the point and two after it")
    }
}

described!(Amount, {"type": ["string", "number"], "pattern": AMOUNT_PATTERN, "minimum": 0, "maximum": 9_999_999_999_999_u64});

/// A day, as `2026-12-24` or as a moment of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(String);
described!(Day, {"type": "string", "format": "date"});

impl TryFrom<String> for Day {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let day: Option<jiff::civil::Date> = match Timestamp::parse_rfc3339(text) {
            Some(moment) => moment.rfc3339()[..10].parse().ok(),
            None if text.len() == 10 => text.parse().ok(),
            None => None,
        };
        day.map(|day| Self(day.to_string())).ok_or("must be a date like 2026-12-24")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

/// How a contact came to us. `url`, `utmSource`, `utmMedium`, `utmCampaign`, `utmTerm` and `utmContent` are usual; any names
/// and texts are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct GivenOrigin(BTreeMap<String, String>);
described!(GivenOrigin, {
    "type": "object", "maxProperties": MAX_ORIGIN.0, "propertyNames": {"maxLength": MAX_ORIGIN.1},
    "additionalProperties": {"type": "string", "maxLength": MAX_ORIGIN.2},
    "examples": [{"url": "https://example.com/offer", "utmSource": "newsletter"}],
});

impl TryFrom<BTreeMap<String, String>> for GivenOrigin {
    type Error = &'static str;
    fn try_from(given: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        let (count, name, value) = MAX_ORIGIN;
        if given.len() > count {
            return Err("must have at most 20 members");
        }
        if given.iter().any(|(k, v)| k.chars().count() > name || v.chars().count() > value) {
            return Err("must have names of at most 64 characters and values of at most 2048");
        }
        Ok(Self(given))
    }
}

impl From<GivenOrigin> for Origin {
    fn from(given: GivenOrigin) -> Self {
        given.0
    }
}

/// What is given of a contact beside its address.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ContactAttributesGiven")]
pub struct ContactAttributes {
    /// The contact's name. A new contact without one is called by its e-mail address.
    #[serde(default)]
    pub name: Option<Name>,
    /// The phone number, best with a plus and the country. Conversations with it are linked to the contact.
    #[serde(default, deserialize_with = "phone")]
    #[schemars(with = "Option<GivenPhone>")]
    pub phone: Option<Phone>,
}

fn phone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phone>, D::Error> {
    Ok(Option::<GivenPhone>::deserialize(deserializer)?.map(|phone| phone.0))
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0).unwrap_or_default())
}

/// A new contact.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactCreate {
    /// The e-mail address. No other contact may have it.
    pub email: Email,
    /// How the contact came to you.
    #[serde(default)]
    pub origin: Option<GivenOrigin>,
    /// Name and phone number.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<ContactAttributes>")]
    pub attributes: ContactAttributes,
    /// A conversation with the contact, to be linked to it.
    #[serde(default, deserialize_with = "conversation")]
    pub conversation_id: Option<ConversationId>,
}

/// What changes of a contact. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactUpdate {
    /// The new primary e-mail address. The ones before are kept beside it.
    #[serde(default)]
    pub email: Option<Email>,
    /// Name and phone number. A new number becomes the primary one; the ones before are kept beside it.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<ContactAttributes>")]
    pub attributes: ContactAttributes,
    /// A conversation with the contact, to be linked to it.
    #[serde(default, deserialize_with = "conversation")]
    pub conversation_id: Option<ConversationId>,
}

fn conversation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ConversationId>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let id = ConversationId::parse(text.trim());
    id.map(Some).map_err(|_| D::Error::custom("must be the id of a conversation of this company"))
}

/// A contact that was written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SavedContact {
    /// Pipedrive's id of the person.
    pub id: String,
    /// The primary e-mail address.
    pub email: Option<String>,
}

impl SavedContact {
    /// Of this person.
    pub fn new(id: PersonId, person: &Person) -> Self {
        Self { id: id.to_string(), email: person.email().map(str::to_owned) }
    }
}

/// Whether a contact is used. Deleted ones are not found at all.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ContactStatus {
    /// It is.
    Active,
}

/// Who created a contact.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ContactSource {
    /// This API.
    Api,
    /// Somebody else, in Pipedrive.
    Pipedrive,
}

/// What is shown of a contact beside its address.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ContactAttributes")]
pub struct ContactAttributesView {
    /// The contact's name.
    pub name: String,
    /// The primary phone number.
    pub phone: Option<String>,
}

/// A contact.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Contact")]
pub struct ContactView {
    /// Pipedrive's id of the person.
    pub id: String,
    /// The primary e-mail address.
    pub email: Option<String>,
    /// Whether it is used.
    pub status: ContactStatus,
    /// Who created it.
    pub source: ContactSource,
    /// How it came to you, as given when it was created.
    pub origin: BTreeMap<String, String>,
    /// The segmentation lists that it is on.
    pub segmented_lists_ids: Vec<ListId>,
    /// The conversations that are linked to it.
    pub conversation_ids: Vec<ConversationId>,
    /// When it was created, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: Option<String>,
    /// Name and phone number.
    pub attributes: ContactAttributesView,
}

impl ContactView {
    /// A person with what we know of them.
    pub fn new(person: Person, record: ContactRecord) -> Self {
        Self {
            id: person.id.to_string(),
            email: person.email().map(str::to_owned),
            status: ContactStatus::Active,
            source: if record.created_at.is_some() { ContactSource::Api } else { ContactSource::Pipedrive },
            origin: record.origin,
            segmented_lists_ids: record.lists.into_iter().collect(),
            conversation_ids: record.conversations.into_iter().collect(),
            created_at: person.added_at.or(record.created_at).map(Timestamp::rfc3339),
            attributes: ContactAttributesView { phone: person.phone().map(str::to_owned), name: person.name },
        }
    }
}

/// A page of a list, oldest entry first, a hundred on each.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageOf{T}s")]
pub struct Page<T> {
    /// Its number, from 0.
    #[schemars(range(min = 0))]
    pub page: usize,
    /// How many entries there are on all pages. Exact up to ten thousand; at least so many beyond that, until a listing has
    /// got there.
    pub total: u64,
    /// Whether there is a next page.
    pub has_more: bool,
    /// The entries.
    #[schemars(length(max = 100))]
    pub data: Vec<T>,
}

/// What is given of a deal.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "DealAttributesGiven")]
pub struct DealAttributes {
    /// The deal's title. A new deal without one is named after its contact.
    #[serde(default, rename = "pb_name")]
    pub name: Option<Name>,
    /// What it is worth, in the company's currency.
    #[serde(default, rename = "pb_amount")]
    pub amount: Option<Amount>,
    /// When it is expected to close.
    #[serde(default, rename = "pb_closingDate")]
    pub closing_date: Option<Day>,
}

/// A new deal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealCreate {
    /// Whom it is with.
    pub contact_id: GivenId,
    /// Where it starts.
    pub pipeline_id: GivenId,
    /// How far it is; a stage of that pipeline.
    pub stage_id: GivenId,
    /// Title, amount, expected end.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<DealAttributes>")]
    pub attributes: DealAttributes,
}

/// What changes of a deal. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealUpdate {
    /// Whom it is with from now on.
    #[serde(default)]
    pub contact_id: Option<GivenId>,
    /// Where it goes; a stage of another pipeline moves it there.
    #[serde(default)]
    pub stage_id: Option<GivenId>,
    /// Title, amount, expected end.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<DealAttributes>")]
    pub attributes: DealAttributes,
}

/// A deal that was created.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedDeal {
    /// Pipedrive's id of it.
    pub id: String,
    /// Whom it is with.
    pub contact_id: String,
    /// Their primary e-mail address.
    pub email: Option<String>,
}

/// A deal that was changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DealUpdated {
    /// Pipedrive's id of it.
    pub id: String,
}

/// Which deals are listed.
#[derive(Debug, Clone, Default)]
pub struct DealFilterQuery {
    /// Of this contact alone.
    pub contact_id: Option<GivenId>,
    /// Of this pipeline alone.
    pub pipeline_id: Option<GivenId>,
    /// Of this stage alone.
    pub stage_id: Option<GivenId>,
    /// Of this status alone.
    pub status: Option<DealStatus>,
}

/// What became of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DealStatus {
    /// Nothing yet.
    Open,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
}

impl DealStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    /// Pipedrive's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// What is shown of a deal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DealAttributes")]
pub struct DealAttributesView {
    /// The deal's title.
    #[serde(rename = "pb_name")]
    pub name: String,
    /// What it is worth.
    #[serde(rename = "pb_amount")]
    pub amount: Option<String>,
    /// In which currency.
    #[serde(rename = "pb_currency")]
    pub currency: Option<String>,
    /// When it is expected to close, as a date.
    #[serde(rename = "pb_closingDate")]
    pub closing_date: Option<String>,
}

/// A deal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Deal")]
pub struct DealView {
    /// Pipedrive's id of it.
    pub id: String,
    /// Whom it is with.
    pub contact_id: Option<String>,
    /// Where it is.
    pub pipeline_id: String,
    /// How far it is.
    pub stage_id: String,
    /// `open`, `won` or `lost`.
    pub status: String,
    /// When it was created, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: Option<String>,
    /// When it was last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: Option<String>,
    /// Title, amount, expected end.
    pub attributes: DealAttributesView,
}

impl From<Deal> for DealView {
    fn from(deal: Deal) -> Self {
        Self {
            id: deal.id.to_string(),
            contact_id: deal.person.map(|id| id.to_string()),
            pipeline_id: deal.pipeline.to_string(),
            stage_id: deal.stage.to_string(),
            status: deal.status,
            created_at: deal.added_at.map(Timestamp::rfc3339),
            updated_at: deal.updated_at.map(Timestamp::rfc3339),
            attributes: DealAttributesView {
                name: deal.title,
                amount: deal.value.map(|value| value.to_string()),
                currency: deal.currency,
                closing_date: deal.expected_close_date,
            },
        }
    }
}

/// A pipeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Pipeline")]
pub struct PipelineView {
    /// Pipedrive's id of it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its place among the pipelines.
    pub order: u64,
}

impl From<Pipeline> for PipelineView {
    fn from(Pipeline { id, name, order }: Pipeline) -> Self {
        Self { id: id.to_string(), name, order }
    }
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Stage")]
pub struct StageView {
    /// Pipedrive's id of it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub pipeline_id: String,
    /// Its place in the pipeline.
    pub order: u64,
}

impl From<Stage> for StageView {
    fn from(Stage { id, name, pipeline, order }: Stage) -> Self {
        Self { id: id.to_string(), name, pipeline_id: pipeline.to_string(), order }
    }
}

/// A new segmentation list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "SegmentationListCreate")]
pub struct ListCreate {
    /// What to call it.
    pub name: RequiredName,
}

/// A segmentation list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SegmentationList")]
pub struct ListView {
    /// Its id.
    pub id: ListId,
    /// What it is called.
    pub name: String,
    /// How many contacts are on it.
    pub contacts: u64,
    /// When it was made, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
}

impl From<SegmentationList> for ListView {
    fn from(SegmentationList { id, name, contacts, created_at, .. }: SegmentationList) -> Self {
        Self { id, name, contacts, created_at: created_at.rfc3339() }
    }
}

/// A segmentation list that was deleted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DeletedSegmentationList")]
pub struct ListDeleted {
    /// Its id.
    pub id: ListId,
}

/// A contact that was put on a segmentation list, or taken off it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SegmentationListContact")]
pub struct ListContact {
    /// Pipedrive's id of the person.
    pub id: String,
    /// The list.
    pub segmentation_list_id: ListId,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_amounts_and_numbers_come_as_text_or_numbers() {
        let given = json!({
            "contactId": 8, "pipelineId": "1", "stageId": " 2 ", "more": {"is": "ignored"},
            "attributes": {"pb_amount": 2_300_000, "pb_name": "  ", "pb_closingDate": "2026-12-24T23:00:00-03:00", "custom": 1},
        });
        let deal: DealCreate = serde_json::from_value(given).unwrap();
        assert_eq!((deal.contact_id.number(), deal.stage_id.number()), (Some(8), Some(2)));
        assert_eq!(deal.attributes.name.and_then(Name::given), None);
        assert_eq!(deal.attributes.amount.map(Amount::number), Some(Number::from(2_300_000)));
        assert_eq!(deal.attributes.closing_date.map(String::from).as_deref(), Some("2026-12-25"));
        let contact: ContactCreate =
            serde_json::from_value(json!({"email": "a@b.co", "attributes": {"phone": 5_511_999_990_001_u64}, "origin": null}))
                .unwrap();
        assert_eq!(contact.attributes.phone.as_ref().map(Phone::as_str), Some("5511999990001"));
    }

    #[test]
    fn amounts_and_days_are_checked() {
        for (text, number) in [("0", "0"), ("2300000", "2300000"), ("12.5", "12.5"), ("12.50", "12.5"), ("7.00", "7")] {
            assert_eq!(Amount::try_from(text.to_owned()).unwrap().number().to_string(), number);
        }
        for text in ["", "-1", "1e5", "1,5", "1.234", ".5", "5.", "12345678901234", "R$ 5"] {
            assert!(Amount::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["", "2026-02-30", "24.12.2026", "2026-1-1", "soon"] {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_origins_have_limits() {
        assert!(Name::try_from("x".repeat(255)).is_ok() && Name::try_from("x".repeat(256)).is_err());
        assert!(RequiredName::try_from(" \t".to_owned()).is_err());
        let origin =
            |count: usize, value: usize| (0..count).map(|n| (n.to_string(), "x".repeat(value))).collect::<BTreeMap<_, _>>();
        assert!(GivenOrigin::try_from(origin(20, 2048)).is_ok());
        assert!(GivenOrigin::try_from(origin(21, 1)).is_err() && GivenOrigin::try_from(origin(1, 2049)).is_err());
    }
}
