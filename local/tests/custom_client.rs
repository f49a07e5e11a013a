//! The examples of `docs/custom-provider.md`, as somebody runs them who connects a chat of their own: a message goes in, an
//! answer comes out.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use local::{
    bundle::{Bundle, BundleOptions},
    simulators::{
        chat::SIGNING_SECRET,
        pipedrive::{DEMO_COMPANY, DEMO_USER},
    },
};
use serde_json::json;

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// How long the client may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn is_installed(program: &str, asked: &str) -> bool {
    Command::new(program).arg(asked).output().is_ok_and(|answer| answer.status.success())
}

/// The running example. Ends with the test.
struct Client {
    process: Child,
    types: ChildStdin,
    prints: Receiver<String>,
}

impl Client {
    /// None where there is no Python.
    fn start() -> Option<Self> {
        if !is_installed("python3", "--version") {
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/custom-chat.py");
        let mut python = Command::new("python3");
        let python = python.arg(script).args(["0", SECRET]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = python.spawn().expect("Python starts");
        let (types, out) = (process.stdin.take().expect("its stdin"), process.stdout.take().expect("its stdout"));
        let (line, prints) = mpsc::channel();
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Some(Self { process, types, prints })
    }

    fn line(&self) -> String {
        self.prints.recv_timeout(PATIENCE).expect("the client prints something")
    }

    fn types(&mut self, line: &str) {
        writeln!(self.types, "{line}").expect("the client reads");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Channel, conversation and newest text of the inbox's only conversation, once there is one.
async fn conversation(bundle: &Bundle) -> (String, String, String) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        bundle.settle().await.unwrap();
        for channel in bundle.pipedrive().channels() {
            if let Some(conversation) = channel.conversations.values().next() {
                let text = conversation.messages.last().map(|message| message.text.clone());
                return (channel.id.clone(), conversation.id.clone(), text.unwrap_or_default());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing arrives in the inbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_chat_talks_with_the_inbox() {
    let Some(mut client) = Client::start() else {
        eprintln!("skipped: there is no python3 to run docs/examples/custom-chat.py");
        return;
    };
    let listening = client.line();
    let port: String = listening.chars().filter(char::is_ascii_digit).collect();
    let send_url = format!("http://127.0.0.1:{port}/");

    let bundle = Bundle::start(BundleOptions::default()).await.unwrap();
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let wrong = json!({"send_url": send_url, "signing_secret": SECRET.replace("AAEC", "BBBB")});
    let refused = bundle.connect(&session, "custom", "My chat", &wrong).await.unwrap_err().to_string();
    assert!(refused.contains("credentials.signing_secret"), "{refused}");
    let credentials = json!({"send_url": send_url, "signing_secret": SECRET});
    let connected = bundle.connect(&session, "custom", "My chat", &credentials).await.unwrap();

    client.types(&connected.webhook_url);
    client.types("Hello");
    let (channel, conversation, text) = conversation(&bundle).await;
    assert_eq!((channel.as_str(), text.as_str()), (connected.provider_channel_id.as_str(), "Hello"));

    bundle.pipedrive().send_from_inbox(&channel, &conversation, "Good morning", Vec::new()).await.unwrap();
    assert_eq!(client.line(), "Mary gets: Good morning");

    client.types(" ");
    let refused = client.line();
    assert!(refused.starts_with("refused with 400: ") && refused.contains("text: must not be empty"), "{refused}");
    assert_eq!(bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_by_curl_is_taken() {
    if !(is_installed("openssl", "version") && is_installed("curl", "--version")) {
        eprintln!("skipped: there is no openssl or curl to make the call of docs/custom-provider.md");
        return;
    }
    let docs = include_str!("../../docs/custom-provider.md");
    let call = docs.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the call");
    let (given, call) = call.split_at(call.find("body=").expect("a body"));
    assert!(given.starts_with("secret=") && given.contains("\nurl="), "{given}");

    let bundle = Bundle::start(BundleOptions::default()).await.unwrap();
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let connected = bundle.connect_chat(&session).await.unwrap();
    let shell =
        || Command::new("sh").args(["-ec", call]).env("secret", SIGNING_SECRET).env("url", connected.webhook_url).output();
    let said = tokio::task::block_in_place(shell).unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "{}", "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(conversation(&bundle).await.2, "Hello");
}
