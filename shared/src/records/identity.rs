//! What tells a customer apart from all others, whatever way they write: a phone number, an e-mail address. By it they are
//! looked for in Pipedrive, and by it one stranger becomes one person, whoever creates them: the bundle by itself or a
//! salesperson, in this conversation or in another.

use super::ports::{Intent, LinkStore};
use crate::{
    crm::locks,
    inbox::ports::StoreError,
    model::{
        contact::{Email, Phone},
        conversation::{Conversation, Customer},
        ids::{ConversationId, PersonId},
    },
    pipedrive::{FoundPerson, Labelled, Person, PersonFields},
};

/// What a person's e-mail address is called in Pipedrive, as its own forms call it.
const EMAIL_LABEL: &str = "work";

/// What is known of a customer's ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) phone: Option<Phone>,
    pub(super) email: Option<Email>,
}

impl Identity {
    /// What a provider told of them.
    pub(super) fn of(customer: &Customer) -> Self {
        Self { phone: customer.phone.as_deref().and_then(Phone::parse), email: customer.email.clone() }
    }

    fn is_unknown(&self) -> bool {
        self.phone.is_none() && self.email.is_none()
    }

    /// What has to be held while a person is created for the customer, so that nobody else does.
    pub(super) fn locks(&self, id: &ConversationId) -> Vec<String> {
        let mut names = vec![conversation_lock(id)];
        names.extend(self.phone.as_ref().map(locks::phone));
        names.extend(self.email.as_ref().map(locks::email));
        names
    }

    /// Under which names it is written down that the customer's person is about to be created: by each way that is known, so that
    /// another conversation finds it which knows one of them alone. Customers of whom neither number nor address is known are told
    /// apart by their conversation.
    pub(super) fn intent(&self, conversation: &Conversation) -> Vec<String> {
        if self.is_unknown() {
            return vec![format!("person#{}", conversation.id)];
        }
        let ways = self.phone.as_ref().map(locks::phone).into_iter().chain(self.email.as_ref().map(locks::email));
        ways.map(|way| format!("person#{way}")).collect()
    }

    /// Whether a person of Pipedrive's has the customer's number or address.
    pub(super) fn is(&self, person: &Person) -> bool {
        self.matches(
            person.phones.iter().map(|known| known.value.as_str()),
            person.emails.iter().map(|known| known.value.as_str()),
        )
    }

    /// The same of a person that a search found.
    pub(super) fn is_found(&self, person: &FoundPerson) -> bool {
        self.matches(person.phones.iter().map(String::as_str), person.emails.iter().map(String::as_str))
    }

    fn matches<'a>(&self, mut phones: impl Iterator<Item = &'a str>, mut emails: impl Iterator<Item = &'a str>) -> bool {
        self.phone.as_ref().is_some_and(|phone| phones.any(|known| phone.is(known)))
            || self.email.as_ref().is_some_and(|email| emails.any(|known| email.is(known)))
    }

    /// Whether `person` is the one that was about to be created for the customer.
    pub(super) fn is_intended(&self, person: &Person, intent: &Intent) -> bool {
        let is_it = if self.is_unknown() { person.name == intent.called } else { self.is(person) };
        is_it && intent.is_before(person.added_at)
    }

    /// What a new person is created with. The number is called after the provider.
    pub(super) fn fields(&self, name: &str, provider: &str) -> PersonFields {
        let one = |value: &str, label: &str| vec![Labelled { value: value.to_owned(), primary: true, label: label.to_owned() }];
        PersonFields {
            name: Some(name.to_owned()),
            phones: self.phone.as_ref().map(|phone| one(phone.as_str(), provider)),
            emails: self.email.as_ref().map(|email| one(email.as_str(), EMAIL_LABEL)),
            ..PersonFields::default()
        }
    }
}

/// The person to whom our own records lead: the one of the same customer on another channel, else of their number or address. `ask` gets
/// a person from Pipedrive, if it is there for whoever asks.
pub(super) async fn known<E, Answer>(
    links: &dyn LinkStore,
    conversation: &Conversation,
    identity: &Identity,
    ask: impl Fn(PersonId) -> Answer + Send + Sync,
) -> Result<Option<Person>, E>
where
    E: From<StoreError>,
    Answer: Future<Output = Result<Option<Person>, E>> + Send,
{
    let beside = links.conversations_beside(conversation).await?;
    let mut ids: Vec<PersonId> = beside.iter().filter_map(|other| other.record.person()).collect();
    let beside = ids.len();
    if let Some(phone) = &identity.phone {
        ids.extend(links.person_of_phone(conversation.company, phone).await?);
    }
    if let Some(email) = &identity.email {
        ids.extend(links.person_of_email(conversation.company, email).await?);
    }
    for (position, id) in ids.iter().enumerate() {
        if ids[..position].contains(id) {
            continue;
        }
        // What leads here by a number or an address may be another's by now.
        if let Some(person) = ask(*id).await?.filter(|person| position < beside || identity.is(person)) {
            return Ok(Some(person));
        }
    }
    Ok(None)
}

/// What has to be held while something is created for a conversation.
pub(super) fn conversation_lock(id: &ConversationId) -> String {
    format!("conversation#{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ids::{PersonId, UserId},
        time::Timestamp,
    };

    fn identity(phone: Option<&str>, email: Option<&str>) -> Identity {
        Identity { phone: phone.and_then(Phone::parse), email: email.and_then(Email::parse) }
    }

    fn person(name: &str, phone: Option<&str>, email: Option<&str>, added_at: i64) -> Person {
        let labelled = |value: Option<&str>| {
            value.map(|value| Labelled { value: value.to_owned(), primary: true, label: String::new() }).into_iter().collect()
        };
        Person {
            id: PersonId(1),
            name: name.to_owned(),
            owner: Some(UserId(1)),
            emails: labelled(email),
            phones: labelled(phone),
            added_at: Some(Timestamp::from_millis(added_at)),
            updated_at: None,
        }
    }

    #[test]
    fn numbers_and_addresses_tell_people_apart_whatever_their_names() {
        let ada = identity(Some("+15550100001"), Some("ada@example.com"));
        assert!(ada.is(&person("Bob", Some("555 010 0001"), None, 0)), "the number without its country");
        assert!(ada.is(&person("Bob", None, Some("Ada@Example.com"), 0)), "the address in capitals");
        assert!(!ada.is(&person("Ada", Some("+15550100002"), Some("bob@example.com"), 0)));
        assert!(!identity(None, None).is(&person("Ada", None, None, 0)), "nothing in common is not the same");
    }

    #[test]
    fn whom_we_were_about_to_create_has_come_since_with_the_number_or_else_the_name() {
        let intent = Intent { at: Timestamp::from_millis(600_000), called: "Ada".to_owned() };
        let nameless = identity(None, None);
        assert!(nameless.is_intended(&person("Ada", None, None, 600_000), &intent));
        assert!(nameless.is_intended(&person("Ada", None, None, 500_000), &intent), "Pipedrive's clock may be behind");
        assert!(!nameless.is_intended(&person("Ada", None, None, 1), &intent), "another Ada, from before");
        assert!(!nameless.is_intended(&person("Bob", None, None, 600_000), &intent));
        let known = identity(Some("+15550100001"), None);
        assert!(known.is_intended(&person("Bob", Some("+15550100001"), None, 600_000), &intent), "whatever they are called");
        assert!(
            !known.is_intended(&person("Bob", Some("+15550100001"), None, 1), &intent),
            "another of that number, from before"
        );
    }
}
