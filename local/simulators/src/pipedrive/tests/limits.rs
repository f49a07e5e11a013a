//! Rate limits and faults of the simulated Pipedrive around records.

use reqwest::Method as Verb;

use super::{records::Api, *};

fn number(answer: &reqwest::Response, name: &str) -> Option<u64> {
    answer.headers().get(name)?.to_str().unwrap().parse().ok()
}

#[tokio::test]
async fn every_call_costs_tokens_of_the_companys_day() {
    let api = Api::new().await;
    let (left, limit) = ("x-daily-ratelimit-token-remaining", "x-daily-ratelimit-token-limit");
    let quiet = api.send(Verb::GET, "v2/persons", None).await;
    assert_eq!((number(&quiet, left), number(&quiet, "x-ratelimit-limit")), (None, None), "no limit, no headers");
    api.sim.advance(Duration::from_hours(24));
    let api = api.renewed();
    api.sim.change(|settings| settings.limits.daily_tokens = Some(60));
    let body = json!({"name": "Ada"});
    for (verb, path, body, cost) in [
        (Verb::POST, "v2/persons", Some(&body), 5),
        (Verb::GET, "v2/persons", None, 10),
        (Verb::GET, "v2/persons/1", None, 1),
        (Verb::PATCH, "v2/persons/1", Some(&body), 5),
        (Verb::GET, "v2/persons/search?term=ada", None, 20),
        (Verb::GET, "v2/stages", None, 5),
        (Verb::DELETE, "v2/persons/1", None, 3),
        (Verb::GET, "v1/users/me", None, 2),
    ] {
        let before = api.sim.tokens_spent(DEMO_COMPANY);
        let answer = api.send(verb.clone(), path, body).await;
        assert_eq!(api.sim.tokens_spent(DEMO_COMPANY) - before, cost, "{verb} {path}");
        assert_eq!((number(&answer, limit), number(&answer, left)), (Some(60), Some(60 - before - cost)), "{verb} {path}");
    }
    let refused = api.send(Verb::GET, "v2/persons", None).await;
    assert_eq!((refused.status().as_u16(), number(&refused, left)), (429, Some(0)));
    assert_eq!(api.sim.tokens_spent(DEMO_COMPANY), 51, "what is refused costs nothing");
    api.sim.spend_tokens(DEMO_COMPANY, 9);
    assert_eq!(api.send(Verb::GET, "v2/persons/1", None).await.status(), 429);
    api.sim.advance(Duration::from_hours(24));
    assert_eq!(api.renewed().send(Verb::GET, "v2/persons", None).await.status(), 200, "a new day");
}

#[tokio::test]
async fn bursts_are_counted_by_user_and_searches_apart() {
    let api = Api::new().await;
    api.sim.change(|settings| settings.limits = Limits { burst: Some(2), search_burst: Some(1), daily_tokens: Some(1000) });
    for left in [1, 0] {
        let answer = api.send(Verb::GET, "v2/persons/1", None).await;
        let seen = (answer.status().as_u16(), number(&answer, "x-ratelimit-limit"), number(&answer, "x-ratelimit-remaining"));
        assert_eq!(seen, (404, Some(2), Some(left)));
    }
    let refused = api.send(Verb::GET, "v2/persons/1", None).await;
    let seen = (refused.status().as_u16(), number(&refused, "x-ratelimit-reset"), number(&refused, "retry-after"));
    assert_eq!(seen, (429, Some(2), Some(2)));
    assert_eq!(number(&refused, "x-daily-ratelimit-token-remaining"), Some(998), "there are tokens left");
    let found = api.send(Verb::GET, "v2/persons/search?term=ada", None).await;
    assert_eq!((found.status().as_u16(), number(&found, "x-ratelimit-limit")), (200, Some(1)));
    api.sim.advance(Duration::from_secs(2));
    assert_eq!(api.send(Verb::GET, "v2/persons/1", None).await.status(), 404, "the window has passed");
}

#[tokio::test]
async fn faults_of_every_kind_come_on_demand() {
    let api = Api::new().await;
    let create = Call::Records(Kind::Persons, Action::Create);
    let body = json!({"name": "Ada"});
    for (fault, status, is_html) in [
        (Fault::Answer(401), 401, false),
        (Fault::Answer(402), 402, false),
        (Fault::Answer(403), 403, true),
        (Fault::Forbidden("feature_capping_deals_limit"), 403, false),
        (Fault::RateLimited(3), 429, false),
        (Fault::BudgetSpent, 429, false),
        (Fault::Answer(500), 500, false),
    ] {
        api.sim.inject(create, fault, 1);
        let answer = api.send(Verb::POST, "v2/persons", Some(&body)).await;
        assert_eq!(answer.status(), status, "{fault:?}");
        let text = answer.text().await.unwrap();
        assert_eq!(text.starts_with('<'), is_html, "{fault:?} {text}");
        assert_eq!(text.contains("feature_capping_deals_limit"), matches!(fault, Fault::Forbidden(_)));
    }
    assert_eq!(api.sim.persons(DEMO_COMPANY).len(), 0, "nothing happened");
    api.sim.inject(create, Fault::Hang, 1);
    let before = api.sim.count(create);
    tokio::select! {
        answer = api.send(Verb::POST, "v2/persons", Some(&body)) => panic!("answered with {}", answer.status()),
        () = arrival(&api.sim, create, before) => {}
    }
    api.post("v2/persons", &body).await;
    assert_eq!(api.sim.count(create), 9);
}

/// Waits until one more request of the kind has come. What a fault does with it is decided in the same moment.
async fn arrival(sim: &PipedriveSim, call: Call, before: usize) {
    while sim.count(call) == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
