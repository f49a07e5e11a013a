//! What functions are invoked for while they are measured: real work on an embedded table with real conversations, and the sample
//! events on one that is empty. Which answer each must give, so that no figure is of an error that nobody saw.

use std::{fs, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;
use local::{
    bundle::{Bundle, BundleOptions},
    options::RealWorld,
    simulators::{
        META_APP_SECRET,
        graph::{Graph, Incoming},
        pipedrive::Conversation,
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    call::as_pipedrive,
    world::{World, phone},
};
use serde_json::Value;
use shared::{clock::Clock, environment::Environment};

use super::{build::repository, process::Settings};
use crate::error::BenchError;

/// Conversations of the channel that functions are asked about.
pub(crate) const CONVERSATIONS: usize = 10;
/// Messages in each of them.
pub(crate) const MESSAGES: usize = 10;
/// The function that is none of the bundle's.
pub(crate) const FLOOR: &str = "floor";

/// The customer whose conversation the events are about.
const CUSTOMER: &str = "Customer 1";
/// Credentials in the sample events.
const SAMPLE_CREDENTIALS: &str = "Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQ=";
/// Ids in them, and a text.
const SAMPLE_CHANNEL: &str = "ch_4711_0a1b2c3d4e5f6g7h8i9j";
const SAMPLE_CONVERSATION: &str = "cv_0123456789abcdef";
const SAMPLE_MESSAGE: &str = "m_0123456789abcdef01jr5v0000000000000000ab";
const SAMPLE_CUSTOMER: &str = "pt_0123456789abcdef";
const SAMPLE_COMPANY: &str = "pt_0a1b2c3d4e5f6g7h8i9j";
const SAMPLE_TEXT: &str = "Your order left this morning.";

/// What a function is invoked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The sample event, on an empty table.
    Sample,
    /// A question of Pipedrive's about what is there.
    Read,
    /// A customer's message, another one each time.
    Webhook,
    /// A message that Pipedrive has not heard of, another one each time.
    Deliver,
    /// An answer to a customer, another one each time.
    Post,
}

impl Act {
    fn of(function: &str) -> Self {
        match function {
            "get-conversations" | "get-conversation-by-id" | "get-message-by-id" | "get-sender-by-id" | "get-templates" => {
                Self::Read
            }
            "provider-webhook" => Self::Webhook,
            "deliver" => Self::Deliver,
            "post-message" => Self::Post,
            _ => Self::Sample,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Status(u64),
    NoFailures,
    Done,
}

impl Expected {
    /// As a table of `events/README.md` says it.
    fn documented(readme: &str, function: &str) -> Option<Self> {
        let row = readme.lines().find_map(|line| line.strip_prefix(&format!("| {function} | ")))?;
        match row.split_once(" |")?.0 {
            "no failures" => Some(Self::NoFailures),
            "done" => Some(Self::Done),
            status => status.parse().ok().map(Self::Status),
        }
    }
}

/// What one function is invoked for, and what it must answer.
pub(crate) struct Scene {
    act: Act,
    /// Its sample event, about what is there.
    event: String,
    expected: Expected,
}

impl Scene {
    /// Whether that is the answer that it must give.
    pub(crate) fn expects(&self, answer: &Value) -> bool {
        match self.expected {
            Expected::Status(status) => answer["statusCode"] == status,
            Expected::NoFailures => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
            Expected::Done => answer.is_object(),
        }
    }
}

/// Two bundles in this process, and their tables.
pub(crate) struct Stage {
    world: World,
    world_settings: Settings,
    empty_settings: Settings,
    _empty: Bundle,
    conversation: Conversation,
    /// How many messages were made up for events, and the last one's text.
    made_up: usize,
    text: String,
}

impl Stage {
    /// Sets it.
    pub(crate) async fn set() -> Result<Self, BenchError> {
        let failed = || BenchError::failed("start a bundle");
        let mut world = World::start().await;
        let world_settings = settings(&world.bundle.serve_aws(0).await.map_err(failed())?, world.bundle.environment());
        let mut empty = Bundle::start(empty()).await.map_err(failed())?;
        let empty_settings = settings(&empty.serve_aws(0).await.map_err(failed())?, empty.environment());
        let conversation = converse(&world).await?;
        Ok(Self { world, world_settings, empty_settings, _empty: empty, conversation, made_up: 0, text: String::new() })
    }

    /// What a function is invoked for.
    pub(crate) fn scene(&self, function: &str) -> Result<Scene, BenchError> {
        // The floor is no function of the bundle's; to it, one event is like another.
        let function = if function == FLOOR { "manifest" } else { function };
        let read = |file: &str| {
            let path = repository().join("events").join(file);
            fs::read_to_string(&path).map_err(BenchError::failed(format!("read {}", path.display())))
        };
        let (act, sample) = (Act::of(function), read(&format!("{function}.json"))?);
        let documented = Expected::documented(&read("README.md")?, function);
        let undocumented = || BenchError::unexpected(function, "events/README.md does not say what it answers");
        Ok(match act {
            Act::Sample => Scene { act, event: sample, expected: documented.ok_or_else(undocumented)? },
            Act::Deliver => Scene { act, event: self.about_what_is_there(&sample)?, expected: Expected::NoFailures },
            _ => Scene { act, event: self.about_what_is_there(&sample)?, expected: Expected::Status(200) },
        })
    }

    /// The environment variables that lead a function there.
    pub(crate) fn settings(&self, scene: &Scene) -> &Settings {
        if scene.act == Act::Sample { &self.empty_settings } else { &self.world_settings }
    }

    /// The next event. Whatever must be there for it is there.
    pub(crate) async fn event(&mut self, scene: &Scene) -> Result<Value, BenchError> {
        let mut event: Value = serde_json::from_str(&scene.event).map_err(BenchError::failed("read a sample event"))?;
        if matches!(scene.act, Act::Sample | Act::Read) {
            return Ok(event);
        }
        // Each finds the conversation at rest.
        self.world.settle().await;
        self.made_up += 1;
        self.text = format!("Message {} of the measurement.", self.made_up);
        let (number, from) = (whatsapp_number().id, phone(1));
        let message = Incoming { number: &number, from: &from, name: CUSTOMER, text: &self.text, at: self.world.clock.now() };
        match scene.act {
            Act::Webhook => {
                let change = self.world.bundle.graph().message_change(&message, &format!("wamid.measured.{}", self.made_up));
                let body = Graph::envelope(&change.into_iter().collect::<Vec<_>>());
                event["headers"]["x-hub-signature-256"] = signature(&body).into();
                event["body"] = String::from_utf8_lossy(&body).into();
            }
            Act::Deliver => self.world.store(&[message]).await,
            Act::Post => event["body"] = self.form(&event["body"])?.into(),
            Act::Sample | Act::Read => {}
        }
        Ok(event)
    }

    /// Makes sure that the last event had its effect.
    pub(crate) async fn check(&self, scene: &Scene) -> Result<(), BenchError> {
        let bundle = &self.world.bundle;
        let happened = match scene.act {
            Act::Sample | Act::Read => true,
            Act::Webhook => {
                self.world.settle().await;
                self.world.texts(CUSTOMER).contains(&self.text)
            }
            Act::Deliver => self.world.texts(CUSTOMER).contains(&self.text),
            Act::Post => bundle.graph().sent().iter().any(|sent| sent.text == self.text),
        };
        let lost = || BenchError::unexpected(format!("{:?}", scene.act), format!("\"{}\" did not get there", self.text));
        happened.then_some(()).ok_or_else(lost)
    }

    /// A sample with ids of this stage, and Pipedrive's credentials here.
    fn about_what_is_there(&self, sample: &str) -> Result<String, BenchError> {
        let missing = |what: &str| BenchError::unexpected("the simulated Pipedrive", format!("it knows no {what}"));
        let Conversation { id, messages, .. } = &self.conversation;
        let message = &messages.last().ok_or_else(|| missing("message"))?.id;
        let customer = &self.conversation.side(true).ok_or_else(|| missing("customer"))?.id;
        let credentials = as_pipedrive();
        let credentials = credentials.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(sample
            .replace(SAMPLE_CREDENTIALS, credentials)
            .replace(SAMPLE_CHANNEL, &self.world.whatsapp.provider_channel_id)
            // It holds the conversation's.
            .replace(SAMPLE_MESSAGE, message)
            .replace(SAMPLE_CONVERSATION, id)
            .replace(SAMPLE_CUSTOMER, customer))
    }

    /// The sample's form with ids of this stage and the text.
    fn form(&self, sample: &Value) -> Result<String, BenchError> {
        let failed = BenchError::failed("read the form of a sample event");
        let form = STANDARD.decode(sample.as_str().unwrap_or_default()).map_err(failed)?;
        let company = self.conversation.side(false).map(|side| side.id.as_str()).unwrap_or_default();
        let form = self.about_what_is_there(&String::from_utf8_lossy(&form))?;
        Ok(STANDARD.encode(form.replace(SAMPLE_COMPANY, company).replace(SAMPLE_TEXT, &self.text)))
    }
}

/// A bundle with an empty table and the secret that the sample events were made for (`events/README.md`). There is nobody to call.
fn empty() -> BundleOptions {
    let nowhere = || "http://127.0.0.1:9".to_owned();
    let world = RealWorld {
        base_urls: vec![("PIPEDRIVE_OAUTH_URL", nowhere()), ("PIPEDRIVE_API_URL", nowhere()), ("GRAPH_API_URL", nowhere())],
        public_url: None,
        credentials: vec![
            ("pipedrive_client_id", "client-id".to_owned()),
            ("pipedrive_client_secret", "client-secret".to_owned()),
            ("meta_app_secret", "meta-app-secret".to_owned()),
            ("meta_verify_token", "meta-verify-token".to_owned()),
        ],
        encryption_key: None,
    };
    BundleOptions { world: Some(world), pump: false, ..BundleOptions::default() }
}

/// Has customers write, and Pipedrive hear of it. The first one's conversation, as Pipedrive has it.
async fn converse(world: &World) -> Result<Conversation, BenchError> {
    let (number, now) = (whatsapp_number().id, world.clock.now());
    for n in 1..=CONVERSATIONS {
        let (from, name) = (phone(n), format!("Customer {n}"));
        let texts: Vec<String> =
            (1..=MESSAGES).map(|m| format!("Where is the parcel of order {n}-{m}? It should be here.")).collect();
        let written = texts.iter().zip(1_u64..).map(|(text, second)| {
            let at = now.minus(Duration::from_hours(1)).plus(Duration::from_secs(second));
            Incoming { number: &number, from: &from, name: &name, text, at }
        });
        world.store(&written.collect::<Vec<_>>()).await;
    }
    // By phone, so that the simulated WhatsApp takes answers.
    world.bundle.graph().customer_writes(&phone(1), CUSTOMER, "Thank you.");
    world.settle().await;
    world.conversation_with(CUSTOMER).ok_or_else(|| BenchError::unexpected("the simulated Pipedrive", "it knows no conversation"))
}

/// The variables that lead a function to a bundle's table, bucket and world.
fn settings(aws: &str, environment: &Environment) -> Settings {
    let config = &environment.config;
    let given = [
        ("PUBLIC_URL", config.public_url.as_ref()),
        ("PIPEDRIVE_API_URL", config.pipedrive_api_url.as_ref()),
        ("MEDIA_BUCKET", config.media_bucket.as_ref()),
        ("PIPEDRIVE_OAUTH_URL", Some(&config.pipedrive_oauth_url)),
        ("GRAPH_API_URL", Some(&config.graph_api_url)),
        ("TELEGRAM_API_URL", Some(&config.telegram_api_url)),
        ("TWILIO_API_URL", Some(&config.twilio_api_url)),
        ("TABLE_NAME", Some(&config.table)),
        ("SECRET_ID", Some(&config.secret_id)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?.clone())));
    let local = [("AWS_ENDPOINT_URL", aws.to_owned()), ("ALLOW_LOOPBACK_URLS", "true".to_owned())];
    given.chain(local).collect()
}

/// Meta's signature of a webhook's body (Meta, Graph API, Webhooks, "Getting Started").
fn signature(body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, META_APP_SECRET.as_bytes()), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_readme_says_what_is_answered() {
        let readme = "| Event | Answer | Because |\n|---|---|---|\n| media | 404 | forged |\n| deliver | no failures | gone |\n\
            | redeliver | done | nothing is due |\n| session | perhaps | nobody knows |\n";
        assert_eq!(Expected::documented(readme, "media"), Some(Expected::Status(404)));
        assert_eq!(Expected::documented(readme, "deliver"), Some(Expected::NoFailures));
        assert_eq!(Expected::documented(readme, "redeliver"), Some(Expected::Done));
        assert_eq!((Expected::documented(readme, "session"), Expected::documented(readme, "inbox")), (None, None));
    }

    #[test]
    fn another_answer_is_noticed() {
        let scene = |expected| Scene { act: Act::Sample, event: String::new(), expected };
        assert!(scene(Expected::Status(200)).expects(&json!({"statusCode": 200, "body": ""})));
        assert!(!scene(Expected::Status(200)).expects(&json!({"statusCode": 500})));
        assert!(scene(Expected::NoFailures).expects(&json!({"batchItemFailures": []})));
        assert!(!scene(Expected::NoFailures).expects(&json!({"batchItemFailures": [{"itemIdentifier": "1"}]})));
        assert!(!scene(Expected::NoFailures).expects(&json!({})));
        assert!(scene(Expected::Done).expects(&json!({"woken": 0})));
        assert!(!scene(Expected::Done).expects(&json!(null)));
    }
}
