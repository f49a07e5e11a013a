//! What a provider says of its templates: those that were kept are asked for anew.

use http::Method;
use pigeonpost_tests::{call::as_pipedrive, table, web::client, world::World};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn kept_templates_are_forgotten_when_meta_says_that_they_changed() {
    let world = World::start().await;
    let kept = async || table::keys(&world.bundle).await.iter().any(|key| key.ends_with(" TPL"));
    let path = format!("{}/api/channels/{}/templates", world.bundle.url(), world.whatsapp.provider_channel_id);
    let answer = client().request(Method::GET, path).headers(as_pipedrive()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), kept().await), (200, true));
    let waba = local::simulators::whatsapp_number().waba_id;
    world.bundle.graph().tell_account(&waba, "message_template_status_update", &json!({"event": "APPROVED"}));
    world.settle().await;
    assert!(!kept().await);
}
