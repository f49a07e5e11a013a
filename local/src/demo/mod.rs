//! The demo company: the app installed, a WhatsApp number and a website chat connected, and some history, all of it made
//! through the front door. [`page`] shows it.

pub mod page;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::model::{status::Status, time::Timestamp};
use tokio::time::{Instant, sleep};

use crate::{
    bundle::{Bundle, Unsettled},
    owner::OwnerError,
    simulators::{
        Simulators,
        graph::Incoming,
        phones::{Behaviour, Line},
        pipedrive::{Channel, DEMO_COMPANY, DEMO_USER, InboxError},
        whatsapp_number,
    },
};

/// What customers wrote to the demo company, and what it answered.
const HISTORY: &str = include_str!("history.json");
/// What the demo company's API key is called.
const KEY_NAME: &str = "Demo";
/// How long a message may take to the inbox.
const PATIENCE: Duration = Duration::from_secs(20);
/// How far apart statuses follow each other, so that one sees the ticks change.
const STATUS_PAUSE: Duration = Duration::from_millis(900);

/// Why there is no demo company.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A step of its owner did not work.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The history does not come to rest.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// The history can't be read.
    #[error("the demo's history is malformed")]
    History(#[source] serde_json::Error),
    /// A customer's messages do not appear.
    #[error("the messages of {0} do not appear in the inbox")]
    Missing(String),
    /// An answer can't be sent.
    #[error("an answer to {customer} could not be sent")]
    Answer {
        /// To whom.
        customer: String,
        /// What the inbox shows.
        #[source]
        source: InboxError,
    },
}

#[derive(Deserialize)]
struct Thread {
    provider: Provider,
    customer: String,
    name: String,
    #[serde(default)]
    behaviour: Behaviour,
    wrote: Vec<Wrote>,
    #[serde(default)]
    answer: Option<String>,
}

#[derive(Deserialize)]
struct Wrote {
    minutes_ago: u64,
    text: String,
}

/// What customers can be played with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The simulated WhatsApp.
    Whatsapp,
    /// The simulated company chat.
    Custom,
}

/// Makes the demo company, and tells `progress` what it is at. On data that has it already, its history stays as it is.
pub async fn set_up(bundle: &Bundle, progress: impl Fn(&str)) -> Result<(), DemoError> {
    let simulators = bundle.simulators().ok_or(OwnerError::NoSimulators)?;
    progress("installing the app for the demo company");
    bundle.install(DEMO_COMPANY, DEMO_USER).await?;
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await?;
    progress("connecting WhatsApp and a website chat");
    let whatsapp = bundle.connect_whatsapp(&session).await?;
    bundle.connect_chat(&session).await?;
    // The one start that sets it is this one.
    let _ = simulators.api_key.set(bundle.api_key(&session, KEY_NAME).await?);
    bundle.settle().await?;
    let threads: Vec<Thread> = serde_json::from_str(HISTORY).map_err(DemoError::History)?;
    let is_new = simulators.pipedrive.conversations().is_empty();
    for thread in &threads {
        play(simulators, thread, bundle.environment().clock.now(), is_new);
    }
    if is_new {
        progress("receiving and answering messages");
        bundle.settle().await?;
        // Without the Messaging inbox there is nowhere to answer from.
        for thread in threads.iter().filter(|_| whatsapp.delivery == "channels") {
            answer(simulators, thread).await?;
        }
        bundle.settle().await?;
    }
    simulators.graph.set_status_pause(STATUS_PAUSE);
    simulators.chat.set_status_pause(STATUS_PAUSE);
    Ok(())
}

/// A customer's messages, each at its time. Those of an earlier run are not sent again; they only return to the phone.
fn play(simulators: &Simulators, thread: &Thread, now: Timestamp, is_new: bool) {
    let Thread { provider, customer, name, behaviour, wrote, .. } = thread;
    let phones = match provider {
        Provider::Whatsapp => simulators.graph.phones(),
        Provider::Custom => simulators.chat.phones(),
    };
    for (place, Wrote { minutes_ago, text }) in wrote.iter().enumerate() {
        let at = Timestamp::from_secs(now.secs().saturating_sub_unsigned(minutes_ago * 60));
        match provider {
            _ if !is_new => {
                let id = format!("{customer}/{place}");
                phones.add(customer, name, Line { id, own: true, text: text.clone(), at, status: Status::Read });
            }
            Provider::Whatsapp => {
                let number = whatsapp_number().id;
                simulators.graph.receive(&Incoming { number: &number, from: customer, name, text, at });
            }
            Provider::Custom => {
                simulators.chat.receive(customer, name, text, at);
            }
        }
    }
    phones.set_behaviour(customer, *behaviour);
}

/// The company's answer, typed in the simulated inbox.
async fn answer(simulators: &Simulators, thread: &Thread) -> Result<(), DemoError> {
    let Some(text) = &thread.answer else { return Ok(()) };
    let deadline = Instant::now() + PATIENCE;
    let (channel, conversation) = loop {
        let named = |channel: &Channel| {
            let mut conversations = channel.conversations.values();
            let found = conversations.find(|c| c.side(true).is_some_and(|customer| customer.name == thread.name));
            found.map(|conversation| (channel.id.clone(), conversation.id.clone()))
        };
        match simulators.pipedrive.channels().iter().find_map(named) {
            Some(found) => break found,
            None if Instant::now() > deadline => return Err(DemoError::Missing(thread.name.clone())),
            None => sleep(Duration::from_millis(20)).await,
        }
    };
    let sent = simulators.pipedrive.send_from_inbox(&channel, &conversation, text, Vec::new()).await;
    sent.map(drop).map_err(|source| DemoError::Answer { customer: thread.name.clone(), source })
}
