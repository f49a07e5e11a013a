//! What the simulated Pipedrive asks an app, what a salesperson does, and the page.

use super::*;

#[tokio::test]
async fn an_installation_reads_every_page_templates_and_avatars() {
    let it = Installed::new().await;
    assert_eq!(it.sim.violations(), [""; 0]);
    let channel = it.sim.channels().remove(0);
    assert_eq!((channel.name.as_str(), channel.templates[0].content.as_str()), ("Sales", "Hello {{1}}"));
    assert_eq!(channel.conversations.len(), 2);
    let ada = it.known().side(true).cloned().unwrap();
    assert_eq!((ada.name.as_str(), ada.avatar_url.as_deref()), ("Ada", Some("https://x.example/ada.png")));
    let me = it.client.me(&it.access).await.unwrap();
    assert_eq!((me.company, me.user, me.company_name.as_str()), (DEMO_COMPANY, DEMO_USER, "Demo Company"));
}

#[tokio::test]
async fn answers_are_sent_in_every_spelling() {
    let it = Installed::new().await;
    let post = format!("POST /api/channels/{}/messages", it.channel);
    for (n, (spelling, part)) in [
        (Recipients::Brackets, "name=\"recipientIds[]\"\r\n\r\nthem\r\n"),
        (Recipients::Indexed, "name=\"recipientIds[0]\"\r\n\r\nthem\r\n"),
        (Recipients::Repeated, "name=\"recipientIds\"\r\n\r\nthem\r\n"),
        (Recipients::Commas, "name=\"recipientIds\"\r\n\r\nthem\r\n"),
        (Recipients::Json, "name=\"recipientIds\"\r\n\r\n[\"them\"]\r\n"),
        (Recipients::Absent, "name=\"senderId\"\r\n\r\nus\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        it.sim.change(|settings| settings.recipients = spelling);
        it.app.answer(&post, 200, json!({"success": true, "data": {"id": format!("out{n}")}}));
        let file = InboxFile { name: "offer.txt".to_owned(), mime: "text/plain".to_owned(), bytes: b"cheap".to_vec() };
        let id = it.sim.send_from_inbox(it.channel.as_str(), it.conversation.as_str(), "Hi 👋", vec![file]).await.unwrap();
        assert_eq!(id, format!("out{n}"));
        let body = it.app.last_body();
        assert!(body.contains(part), "{spelling:?}: {body}");
        assert!(body.contains("filename=\"offer.txt\"\r\nContent-Type: text/plain\r\n\r\ncheap\r\n"), "{body}");
        assert!(body.contains("name=\"message\"\r\n\r\nHi 👋\r\n") && body.contains(it.conversation.as_str()), "{body}");
    }
    assert_eq!(it.known().messages.iter().filter(|m| m.sender == "us").count(), 6);
    let closed = json!({"success": false, "data": {"message": "The reply window is closed", "code": "INVALID_BODY"}});
    it.app.answer(&post, 400, closed);
    let refused = it.sim.send_from_inbox(it.channel.as_str(), it.conversation.as_str(), "late", vec![]).await.unwrap_err();
    assert_eq!(refused.to_string(), "the app refused (400 INVALID_BODY): The reply window is closed");
    assert_eq!(it.sim.violations(), [""; 0]);
}

#[tokio::test]
async fn older_messages_single_ones_and_removal() {
    let it = Installed::new().await;
    let (channel, known) = (it.channel.as_str(), it.conversation.as_str());
    let base = format!("/api/channels/{channel}");
    let older = json!({"success": true, "data": conversation(known, "", &json!([message("old", 2, "us")]))});
    it.app.answer(&format!("GET {base}/conversations/{known}?messages_limit=30&after=older"), 200, older);
    assert_eq!(it.sim.load_more(channel, known).await, Ok(true));
    assert_eq!(it.sim.load_more(channel, known).await, Ok(false));
    assert_eq!(it.known().messages.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["old", "new"]);
    for path in [format!("GET {base}/conversations/{known}/messages/new"), format!("GET {base}/messages/new")] {
        it.app.answer(&path, 200, message("new", 15, "them"));
    }
    let both = it.sim.fetch_message(channel, known, "new").await.unwrap();
    assert_eq!(both.map(|m| m.text), ["new", "new"]);
    it.app.answer(&format!("DELETE {base}"), 200, json!({"success": true}));
    it.sim.remove_channel(channel).await.unwrap();
    assert_eq!(it.sim.channels().len(), 0);
    it.app.answer("DELETE /oauth/callback", 200, json!({}));
    it.sim.change(|settings| settings.ids_as_strings = true);
    assert_eq!(it.sim.uninstall(DEMO_COMPANY, DEMO_USER).await, Ok(200));
    let notice: Value = serde_json::from_str(&it.app.last_body()).unwrap();
    assert_eq!((&notice["company_id"], &notice["user_id"]), (&json!("1001"), &json!("11")));
    assert_eq!(it.client.me(&it.access).await.err(), Some(PipedriveError::Unauthorized));
    assert_eq!(it.sim.violations(), [""; 0]);
}

#[tokio::test]
async fn what_breaks_the_contract_is_written_down() {
    let it = Installed::new().await;
    let (channel, known) = (it.channel.as_str(), it.conversation.as_str());
    let question = format!("GET /api/channels/{channel}/conversations/{known}?messages_limit=30&after=older");
    let good =
        json!({"success": true, "data": conversation(known, "older", &json!([message("m2", 5, "us"), message("m1", 4, "us")]))});
    for (pointer, value, complaint) in [
        ("/success", json!(false), "not true at success"),
        ("/data/link", json!(null), "at data.link"),
        ("/data/link", json!("chat"), "link is neither empty nor a URL"),
        ("/data/status", json!("archived"), "at data.status"),
        ("/data/next_messages_cursor", json!(null), "at data.next_messages_cursor"),
        ("/data/participants/0/role", json!("end_user"), "not exactly one source_user"),
        ("/data/participants/1/role", json!("source_user"), "no end_user"),
        ("/data/messages/0/created_at", json!("yesterday"), "not a date and time at data.messages[0].created_at"),
        ("/data/messages/0/created_at", json!("2026-11-20 09:01"), "messages are not newest first"),
        ("/data/messages/0/status", json!("pending"), "at data.messages[0].status"),
        ("/data/messages/0/sender_id", json!("nobody"), "a message's sender is no participant"),
        ("/data/messages/0/id", json!("m1"), "a message is there twice"),
        ("/data/id", json!("other"), "answered with another conversation"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        it.app.answer(&question, 200, bad);
        let before = it.sim.violations().len();
        let _ = it.sim.load_more(channel, known).await;
        let new = it.sim.violations().split_off(before).join("; ");
        assert!(new.contains(complaint), "{pointer} {value}: {new}");
    }
    for (status, body) in [
        (500, json!({"success": false, "data": {"message": "x", "code": "INTERNAL"}})),
        (404, json!({"message": "Not Found"})),
        (404, json!({"success": false, "data": {"message": "x", "code": "FORBIDDEN"}})),
        (429, json!({"success": false, "data": {"message": "x", "code": "RATE_LIMIT_EXCEEDED"}})),
    ] {
        it.app.answer(&question, status, body);
        assert_eq!(it.sim.load_more(channel, known).await, Err(InboxError::Contract), "{status}");
    }
    it.app.answer("GET /manifest.json", 200, json!({"version": "v1", "endpoints": {}}));
    it.sim.set_app_url(&it.app_url());
    assert_eq!(it.sim.load_more(channel, known).await, Err(InboxError::Contract));
    let complaints = it.sim.violations().join("; ");
    assert!(complaints.contains("version is not v202101") && complaints.contains("postMessage is missing"), "{complaints}");
}

#[tokio::test]
async fn the_page_works_under_a_prefix() {
    let it = Installed::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/sim/pipedrive/", listener.local_addr().unwrap());
    let outer = Router::new().nest_service("/sim/pipedrive", router(&it.sim));
    tokio::spawn(async move { axum::serve(listener, outer).await });
    let text = async |path: &str| http().get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
    let page = text("").await;
    for file in ["style.css", "inbox.js"] {
        assert!(page.contains(&format!("\"{file}\"")) && !text(file).await.is_empty(), "{file}");
    }
    assert!(!page.contains("href=\"/") && !page.contains("src=\"/"), "all links are relative");
    let inbox: Value = serde_json::from_str(&text("inbox.json").await).unwrap();
    assert_eq!(inbox["channels"][0]["conversations"][0]["participants"][1]["name"], "Ada");
    assert_eq!(inbox["users"][0]["signed_in"], true);
    let post = format!("POST /api/channels/{}/messages", it.channel);
    it.app.answer(&post, 200, json!({"success": true, "data": {"id": "out"}}));
    let form = json!({"channel": it.channel, "conversation": it.conversation, "text": "Hi"});
    let sent = http().post(format!("{base}sim/send")).json(&form).send().await.unwrap();
    assert_eq!(sent.json::<Value>().await.unwrap(), json!({"id": "out"}));
    let open = http().get(format!("{base}sim/open-app")).send().await.unwrap();
    let to = url::Url::parse(open.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    let query: HashMap<_, _> = to.query_pairs().into_owned().collect();
    assert_eq!((to.path(), query["companyId"].as_str()), ("/setup", "1001"));
    let key = jsonwebtoken::DecodingKey::from_secret(b"secret");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_required_spec_claims(&["exp"]);
    let claims = jsonwebtoken::decode::<Value>(&query["token"], &key, &rules).unwrap().claims;
    assert_eq!((&claims["userId"], &claims["companyId"]), (&json!(11), &json!(1001)));
}
