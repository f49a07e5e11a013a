//! The demo company: the app installed, a channel of each provider connected, and some history, all of it made through the
//! front door. [`page`] shows it.

pub mod page;

use std::time::Duration;

use serde::Deserialize;
use shared::model::{channel::ProviderKind, status::Status, time::Timestamp};
use tokio::time::{Instant, sleep};

use crate::{
    bundle::{Bundle, Unsettled},
    owner::OwnerError,
    simulators::{
        Simulators,
        graph::{self, Incoming},
        handset::{Deed, GivenFile, Handset},
        phones::{Behaviour, Line},
        pipedrive::{Channel, DEMO_COMPANY, DEMO_USER, InboxError, InboxFile},
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

/// A voice message, spoken by a machine.
const VOICE: &[u8] = include_bytes!("media/voice.ogg");
const PICTURE: &[u8] = include_bytes!("media/desk.jpg");
const OFFER: &[u8] = include_bytes!("media/offer.pdf");

#[derive(Deserialize)]
struct Thread {
    provider: ProviderKind,
    customer: String,
    name: String,
    #[serde(default)]
    behaviour: Behaviour,
    wrote: Vec<Wrote>,
    #[serde(default)]
    answer: Option<String>,
    /// A file to go with the answer.
    #[serde(default)]
    attach: Option<Given>,
}

/// What a customer wrote, or did.
#[derive(Deserialize)]
struct Wrote {
    #[serde(default)]
    minutes_ago: u64,
    #[serde(default)]
    text: String,
    #[serde(default)]
    gave: Option<Given>,
}

/// Things that the demo's people send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Given {
    Picture,
    Voice,
    Offer,
    Place,
}

impl Given {
    /// Name, MIME type and contents, if it is a file.
    fn file(self) -> Option<(&'static str, &'static str, &'static [u8])> {
        match self {
            Self::Picture => Some(("desk.jpg", "image/jpeg", PICTURE)),
            Self::Voice => Some(("voice.ogg", "audio/ogg", VOICE)),
            Self::Offer => Some(("offer.pdf", "application/pdf", OFFER)),
            Self::Place => None,
        }
    }

    fn deed(self, caption: &str) -> Deed {
        match self.file() {
            Some((name, mime, bytes)) => Deed::File(GivenFile {
                name: name.to_owned(),
                mime: mime.to_owned(),
                voice: self == Self::Voice,
                bytes: bytes.into(),
                caption: caption.to_owned(),
            }),
            None => Deed::Location { latitude: 51.3813, longitude: -2.3596, name: "Roman Baths".to_owned() },
        }
    }
}

/// Makes the demo company, and tells `progress` what it is at. On data that has it already, its history stays as it is.
pub async fn set_up(bundle: &Bundle, progress: impl Fn(&str)) -> Result<(), DemoError> {
    let simulators = bundle.simulators().ok_or(OwnerError::NoSimulators)?;
    progress("installing the app for the demo company");
    bundle.install(DEMO_COMPANY, DEMO_USER).await?;
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await?;
    simulators.graph.set_templates(&whatsapp_number().waba_id, graph::demo_templates());
    let mut answers = false;
    for (provider, name, _) in simulators.accounts() {
        progress(&format!("connecting {name}"));
        answers |= bundle.connect_demo(&session, provider).await?.delivery == "channels";
    }
    // The one start that sets it is this one.
    let _ = simulators.api_key.set(bundle.api_key(&session, KEY_NAME).await?);
    bundle.run_schedule("import-history").await;
    bundle.settle().await?;
    let threads: Vec<Thread> = serde_json::from_str(HISTORY).map_err(DemoError::History)?;
    let is_new = simulators.pipedrive.conversations().is_empty();
    let handsets = simulators.handsets();
    // The oldest first: providers without a clock of their own say when by order alone.
    let mut written: Vec<(&Thread, &Wrote)> = threads.iter().flat_map(|t| t.wrote.iter().map(move |wrote| (t, wrote))).collect();
    written.sort_by_key(|(_, wrote)| std::cmp::Reverse(wrote.minutes_ago));
    for (thread, wrote) in written {
        play(simulators, &handsets, thread, wrote, bundle.environment().clock.now(), is_new);
    }
    for thread in &threads {
        if let Some(handset) = handsets.iter().find(|handset| handset.provider() == thread.provider) {
            handset.phones().set_behaviour(&thread.customer, thread.behaviour);
        }
    }
    if is_new {
        progress("receiving and answering messages");
        bundle.settle().await?;
        // Without the Messaging inbox there is nowhere to answer from.
        for thread in threads.iter().filter(|_| answers) {
            answer(simulators, thread).await?;
        }
        bundle.settle().await?;
    }
    simulators.graph.set_status_pause(STATUS_PAUSE);
    simulators.chat.set_status_pause(STATUS_PAUSE);
    Ok(())
}

/// What a customer wrote, at its time where the provider lets one say that. Messages of an earlier run are not sent again;
/// they only return to the phone.
fn play(simulators: &Simulators, handsets: &[Box<dyn Handset>], thread: &Thread, wrote: &Wrote, now: Timestamp, is_new: bool) {
    let Thread { provider, customer, name, .. } = thread;
    let Some(handset) = handsets.iter().find(|handset| handset.provider() == *provider) else { return };
    let at = Timestamp::from_secs(now.secs().saturating_sub_unsigned(wrote.minutes_ago * 60));
    let Wrote { text, gave, .. } = wrote;
    if !is_new {
        let id = format!("{customer}/{}", wrote.minutes_ago);
        let line = Line { id, own: true, text: text.clone(), at, status: Status::Read, files: Vec::new() };
        handset.phones().add(customer, name, line);
        return;
    }
    match (provider, gave) {
        (ProviderKind::Whatsapp, None) => {
            let number = whatsapp_number().id;
            simulators.graph.receive(&Incoming { number: &number, from: customer, name, text, at });
        }
        (ProviderKind::Custom, None) => {
            simulators.chat.receive(customer, name, text, at);
        }
        (_, gave) => {
            let deed = gave.map_or_else(|| Deed::Text(text.clone()), |gave| gave.deed(text));
            // What a provider does not have is left out of its history.
            drop(handset.does(customer, name, &deed));
        }
    }
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
    let attached = thread.attach.and_then(Given::file).map(|(name, mime, bytes)| InboxFile {
        name: name.to_owned(),
        mime: mime.to_owned(),
        bytes: bytes.to_vec(),
    });
    let files = attached.into_iter().collect();
    let sent = simulators.pipedrive.send_from_inbox(&channel, &conversation, text, files).await;
    sent.map(drop).map_err(|source| DemoError::Answer { customer: thread.name.clone(), source })
}
