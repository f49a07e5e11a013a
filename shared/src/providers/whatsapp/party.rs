//! Who the customer in a chat is. Customers with a user name may have no number for us, only a business-scoped user id
//! ("BSUID"; Meta, WhatsApp Cloud API, "Business-scoped user IDs").

use serde_json::Value;

use crate::{
    model::{contact::Phone, conversation::Customer, ids::ContactKey},
    providers::{
        Reached,
        lenient::{id, text},
    },
};

/// Digits at the end of a number that are the same however it is written.
const SAME_DIGITS: usize = 8;
/// For a customer of whom WhatsApp tells neither name nor number.
const NAMELESS: &str = "WhatsApp user";

/// A customer, as far as a webhook's item and its contacts tell.
pub(super) struct Party<'a> {
    /// The number as WhatsApp writes it, without `+`. Some countries' numbers differ from what people dial; answers go to
    /// this form.
    digits: Option<String>,
    user_id: Option<String>,
    contact: Option<&'a Value>,
}

impl<'a> Party<'a> {
    /// Who wrote a message.
    pub(super) fn sender(item: &Value, contacts: &'a [Value]) -> Self {
        Self::named(id(item, "/from"), id(item, "/from_user_id"), contacts)
    }

    /// Who a message of the company's went to.
    pub(super) fn recipient(item: &Value, contacts: &'a [Value]) -> Self {
        Self::named(id(item, "/to"), id(item, "/to_user_id"), contacts)
    }

    /// Whom a chat of the imported history is with.
    pub(super) fn thread(thread: &Value) -> Self {
        let first = |pointers: [&str; 2]| pointers.into_iter().find_map(|pointer| id(thread, pointer));
        Self::named(first(["/id", "/context/wa_id"]), first(["/user_id", "/context/user_id"]), &[])
    }

    fn named(name: Option<String>, user_id: Option<String>, contacts: &'a [Value]) -> Self {
        let only = if let [only] = contacts { Some(only) } else { None };
        let matching = contacts.iter().find(|contact| {
            let same = |pointer, own: &Option<String>| own.is_some() && id(contact, pointer) == *own;
            same("/user_id", &user_id) || same("/wa_id", &name) || same("/user_id", &name)
        });
        // A contact that is somebody else lends its ids to nobody, or two customers would share a conversation.
        let anonymous = name.is_none() && user_id.is_none();
        let identity =
            matching.or(only.filter(|contact| anonymous || same_number(id(contact, "/wa_id").as_deref(), name.as_deref())));
        // Nor its name, unless it names nobody.
        let unnamed = only.filter(|contact| id(contact, "/wa_id").is_none() && id(contact, "/user_id").is_none());
        let contact = identity.or(unnamed);
        let of_contact = |pointer| identity.and_then(|contact| id(contact, pointer));
        let digits = name.as_deref().and_then(phone_digits);
        // `from` has been seen to hold the user id of a customer without a number.
        let user_id = user_id.or(name.filter(|_| digits.is_none())).or_else(|| of_contact("/user_id"));
        let digits = digits.or_else(|| of_contact("/wa_id").as_deref().and_then(phone_digits));
        Self { digits, user_id, contact }
    }

    /// None if nothing says who it is. With it, whether the name is the customer's own.
    pub(super) fn customer(&self) -> Option<(Customer, bool)> {
        let keys = keys(self.digits.as_deref(), self.user_id.as_deref());
        if keys.is_empty() {
            return None;
        }
        let own_name = self
            .contact
            .and_then(|contact| text(contact, "/profile/name").or_else(|| text(contact, "/profile/username")))
            .map(|name| name.trim().to_owned());
        let phone = self.digits.as_ref().map(|digits| format!("+{digits}"));
        let name_known = own_name.is_some();
        let name = own_name.or_else(|| phone.clone()).unwrap_or_else(|| NAMELESS.to_owned());
        Some((Customer { phone, ..Customer::new(keys, name) }, name_known))
    }

    /// A link to the chat; empty for customers without a number.
    pub(super) fn link(&self) -> String {
        self.digits.as_ref().map(|digits| format!("https://wa.me/{digits}")).unwrap_or_default()
    }
}

/// Whoever has that number. Without its country it is nobody's.
pub(super) fn reached(phone: &Phone) -> Option<Reached> {
    let digits = phone.as_str().strip_prefix('+')?;
    let name = phone.as_str().to_owned();
    let customer = Customer { phone: Some(name.clone()), ..Customer::new(keys(Some(digits), None), name) };
    Some(Reached { customer, link: format!("https://wa.me/{digits}") })
}

/// The names under which sends and lookups know a customer; the number first, because it can always be sent to.
pub(super) fn keys(digits: Option<&str>, user_id: Option<&str>) -> Vec<ContactKey> {
    let phone = digits.map(|digits| format!("phone:{digits}"));
    let user = user_id.map(|id| format!("user:{id}"));
    phone.into_iter().chain(user).filter_map(|key| ContactKey::parse(&key).ok()).collect()
}

/// Whether both are one number, as it is dialled and as WhatsApp writes it: some countries' mobile numbers have a digit
/// more or less in front (Brazil, Mexico, Argentina).
fn same_number(wa_id: Option<&str>, from: Option<&str>) -> bool {
    let end = |text: &str| text.len().checked_sub(SAME_DIGITS).and_then(|start| text.get(start..).map(str::to_owned));
    match (wa_id.and_then(end), from.and_then(end)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The digits of a phone number; E.164 has at most 15, and a few more do no harm.
pub(super) fn phone_digits(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let plausible = (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| digits.to_owned())
}
