//! Contacts, in and out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::values::{GivenOrigin, GivenPhone, Name, or_default};
use crate::{
    model::{
        contact::{ContactRecord, Email, Phone},
        ids::{ConversationId, ListId, PersonId},
        time::Timestamp,
    },
    pipedrive::Person,
};

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
    Ok(Option::<GivenPhone>::deserialize(deserializer)?.map(GivenPhone::phone))
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
