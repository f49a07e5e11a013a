//! The real program, killed again and again while messages come in: what a provider was told is taken is there after the
//! restart, and everything is there once.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    demo,
    simulators::{
        CLIENT_ID, CLIENT_SECRET, META_APP_SECRET, META_VERIFY_TOKEN,
        graph::{App, Graph, Incoming},
        pipedrive::Conversation,
        webhooks::Post,
        whatsapp_number,
    },
};
use serde_json::Value;
use shared::{
    clock::{Clock, SystemClock},
    model::time::Timestamp,
};
use tokio::time::Instant;

/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(55);
/// How often it is killed.
const KILLS: usize = 3;
/// Messages that come in between two starts.
const MESSAGES: usize = 24;
const NAME: &str = "Karla";

/// The program, killed when this goes.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    /// Starts it over `data` and waits until it says where it is.
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--port", "0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("ready: ").map(str::to_owned)).unwrap();
        // What it still says would block it if nobody read it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Program {
    /// SIGKILL: it gets no time to end anything.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Webhooks of one message each, signed as Meta signs them.
fn webhooks(graph: &Graph, start: Timestamp, round: usize) -> Vec<(String, Post)> {
    let number = whatsapp_number();
    let one = |n: usize| {
        let text = format!("message {:03}", round * MESSAGES + n);
        let at = start.plus(Duration::from_secs((round * MESSAGES + n) as u64));
        let incoming = Incoming { number: &number.id, from: "15550109999", name: NAME, text: &text, at };
        let change = graph.message_change(&incoming, &format!("wamid.{text}")).unwrap();
        (text, graph.webhooks().compose(&[change]))
    };
    (0..MESSAGES).map(one).collect()
}

/// Posts what is not taken yet, one after the other, as a provider does; ends when the program does.
async fn post(http: &reqwest::Client, url: &str, open: &Mutex<Vec<(String, Post)>>) {
    loop {
        let Some((text, post)) = open.lock().unwrap().first().cloned() else { return };
        let request = http.post(format!("{url}/webhooks/whatsapp")).headers(post.headers).body(post.body);
        match request.send().await {
            Ok(answer) if answer.status() == 200 => open.lock().unwrap().retain(|(other, _)| *other != text),
            Ok(answer) => panic!("{text} is refused: {}", answer.status()),
            Err(_) => return,
        }
    }
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_and_doubles_nothing() {
    let deadline = Instant::now() + LIMIT;
    let data = tempfile::tempdir().unwrap();
    let app = App { secret: META_APP_SECRET.to_owned(), verify_token: META_VERIFY_TOKEN.to_owned() };
    let clock = Arc::new(SystemClock);
    let graph = Graph::new(app, clock.clone());
    graph.add_number(whatsapp_number());
    let (http, start) = (reqwest::Client::builder().build().unwrap(), Timestamp::from_secs(clock.now().secs() - 3600));
    let open = Arc::new(Mutex::new(Vec::new()));

    for round in 0..KILLS {
        let program = Program::start(data.path());
        open.lock().unwrap().extend(webhooks(&graph, start, round));
        let all = open.lock().unwrap().len();
        let posting = {
            let (http, url, open) = (http.clone(), program.url.clone(), open.clone());
            tokio::spawn(async move { post(&http, &url, &open).await })
        };
        // In the middle: some are taken, one is under way, the stream is at work.
        while open.lock().unwrap().len() > all / 2 {
            assert!(Instant::now() < deadline && !posting.is_finished(), "the program takes no messages");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(program);
        posting.await.unwrap();
        assert!(!open.lock().unwrap().is_empty(), "it was killed in the middle");
    }

    // The last start is in this process, with time that can be put forward: what the kills left to wait comes due.
    let clock = Arc::new(AdjustableClock::default());
    let options = BundleOptions { data: Some(data.path().to_owned()), clock: clock.clone(), ..BundleOptions::default() };
    let bundle = Bundle::start(options).await.unwrap();
    demo::set_up(&bundle, |_| ()).await.unwrap();
    post(&http, bundle.url(), &open).await;
    assert!(open.lock().unwrap().is_empty(), "everything is taken in the end");
    for _ in 0..3 {
        bundle.settle().await.unwrap();
        clock.advance(Duration::from_mins(2));
        assert!(bundle.run_schedule("redeliver").await);
    }
    bundle.settle().await.unwrap();

    let find = || {
        let channels = bundle.pipedrive().channels().into_iter();
        let all = channels.flat_map(|channel| channel.conversations.into_values().map(move |c| (channel.id.clone(), c)));
        let mut theirs = all.filter(|(_, c)| c.side(true).is_some_and(|customer| customer.name == NAME));
        let found = theirs.next().unwrap();
        assert!(theirs.next().is_none(), "one conversation");
        found
    };
    let (channel, Conversation { id, .. }) = find();
    let url = format!("{}/api/channels/{channel}/conversations/{id}?messages_limit=100", bundle.url());
    let stored = http.get(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send().await.unwrap();
    let stored: Value = stored.json().await.unwrap();
    let stored = stored["data"]["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap());
    let expected: Vec<String> = (0..KILLS * MESSAGES).map(|n| format!("message {n:03}")).collect();
    assert_eq!(sorted(stored.map(str::to_owned)), expected, "each is stored once");
    while bundle.pipedrive().load_more(&channel, &id).await.unwrap() {}
    assert_eq!(sorted(find().1.messages.into_iter().map(|message| message.text)), expected, "each is shown once");
    assert_eq!(bundle.pipedrive().violations(), Vec::<String>::new());
    assert!(Instant::now() < deadline, "it takes too long");
}
