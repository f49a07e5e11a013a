//! A company's day on the smallest plan with three seats: 2 000 conversations of 20 messages, one in ten with a stranger.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{
    crm::{Crm, midnight},
    memory::Memory,
};
use crate::{
    clock::{Clock, SystemClock},
    http::client::LazyClient,
    inbox::deliver::{End, Parcel, Target},
    media::links::Links,
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        conversation::{Conversation, ConversationState, Customer},
        ids::{AccountId, ChannelId, CompanyId, ContactKey, ConversationId, PersonId, Place, UserId},
        installation::{Installation, InstallationState},
        message::{Direction, Message},
        record::{ChannelSettings, Link, Records},
        time::Timestamp,
    },
    pipedrive::{Access, Labelled, Person, spend::Spend},
    providers::{Outside, Registry},
    records::{RecordsPorts, deliver::RecordsTarget, link::relink::RelinkPorts},
    seal::Vault,
};

const COMPANY: CompanyId = CompanyId(7);
const USER: UserId = UserId(9);
/// Tokens a day of three seats on the smallest plan.
const LITE: u64 = 90_000;
const CONVERSATIONS: u64 = 2_000;
const MESSAGES: u64 = 20;
/// One conversation in so many is with a stranger.
const STRANGERS: u64 = 10;

fn channel() -> Channel {
    Channel {
        id: ChannelId::new(COMPANY),
        company: COMPANY,
        owner: USER,
        provider: ProviderKind::Whatsapp,
        account: AccountId::parse("1").unwrap(),
        group: None,
        name: "Sales".to_owned(),
        provider_type: "whatsapp".to_owned(),
        state: ChannelState::Active,
        delivery: Delivery::Records,
        settings: ChannelSettings::default(),
        problem: None,
        import: None,
        credentials: None,
        created_at: midnight(),
    }
}

fn conversation(channel: &ChannelId, n: u64, person: Option<PersonId>) -> Conversation {
    let phone = format!("+1555{n:07}");
    let keys = vec![ContactKey::parse(&format!("phone:1555{n:07}")).unwrap()];
    let records = Records { person, ..Records::default() };
    let looked_at = person.map(|_| midnight().minus(Duration::from_hours(24 * 4)));
    Conversation {
        id: ConversationId::new(),
        channel: channel.clone(),
        company: COMPANY,
        owner: USER,
        customer: Customer { phone: Some(phone), ..Customer::new(keys, format!("Customer {n}")) },
        state: ConversationState::Open,
        link: String::new(),
        last_at: midnight(),
        unread: 0,
        reply_by: None,
        outbox: BTreeMap::new(),
        pause: None,
        record: Link { records, looked_at, ..Link::default() },
        last: None,
        changed_at: None,
        answered_by: None,
    }
}

fn installation() -> Installation {
    Installation {
        company: COMPANY,
        user: USER,
        company_name: String::new(),
        user_name: String::new(),
        timezone: "UTC".to_owned(),
        api_domain: String::new(),
        public_url: String::new(),
        state: InstallationState::Connected,
        tokens: None,
        access_until: midnight(),
        refreshed_at: midnight(),
        version: 1,
        delivery: Some(Delivery::Records),
        reviewed_at: None,
        halt: None,
    }
}

fn providers() -> Registry {
    Registry::new(&Outside {
        http: LazyClient::new(|| panic!("no provider is called")),
        guarded: LazyClient::new(|| panic!("no provider is called")),
        graph_api_url: String::new(),
        telegram_api_url: String::new(),
        twilio_api_url: String::new(),
        allow_loopback_urls: false,
        clock: Arc::new(SystemClock),
    })
}

fn person(n: u64) -> Person {
    let phone = Labelled { value: format!("+1555{n:07}"), primary: true, label: "work".to_owned() };
    Person {
        id: PersonId(n + 1),
        name: format!("Customer {n}"),
        emails: Vec::new(),
        phones: vec![phone],
        owner: None,
        added_at: None,
        updated_at: None,
    }
}

/// What is to be looked at, and when: a conversation, by its number.
type Agenda = std::collections::BTreeSet<(Timestamp, u64)>;

/// When somebody writes, and to which conversation. Each begins at its own time of an office day and has a message every 17
/// minutes.
fn arrivals() -> Vec<(Timestamp, u64)> {
    let mut arriving: Vec<(Timestamp, u64)> = (0..CONVERSATIONS)
        .flat_map(|n| {
            let begins = midnight().plus(Duration::from_hours(7)).plus(Duration::from_secs(n * 10));
            (0..MESSAGES).map(move |m| (begins.plus(Duration::from_mins(17 * m)), n))
        })
        .collect();
    arriving.sort();
    arriving
}

/// A new message.
fn message(id: &ConversationId, at: Timestamp) -> Message {
    Message::new(id.message(&Place::new(at, at, 0)), Direction::In, id.end_user(), format!("at {at}"), at)
}

/// The day passes.
async fn pass(memory: &Memory, crm: &Crm) {
    let (providers, installation) = (providers(), installation());
    let vault = Vault::parse("0123456789abcdef0123456789abcdef").unwrap();
    let links = Links::new(&vault, "https://x.example", midnight()).unwrap();
    let channel = channel();
    memory.stored().channel = Some(channel.clone());

    let ids: Vec<ConversationId> = (0..CONVERSATIONS)
        .map(|n| {
            let known = (!n.is_multiple_of(STRANGERS)).then(|| PersonId(n + 1));
            let new = conversation(&channel.id, n, known);
            let id = new.id.clone();
            memory.stored().conversations.insert(id.clone(), new);
            id
        })
        .collect();
    let records = RecordsPorts {
        relink: RelinkPorts { links: memory, known: memory, users: memory },
        known: memory,
        channels: memory,
        notes: memory,
        audit: memory,
        locks: memory,
        intents: memory,
        budget: memory,
        bucket: memory,
        providers: &providers,
        persons: crm,
        deals: crm,
        leads: crm,
        notes_api: crm,
        files: crm,
        users: crm,
        clock: memory,
    };
    let target = RecordsTarget(&records);
    let mut owed: BTreeMap<u64, Vec<Message>> = BTreeMap::new();
    let mut paused: BTreeMap<u64, Timestamp> = BTreeMap::new();
    let arriving = arrivals();
    let mut agenda: Agenda = arriving.iter().copied().collect();
    let mut arriving = arriving.into_iter().peekable();
    while let Some((now, n)) = agenda.pop_first() {
        memory.set(now);
        while let Some((at, n)) = arriving.next_if(|(at, _)| *at <= now) {
            let id = &ids[usize::try_from(n).unwrap()];
            let message = message(id, at);
            memory.stored().messages.entry(id.clone()).or_default().insert(message.id.place(), message.clone());
            owed.entry(n).or_default().push(message);
        }
        let waiting = owed.get(&n).is_none_or(Vec::is_empty) || paused.get(&n).is_some_and(|until| *until > now);
        if waiting {
            continue;
        }
        let conversation = memory.stored().conversations[&ids[usize::try_from(n).unwrap()]].clone();
        let spend = Spend::default();
        let access = Access { api_domain: String::new(), token: SecretString::from("t"), version: 1, spend };
        let messages = owed[&n].clone();
        let until = memory.now().plus(Duration::from_secs(20));
        let parcel = Parcel {
            installation: &installation,
            access: &access,
            conversation: &conversation,
            messages: &messages,
            links: &links,
            until,
        };
        let report = target.deliver(&parcel).await.unwrap();
        owed.entry(n).or_default().retain(|message| !report.done.contains(&message.id.place()));
        match report.end {
            End::Done => assert!(owed[&n].is_empty()),
            End::Later { until, .. } => {
                paused.insert(n, until);
                agenda.insert((until, n));
            }
            End::Failed { error, .. } => panic!("{error:?}"),
        }
    }

    assert!(owed.values().all(Vec::is_empty), "everything is written");
}

#[tokio::test]
async fn two_thousand_conversations_fit_into_the_smallest_budget() {
    let (memory, crm) = (Memory::default(), Crm::new(LITE));
    crm.held().persons = (0..CONVERSATIONS).map(person).filter(|person| !(person.id.0 - 1).is_multiple_of(STRANGERS)).collect();
    pass(&memory, &crm).await;
    let held = crm.held();
    let strangers = usize::try_from(CONVERSATIONS / STRANGERS).unwrap();
    assert_eq!((held.persons.len() as u64, held.leads), (CONVERSATIONS, strangers));
    assert_eq!(held.notes.len() as u64, CONVERSATIONS, "a note for each");
    let complete = |note: &String| note.matches("</i> <b>Customer").count() as u64 == MESSAGES;
    assert!(held.notes.values().all(complete), "with all that was said");
    assert!(held.spent <= 72_000, "{} tokens", held.spent);
    let stored = memory.stored();
    let first_days = |first: bool| {
        let notes = stored.notes.values().flat_map(BTreeMap::values);
        notes.filter(move |note| note.first_day == first).map(|note| note.spent).max()
    };
    let (known, new) = (first_days(false).unwrap(), first_days(true).unwrap());
    assert!(known <= 30 && new <= 60, "{known} {new}");
}
