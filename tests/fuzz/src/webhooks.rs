//! Webhooks whose sender is proven, with any contents.

use shared::{
    model::channel::ProviderKind,
    pipedrive::events::{self, Event},
    providers::{EventKind, InboundMessage},
};

use crate::{signatures::signed, world::PROVIDERS};

/// Any body to WhatsApp's parser.
pub(crate) fn whatsapp(data: &[u8]) {
    parse(ProviderKind::Whatsapp, data);
}

/// Any body to Messenger's parser.
pub(crate) fn messenger(data: &[u8]) {
    parse(ProviderKind::Messenger, data);
}

/// Any body to Telegram's parser.
pub(crate) fn telegram(data: &[u8]) {
    parse(ProviderKind::Telegram, data);
}

/// Any body to Twilio's parser.
pub(crate) fn twilio(data: &[u8]) {
    parse(ProviderKind::Twilio, data);
}

/// Any body to the parser of companies' own chats.
pub(crate) fn custom(data: &[u8]) {
    parse(ProviderKind::Custom, data);
}

/// Any body to the parser of Pipedrive's own webhooks.
pub(crate) fn pipedrive(data: &[u8]) {
    let Ok(news) = events::parse(data) else { return };
    for event in &news.events {
        if let Event::Merged { gone, into, .. } = event {
            assert_ne!(gone, into, "a record is merged into itself");
        }
    }
    assert_eq!(events::parse(data), Ok(news), "it says the same of the same");
}

fn parse(provider: ProviderKind, body: &[u8]) {
    let adapter = PROVIDERS.get(provider);
    let webhook = signed(provider, body);
    // As the function does: what is refused is not parsed.
    if adapter.validate(&webhook).is_err() {
        return;
    }
    let events = adapter.parse(&webhook);
    for event in &events {
        match &event.kind {
            EventKind::Message(message) => check(provider, message),
            EventKind::Edit(edit) => check(provider, &edit.message),
            _ => {}
        }
    }
    assert_eq!(adapter.parse(&webhook).len(), events.len(), "{provider}'s parser says the same of the same");
}

/// What storing a message rests on.
fn check(provider: ProviderKind, message: &InboundMessage) {
    assert!(!message.customer.keys.is_empty(), "{provider}: a message of nobody");
    assert!(!message.customer.name.trim().is_empty(), "{provider}: a customer without a name");
}
