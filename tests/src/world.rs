//! A bundle with an installed company and its channels, as most tests need one.

use std::{sync::Arc, time::Duration};

use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    host::{Interference, Untouched},
    owner::Connected,
    simulators::{
        graph::{Graph, Incoming},
        pipedrive::{Conversation, DEMO_COMPANY, DEMO_USER, Message},
    },
};
use shared::{
    config::DeliveryChoice,
    inbox::ports::InboxReader,
    model::{conversation::Conversation as Stored, ids::ChannelId},
};

/// Customers of the tests, by number.
pub fn phone(n: usize) -> String {
    format!("1555020{n:04}")
}

/// The bundle, its outside world, and a clock to put forward.
pub struct World {
    /// Everything.
    pub bundle: Bundle,
    /// Its time, and the simulators'.
    pub clock: Arc<AdjustableClock>,
    /// A session of the demo company's admin.
    pub session: String,
    /// Their WhatsApp channel.
    pub whatsapp: Connected,
}

impl World {
    /// Starts one with nothing that runs by itself: tests pump the stream with [`World::settle`].
    ///
    /// # Panics
    /// If it does not start, as all of these do when the world is not as a test needs it.
    pub async fn start() -> Self {
        Self::delivering(DeliveryChoice::Auto).await
    }

    /// The same, where messages end as `delivery` says.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn delivering(delivery: DeliveryChoice) -> Self {
        Self::between(Arc::new(Untouched), delivery).await
    }

    /// The same, with something between the functions and what is around them.
    ///
    /// # Panics
    /// If it does not start.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn between(between: Arc<dyn Interference>, delivery: DeliveryChoice) -> Self {
        let clock = Arc::new(AdjustableClock::default());
        let options = BundleOptions { clock: clock.clone(), pump: false, delivery, between, ..BundleOptions::default() };
        let bundle = Bundle::start(options).await.expect("the bundle starts");
        bundle.install(DEMO_COMPANY, DEMO_USER).await.expect("the app is installed");
        let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.expect("a session");
        let whatsapp = bundle.connect_whatsapp(&session).await.expect("WhatsApp is connected");
        // Pipedrive reads conversations and templates of a new channel.
        bundle.settle().await.expect("the bundle comes to rest");
        Self { bundle, clock, session, whatsapp }
    }

    /// Waits until everything that is under way is done.
    ///
    /// # Panics
    /// If it does not come to rest.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn settle(&self) {
        self.bundle.settle().await.expect("the bundle comes to rest");
    }

    /// Lets time pass and does what is due then.
    pub async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.bundle.run_schedule("redeliver").await;
        self.settle().await;
    }

    /// Has what customers wrote stored by way of one webhook. It is not delivered before the next [`World::settle`]. One
    /// customer's messages must differ in their time.
    ///
    /// # Panics
    /// If the webhook is not taken.
    pub async fn store(&self, written: &[Incoming<'_>]) {
        let graph = self.bundle.graph();
        let change =
            |message: &Incoming<'_>| graph.message_change(message, &format!("wamid.{}.{}", message.from, message.at.millis()));
        let changes: Vec<_> = written.iter().filter_map(change).collect();
        assert_eq!(changes.len(), written.len(), "every number is Meta's");
        let status = graph.send_webhook(Graph::envelope(&changes)).await;
        assert_eq!(status.map(|status| status.as_u16()), Some(200), "the webhook is taken");
    }

    /// The conversation of the WhatsApp channel with the newest message, as it is stored.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn newest_conversation(&self) -> Stored {
        let channel = ChannelId::parse(&self.whatsapp.provider_channel_id).expect("a channel's id");
        let page = self.bundle.environment().table().conversations(&channel, None, 1).await.expect("the table answers");
        self.in_full(page.items).await.into_iter().next().expect("a conversation")
    }

    /// What lists have of conversations is not all: this reads them as they are stored, with their outboxes.
    ///
    /// # Panics
    /// If one is gone.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn in_full(&self, listed: Vec<Stored>) -> Vec<Stored> {
        let table = self.bundle.environment().table();
        let mut found = Vec::with_capacity(listed.len());
        for Stored { id, .. } in listed {
            let stored = table.conversation(&id).await.expect("the table answers");
            found.push(stored.expect("a conversation that is listed"));
        }
        found
    }

    /// The conversation of the WhatsApp channel with the customer of that name, in Pipedrive's inbox.
    pub fn conversation_with(&self, customer: &str) -> Option<Conversation> {
        let id = &self.whatsapp.provider_channel_id;
        let channel = self.bundle.pipedrive().channels().into_iter().find(|channel| channel.id == *id)?;
        channel.conversations.into_values().find(|c| c.participants.iter().any(|p| p.end_user && p.name == customer))
    }

    /// What Pipedrive's inbox shows of the conversation with that customer.
    pub fn shown(&self, customer: &str) -> Vec<Message> {
        self.conversation_with(customer).map(|conversation| conversation.messages).unwrap_or_default()
    }

    /// Its texts alone.
    pub fn texts(&self, customer: &str) -> Vec<String> {
        self.shown(customer).into_iter().map(|message| message.text).collect()
    }
}
