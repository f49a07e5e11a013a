//! Every provider over the whole way: what its customers send appears in the inbox and opens, what is sent from the inbox
//! arrives on their phones.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    simulators::{
        graph,
        handset::{Deed, GivenFile, Handset},
        pipedrive::{Conversation, DEMO_COMPANY, DEMO_USER, InboxFile, Message},
        whatsapp_number,
    },
};
use reqwest::{Client, Method, redirect::Policy};
use shared::model::{channel::ProviderKind, status::Status};

const PICTURE: &[u8] = include_bytes!("../src/demo/media/desk.jpg");
const VOICE: &[u8] = include_bytes!("../src/demo/media/voice.ogg");
const OFFER: &[u8] = include_bytes!("../src/demo/media/offer.pdf");

/// A bundle with one provider connected, and a customer of it.
struct Play {
    bundle: Bundle,
    handset: Box<dyn Handset>,
    customer: String,
}

impl Play {
    async fn start(provider: ProviderKind) -> Self {
        let bundle = Bundle::start(BundleOptions::default()).await.unwrap();
        bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        bundle.connect_demo(&session, provider).await.unwrap();
        bundle.settle().await.unwrap();
        let handsets = bundle.simulators().unwrap().handsets();
        let handset = handsets.into_iter().find(|handset| handset.provider() == provider).unwrap();
        let typed = ["15550100009", "visitor-9"];
        let customer = typed.iter().find_map(|typed| handset.customer(typed)).unwrap();
        Self { bundle, handset, customer }
    }

    /// The customer does something; none if their provider has no such thing.
    async fn does(&self, deed: Deed) -> Option<Message> {
        let before = self.messages().len();
        self.handset.does(&self.customer, "Ada Lovelace", &deed).ok()?;
        self.bundle.settle().await.unwrap();
        let messages = self.messages();
        assert!(messages.len() <= before + 1, "{deed:?} shows once: {messages:#?}");
        messages.last().cloned()
    }

    async fn gives(&self, name: &str, mime: &str, voice: bool, bytes: &'static [u8], caption: &str) -> Option<Message> {
        let file = GivenFile {
            name: name.to_owned(),
            mime: mime.to_owned(),
            voice,
            bytes: Bytes::from_static(bytes),
            caption: caption.to_owned(),
        };
        self.does(Deed::File(file)).await
    }

    fn conversation(&self) -> Conversation {
        let conversations = self.bundle.pipedrive().conversations();
        let [only] = &conversations[..] else { panic!("not one conversation: {conversations:#?}") };
        only.clone()
    }

    fn messages(&self) -> Vec<Message> {
        let conversations = self.bundle.pipedrive().conversations();
        conversations.first().map(|conversation| conversation.messages.clone()).unwrap_or_default()
    }

    async fn answers(&self, text: &str, files: &[(&str, &str, &'static [u8])]) -> Message {
        let channel = self.bundle.pipedrive().channels()[0].id.clone();
        let files = files.iter().map(|(name, mime, bytes)| InboxFile {
            name: (*name).to_owned(),
            mime: (*mime).to_owned(),
            bytes: bytes.to_vec(),
        });
        let conversation = self.conversation().id;
        self.bundle.pipedrive().send_from_inbox(&channel, &conversation, text, files.collect()).await.unwrap();
        self.bundle.settle().await.unwrap();
        self.messages().last().cloned().unwrap()
    }

    /// The only file of a message, opened as Pipedrive does: HEAD, then GET.
    async fn opened(&self, message: &Message) -> (String, Vec<u8>) {
        let [file] = &message.attachments[..] else { panic!("not one file: {message:#?}") };
        let client = Client::builder().redirect(Policy::limited(3)).build().unwrap();
        let plain = Client::builder().redirect(Policy::none()).build().unwrap();
        let head = plain.request(Method::HEAD, &file.url).send().await.unwrap();
        assert_eq!((head.status().as_u16(), file.link_expires), (200, true));
        let answer = client.get(&file.url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let mime = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(mime, file.mime);
        (mime, answer.bytes().await.unwrap().to_vec())
    }

    /// What files the customer's phone has from the company.
    fn arrived(&self) -> Vec<(String, Bytes)> {
        let chat = self.handset.phones().chat(&self.customer).unwrap();
        let files = chat.lines.iter().filter(|line| !line.own).flat_map(|line| &line.files);
        files.filter_map(|file| self.handset.file(&file.id)).collect()
    }

    fn is_clean(&self) {
        assert_eq!(self.bundle.pipedrive().violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_picture_a_voice_message_a_document_and_a_place_come_in_and_open() {
    for provider in ProviderKind::ALL {
        let play = Play::start(*provider).await;
        let picture = play.gives("desk.jpg", "image/jpeg", false, PICTURE, "Look").await.expect("every provider has pictures");
        assert_eq!(play.opened(&picture).await, ("image/jpeg".to_owned(), PICTURE.to_vec()), "{provider}");
        assert!(picture.attachments[0].preview_url.is_some(), "{provider}");
        let said: Vec<String> = play.messages().into_iter().map(|message| message.text).collect();
        assert!(said.iter().any(|text| text == "Look"), "{provider}: {said:?}");

        let offer = play.gives("offer.pdf", "application/pdf", false, OFFER, "").await.expect("every provider has files");
        assert_eq!(play.opened(&offer).await, ("application/pdf".to_owned(), OFFER.to_vec()), "{provider}");
        if let Some(voice) = play.gives("voice.ogg", "audio/ogg", true, VOICE, "").await {
            let (mime, bytes) = play.opened(&voice).await;
            assert!(mime.starts_with("audio/ogg") && bytes == VOICE, "{provider}: {mime}");
        }
        let place = Deed::Location { latitude: 51.3813, longitude: -2.3596, name: "Roman Baths".to_owned() };
        if let Some(place) = play.does(place).await {
            assert!(place.text.contains("51.3813,-2.3596"), "{provider}: {}", place.text);
        }
        play.is_clean();
    }
}

#[tokio::test]
async fn a_document_and_a_picture_go_out_and_arrive() {
    for provider in ProviderKind::ALL {
        let play = Play::start(*provider).await;
        play.does(Deed::Text("Hello".to_owned())).await.unwrap();
        let files = [("offer.pdf", "application/pdf", OFFER), ("desk.jpg", "image/jpeg", PICTURE)];
        let sent = play.answers("As promised", &files).await;
        assert_ne!(sent.status, Status::Failed, "{provider}");
        assert_eq!((sent.text.as_str(), sent.attachments.len()), ("As promised", 2), "{provider}: one message in the inbox");
        let arrived: Vec<Bytes> = play.arrived().into_iter().map(|(_, bytes)| bytes).collect();
        for (name, _, bytes) in files {
            assert!(arrived.iter().any(|got| got == bytes), "{provider}: {name} is on the phone");
        }
        let chat = play.handset.phones().chat(&play.customer).unwrap();
        assert!(chat.lines.iter().any(|line| !line.own && line.text.contains("As promised")), "{provider}: {chat:#?}");
        play.is_clean();
    }
}

#[tokio::test]
async fn answers_reactions_and_changes_read_well() {
    for provider in ProviderKind::ALL {
        let play = Play::start(*provider).await;
        play.does(Deed::Text("First".to_owned())).await.unwrap();
        play.answers("Shall we say Friday?", &[]).await;
        if let Some(reply) = play.does(Deed::Reply("Yes, Friday".to_owned())).await {
            assert_eq!(reply.text, "> Shall we say Friday?\nYes, Friday", "{provider}");
        }
        if let Some(reaction) = play.does(Deed::Reaction("👍".to_owned())).await {
            assert!(
                reaction.text.starts_with("> Shall we say Friday?\n") && reaction.text.contains('👍'),
                "{provider}: {}",
                reaction.text
            );
        }
        play.does(Deed::Text("Tpyo".to_owned())).await.unwrap();
        if let Some(edited) = play.does(Deed::Edit("Typo".to_owned())).await {
            assert_eq!(edited.text, "Typo\n[edited]", "{provider}");
        }
        play.does(Deed::Text("Nobody saw this".to_owned())).await.unwrap();
        if let Some(gone) = play.does(Deed::Delete).await {
            assert_eq!((gone.text.as_str(), gone.attachments.len()), ("[message deleted]", 0), "{provider}");
        }
        play.is_clean();
    }
}

#[tokio::test]
async fn history_is_imported_once_and_is_nobodys_news() {
    for provider in [ProviderKind::Messenger, ProviderKind::Twilio] {
        let clock = Arc::new(AdjustableClock::default());
        let bundle = Bundle::start(BundleOptions { clock: clock.clone(), ..BundleOptions::default() }).await.unwrap();
        bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let handsets = bundle.simulators().unwrap().handsets();
        let handset = handsets.iter().find(|handset| handset.provider() == provider).unwrap();
        // Before anything is connected: the provider keeps it.
        let customer = handset.customer("15550100009").unwrap();
        for text in ["One", "Two", "Three"] {
            handset.does(&customer, "Ada Lovelace", &Deed::Text(text.to_owned())).unwrap();
            clock.advance(Duration::from_mins(1));
        }
        for _ in 0..2 {
            bundle.connect_demo(&session, provider).await.unwrap();
            assert!(bundle.run_schedule("import-history").await);
            bundle.settle().await.unwrap();
        }
        let conversations = bundle.pipedrive().conversations();
        let [conversation] = &conversations[..] else { panic!("{provider}: {conversations:#?}") };
        let texts: Vec<&str> = conversation.messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["One", "Two", "Three"], "{provider}");
        let listed = Client::builder()
            .build()
            .unwrap()
            .get(format!("{}/setup/channels", bundle.url()))
            .bearer_auth(&session)
            .timeout(Duration::from_secs(10))
            .send()
            .await
            .unwrap();
        let listed: serde_json::Value = listed.json().await.unwrap();
        assert_eq!(listed["data"][0]["import"]["done"], true, "{provider}: {listed}");
        assert_eq!(listed["data"][0]["import"]["messages"], 3, "{provider}: {listed}");
    }
}

#[tokio::test]
async fn outside_the_window_a_text_that_is_a_template_goes_out_as_one() {
    let clock = Arc::new(AdjustableClock::default());
    let bundle = Bundle::start(BundleOptions { clock: clock.clone(), ..BundleOptions::default() }).await.unwrap();
    let number = whatsapp_number();
    bundle.graph().set_templates(&number.waba_id, graph::demo_templates());
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    bundle.connect_whatsapp(&session).await.unwrap();
    bundle.graph().customer_writes("15550100009", "Ada", "Hello");
    bundle.settle().await.unwrap();
    let channel = bundle.pipedrive().channels()[0].clone();
    assert!(!channel.templates.is_empty(), "Pipedrive has the templates");
    let conversation = channel.conversations.values().next().unwrap().id.clone();
    clock.advance(Duration::from_hours(25));
    let refused = bundle.pipedrive().send_from_inbox(&channel.id, &conversation, "Are you still there?", Vec::new()).await;
    assert!(refused.is_err(), "free text is refused after a day");

    let text = "Hello Ada, are you happy with your desk?";
    bundle.pipedrive().send_from_inbox(&channel.id, &conversation, text, Vec::new()).await.unwrap();
    let text = "Order A-17\nHi Ada, your order A-17 is ready to be picked up.\nDemo Company";
    bundle.pipedrive().send_from_inbox(&channel.id, &conversation, text, Vec::new()).await.unwrap();
    bundle.settle().await.unwrap();
    let phone = bundle.graph().phones().chat("15550100009").unwrap();
    let arrived: Vec<&str> = phone.lines.iter().filter(|line| !line.own).map(|line| line.text.as_str()).collect();
    assert_eq!(arrived.len(), 2, "{arrived:?}");
    assert!(arrived[0].contains("happy with your desk") && arrived[1].contains("A-17 is ready"), "{arrived:?}");
    assert_eq!(bundle.pipedrive().violations(), Vec::<String>::new());
}
