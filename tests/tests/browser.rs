//! The pages in headless Chromium: the tests in tests/browser, against a bundle with the demo company. Ignored unless asked for,
//! since neither Chromium nor the packages of tests/browser are on every machine (CONTRIBUTING.md says how to get them).

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use local::{
    bundle::{Bundle, BundleOptions},
    demo,
    schedules::Schedules,
    simulators::{
        CLIENT_SECRET,
        pipedrive::{DEMO_COMPANY, DEMO_USER},
    },
};
use pigeonpost_tests::many;
use shared::model::ids::UserId;

/// Conversations in the long list.
const MANY: i64 = 10_000;
/// A user of the demo company who has connected no channel.
const COLLEAGUE: UserId = UserId(12);
/// Where distributions have Chromium.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Tests of the pages, in this order: what is hostile comes late, since it stays in the list.
const PAGES: [&str; 8] = [
    "chat.test.mjs",
    "races.test.mjs",
    "records.test.mjs",
    "settings.test.mjs",
    "look.test.mjs",
    "host.test.mjs",
    "hostile.test.mjs",
    "sdk.test.mjs",
];

/// Whether the tests of a file pass, with what they want to know in their environment.
async fn passes(file: &'static str, settings: &[(&'static str, String)]) -> bool {
    let mut command = Command::new("node");
    command.current_dir(folder()).args(["--test", "--test-reporter=spec", file]);
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    // The bundle serves the browser meanwhile.
    let ran = tokio::task::spawn_blocking(move || command.status()).await;
    ran.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and Node.js, see CONTRIBUTING.md"]
async fn the_pages_in_a_browser() {
    let chromium = CHROMIUM.iter().find(|path| Path::new(path).exists()).expect("Chromium is installed");
    assert!(folder().join("node_modules/playwright-core").is_dir(), "run `npm ci` in tests/browser");
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let bundle = Bundle::start(BundleOptions { schedules: Schedules::AsDeployed, ..BundleOptions::default() }).await.unwrap();
    // Before the admin, at whose browser the pages are opened then.
    bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    demo::set_up(&bundle, |_| {}).await.unwrap();
    let settings = [
        ("BUNDLE_URL", bundle.url().to_owned()),
        ("CHAT_CREDENTIALS", bundle.chat().credentials().to_string()),
        ("CHROMIUM", (*chromium).to_owned()),
        ("COLLEAGUE", COLLEAGUE.to_string()),
        ("CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("DEMO_COMPANY", DEMO_COMPANY.to_string()),
        ("DEMO_USER", DEMO_USER.to_string()),
        ("MANY", MANY.to_string()),
        ("SCREENSHOTS", screenshots.display().to_string()),
    ];
    let mut failed = Vec::new();
    for file in PAGES {
        if !passes(file, &settings).await {
            failed.push(file);
        }
    }
    many::conversations(&bundle, MANY).await;
    if !passes("many.test.mjs", &settings).await {
        failed.push("many.test.mjs");
    }
    assert!(failed.is_empty(), "{failed:?}: see above; screenshots are in {}", screenshots.display());
}
