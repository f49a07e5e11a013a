//! The simulated Channels API, as the bundle's own client sees it.

use super::*;

#[tokio::test]
async fn registering_is_for_admins_once_and_while_the_api_is_there() {
    let it = Installed::new().await;
    let again = it.client.register(&it.access, &registration(&it.channel)).await;
    assert_eq!(again, Err(PipedriveError::ChannelExists));
    let other = ChannelId::new(DEMO_COMPANY);
    let odd = Registration { provider_type: "telegram", ..registration(&other) };
    let refused = PipedriveError::Invalid { status: 400, code: "INVALID_BODY".to_owned() };
    assert_eq!(it.client.register(&it.access, &odd).await, Err(refused));
    for (gone, status) in
        [(Gone::NotFound, 404), (Gone::NotAllowed, 405), (Gone::Gone, 410), (Gone::NotImplemented, 501), (Gone::Scope, 403)]
    {
        it.sim.change(|settings| settings.gone = Some(gone));
        let answer = it.client.register(&it.access, &registration(&other)).await;
        assert_eq!(answer, Err(PipedriveError::Gone { status }), "{gone:?}");
        assert!(it.client.me(&it.access).await.is_ok(), "the rest of the API stays");
    }
    it.sim.change(|settings| settings.gone = None);
    it.sim.sign_in(DEMO_COMPANY, UserId(12));
    let regular = access(&grant(&it.client, &format!("{}/oauth/callback", it.app_url())).await);
    assert_eq!(it.client.register(&regular, &registration(&other)).await, Err(PipedriveError::AdminOnly));
    let owner_only = PipedriveError::Forbidden { code: "FORBIDDEN_USER_REQUEST".to_owned() };
    assert_eq!(it.client.delete_conversation(&regular, &it.channel, &it.conversation).await, Err(owner_only));
    it.client.delete_conversation(&it.access, &it.channel, &it.conversation).await.unwrap();
    it.client.delete_channel(&it.access, &it.channel).await.unwrap();
    assert_eq!(it.client.delete_channel(&it.access, &it.channel).await, Err(PipedriveError::NotFound));
}

#[tokio::test]
async fn a_message_in_an_unknown_conversation_makes_pipedrive_ask_for_it() {
    let it = Installed::new().await;
    let new = ConversationId::new();
    let now = Timestamp::from_secs(2);
    let id = new.message(&Place::new(now, now, 0));
    let answer = json!({"success": true, "data": conversation(new.as_str(), "", &json!([message(id.as_str(), 15, "them")]))});
    let question = format!("GET /api/channels/{}/conversations/{new}?messages_limit=30", it.channel);
    it.app.answer(&question, 200, answer);
    let receipt = Receipt { conversation: &new, sender: &new.end_user(), ..it.receipt(&id) };
    it.client.receive(&it.access, &receipt).await.unwrap();
    it.sim.idle().await;
    assert!(it.app.asked().contains(&question));
    let shown = it.sim.conversation(it.channel.as_str(), new.as_str()).unwrap();
    assert_eq!((shown.messages.len(), shown.messages[0].text.as_str()), (1, "Hello"));
    assert_eq!(shown.messages[0].at.rfc3339(), "2026-11-20T09:15:30.000Z", "the app's answer is more precise");
    let nowhere = it.client.receive(&it.access, &Receipt { channel: &ChannelId::new(DEMO_COMPANY), ..receipt }).await;
    assert_eq!(nowhere, Err(PipedriveError::NotFound));
    assert_eq!(it.sim.violations(), [""; 0]);
}

#[tokio::test]
async fn statuses_go_forward_or_are_violations() {
    let it = Installed::new().await;
    let id = it.message_id();
    for status in [Status::Sent, Status::Delivered, Status::Delivered, Status::Read] {
        it.push(&id, status).await.unwrap();
    }
    let shown = it.known();
    let pushed = shown.messages.iter().find(|m| m.id == id.as_str()).unwrap();
    assert_eq!((pushed.pushes, pushed.status, shown.messages.len()), (4, Status::Read, 2));
    let stranger = format!("receive: {id} comes from no participant of {}", it.conversation);
    it.push(&id, Status::Sent).await.unwrap();
    assert_eq!(it.sim.violations(), [stranger, format!("receive: status of {id} went from read to sent")]);
}

#[tokio::test]
async fn faults_come_on_demand_and_pass() {
    let it = Installed::new().await;
    let id = it.message_id();
    let transient = |code: &str| Err(PipedriveError::Transient { code: code.to_owned() });
    for (fault, expected, effect) in [
        (Fault::Answer(503), transient("http_503"), false),
        (Fault::Answer(401), Err(PipedriveError::Unauthorized), false),
        (Fault::Answer(402), Err(PipedriveError::AccountClosed), false),
        (Fault::Answer(403), Err(PipedriveError::RateLimited { retry_after: None }), false),
        (Fault::RateLimited(7), Err(PipedriveError::RateLimited { retry_after: Some(Duration::from_secs(7)) }), false),
        (Fault::Drop, transient("answer"), false),
        (Fault::DropAfter, transient("answer"), true),
        (Fault::Delay(Duration::from_millis(1)), Ok(()), true),
    ] {
        let before = it.sim.count(Call::Receive);
        it.sim.inject(Call::Receive, fault, 1);
        let pushes = |it: &Installed| it.known().messages.iter().map(|m| m.pushes).sum::<usize>();
        let had = pushes(&it);
        assert_eq!(it.push(&id, Status::Sent).await, expected, "{fault:?}");
        assert_eq!((pushes(&it) > had, it.sim.count(Call::Receive)), (effect, before + 1), "{fault:?}");
    }
}
