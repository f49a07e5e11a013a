//! Codes and tokens of the simulated Pipedrive, as the bundle's own client sees them.

use super::*;

#[tokio::test]
async fn codes_work_once_for_five_minutes_at_their_callback() {
    let (sim, _, client, callback) = sim().await;
    let secrets = secrets();
    let used = code(&client, &callback).await;
    client.exchange(&secrets, &used, &callback).await.unwrap();
    assert_eq!(client.exchange(&secrets, &used, &callback).await.err(), Some(PipedriveError::InvalidGrant));
    let elsewhere = code(&client, &callback).await;
    let wrong = client.exchange(&secrets, &elsewhere, "https://evil.example/").await.err();
    assert_eq!(wrong, Some(PipedriveError::Invalid { status: 400, code: "redirect_uri".to_owned() }));
    let late = code(&client, &callback).await;
    sim.advance(Duration::from_mins(5));
    assert_eq!(client.exchange(&secrets, &late, &callback).await.err(), Some(PipedriveError::InvalidGrant));
    let foreign = http().get(client.authorize_url(&secrets, "https://evil.example/", "s")).send().await.unwrap();
    assert_eq!(foreign.status(), 400);
    sim.change(|settings| settings.auto_consent = false);
    let asks = http().get(client.authorize_url(&secrets, &callback, "s")).send().await.unwrap();
    assert_eq!(asks.status(), 200);
    let refused = http().post(asks.url().clone()).body("decision=cancel").send().await.unwrap();
    assert_eq!(refused.headers()[header::LOCATION], format!("{callback}?state=s&error=user_denied"));
}

#[tokio::test]
async fn tokens_run_out_and_refresh_tokens_stay_or_rotate() {
    let (sim, _, client, callback) = sim().await;
    let secrets = secrets();
    let first = grant(&client, &callback).await;
    sim.advance(Duration::from_hours(1));
    assert_eq!(client.me(&access(&first)).await.err(), Some(PipedriveError::Unauthorized));
    for _ in 0..2 {
        let renewed = client.refresh(&secrets, &first.refresh_token).await.unwrap();
        assert!(client.me(&access(&renewed)).await.is_ok(), "the same refresh token goes on working");
    }
    sim.change(|settings| settings.rotation = Rotation::Rotating);
    let rotated = client.refresh(&secrets, &first.refresh_token).await.unwrap();
    assert_eq!(client.refresh(&secrets, &first.refresh_token).await.err(), Some(PipedriveError::InvalidGrant));
    assert!(client.refresh(&secrets, &rotated.refresh_token).await.is_ok());
    let idle = grant(&client, &callback).await;
    sim.advance(Duration::from_hours(60 * 24));
    assert_eq!(client.refresh(&secrets, &idle.refresh_token).await.err(), Some(PipedriveError::InvalidGrant));
    let last = grant(&client, &callback).await;
    sim.set_suspended(DEMO_COMPANY, true);
    assert_eq!(client.me(&access(&last)).await.err(), Some(PipedriveError::AccountClosed));
}
