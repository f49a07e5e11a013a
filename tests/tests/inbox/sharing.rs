//! Who sees what: a channel is everybody's, until its owner keeps it to themselves.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use local::simulators::pipedrive::{Call, DEMO_COMPANY, DEMO_USER, Fault, Kind};
use pigeonpost_tests::world::{World, phone};
use serde_json::{Value, json};

use crate::inbox::desk::{Desk, names, text, write};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// What a colleague's call of a route comes to, which leads to a conversation or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leads {
    /// It tells of the conversation.
    There,
    /// It is about something that is named, which is unknown to who may not see it.
    ToNamed,
    /// It is the owner's alone.
    ToOwner,
    /// It has nothing to do with conversations.
    Elsewhere,
}

use Leads::{Elsewhere, There, ToNamed, ToOwner};

/// A call: its route as template.yaml has it, the path that is asked for, its body.
struct Case {
    route: &'static str,
    path: String,
    body: Option<Value>,
    leads: Leads,
}

/// A conversation that every route of the page's API leads to, if it leads to any.
struct Fixture {
    channel: String,
    conversation: String,
    /// A message of it that is dead.
    message: String,
    person: u64,
    deal: u64,
    organization: u64,
}

/// Words that stand in nothing but the conversation.
const CUSTOMER: &str = "Cara Confidential";
const SAID: &str = "between the two of us";

impl Fixture {
    async fn new(world: &World, owner: &Desk<'_>) -> Self {
        let pipedrive = world.bundle.pipedrive();
        let organization = pipedrive.add_organization(DEMO_COMPANY, "Lamps Ltd");
        let make = |kind, body: &Value| pipedrive.create(DEMO_COMPANY, DEMO_USER, kind, body).unwrap()["id"].as_u64().unwrap();
        let person = make(Kind::Persons, &json!({"name": "Somebody", "org_id": organization}));
        let deal = make(Kind::Deals, &json!({"title": "Lamps", "person_id": person}));
        write(world, 1, CUSTOMER, "hello").await;
        let conversation = owner.id(CUSTOMER).await;
        // Once with times in full, once in minutes.
        pipedrive.inject(Call::Receive, Fault::Answer(400), 2);
        write(world, 1, CUSTOMER, SAID).await;
        owner.post(&format!("conversations/{conversation}/record/link"), &json!({"person": person})).await;
        let channel = world.whatsapp.provider_channel_id.clone();
        let message = text(&owner.get("dead").await[0]["message_id"]);
        Self { channel, conversation, message, person, deal, organization }
    }

    /// A call of every route, those that change something last. Whether this is every route is asked elsewhere.
    fn cases(&self) -> Vec<Case> {
        let Self { channel, conversation, message, person, deal, organization } = self;
        let to = format!("+{}", phone(1));
        let get = |route, rest: String, leads| Case { route, path: rest, body: None, leads };
        let of = |rest: &str| format!("conversations/{conversation}{rest}");
        let mut cases = vec![
            get("GET start", "start".to_owned(), There),
            get("GET updates", "updates?since=0".to_owned(), There),
            get("GET conversations", "conversations".to_owned(), There),
            get("GET conversations", format!("conversations?channel={channel}"), There),
            get("GET conversations", format!("conversations?person={person}"), There),
            get("GET conversations", format!("conversations?deal={deal}"), There),
            get("GET conversations", format!("conversations?organization={organization}"), There),
            get("GET search/conversations", "search/conversations?q=confidential".to_owned(), There),
            get("GET search/messages", "search/messages?q=between".to_owned(), There),
            get("GET search/messages", format!("search/messages?q=between&conversation={conversation}"), ToNamed),
            get("GET dead", "dead".to_owned(), There),
            get("GET dead", format!("dead?channel={channel}"), There),
            get("GET dead/{message}", format!("dead/{message}"), ToNamed),
            get("GET audit", "audit".to_owned(), There),
            get("GET conversations/{conversation}", of(""), ToNamed),
            get("GET conversations/{conversation}/record", of("/record"), ToNamed),
            get("GET conversations/{conversation}/record/candidates", of("/record/candidates?q=some"), ToNamed),
            get("GET conversations/{conversation}/audit", of("/audit"), ToNamed),
            get("GET channels/{channel}/templates", format!("channels/{channel}/templates"), ToNamed),
            get("GET people", format!("people?person={person}"), Elsewhere),
            get("GET settings", "settings".to_owned(), Elsewhere),
            get("GET pipelines", "pipelines".to_owned(), Elsewhere),
            get("GET budget", "budget".to_owned(), Elsewhere),
        ];
        let mut does = |route, path: String, body: Value, leads| cases.push(Case { route, path, body: Some(body), leads });
        does("POST uploads", "uploads".to_owned(), json!({"type": "image/png", "size": 1}), Elsewhere);
        let strangers = json!({"kind": "nothing"});
        let settings = json!({"channel": channel, "create_persons": true, "strangers": strangers});
        does("PUT settings", "settings".to_owned(), settings, ToOwner);
        does("PUT sharing", "sharing".to_owned(), json!({"channel": channel, "private": false}), ToOwner);
        does("POST conversations", "conversations".to_owned(), json!({"channel": channel, "phone": to}), ToNamed);
        does("POST conversations/{conversation}/read", of("/read"), json!({"seen": message}), ToNamed);
        does("POST conversations/{conversation}/messages", of("/messages"), json!({"text": "hello back"}), ToNamed);
        does("PUT conversations/{conversation}/state", of("/state"), json!({"state": "closed"}), ToNamed);
        does("POST messages/{message}/retry", format!("messages/{message}/retry"), json!({}), ToNamed);
        let named = json!({"person": person, "deal": deal});
        for deed in ["link", "pin", "unpin", "person", "lead", "deal", "unlink"] {
            let route = "POST conversations/{conversation}/record/{deed}";
            does(route, of(&format!("/record/{deed}")), if deed == "deal" { json!({}) } else { named.clone() }, ToNamed);
        }
        does("POST dead/{message}/resend", format!("dead/{message}/resend"), json!({}), ToNamed);
        does("POST dead/resend", "dead/resend".to_owned(), json!({}), Elsewhere);
        does("DELETE conversations/{conversation}", of(""), json!({}), ToNamed);
        cases
    }

    fn is_told_in(&self, body: &str) -> bool {
        [&self.conversation, CUSTOMER, SAID].into_iter().any(|word| body.contains(word))
    }
}

async fn share(desk: &Desk<'_>, channel: &str, private: bool) {
    let body = json!({"channel": channel, "private": private});
    let answer = desk.call(Method::PUT, "sharing", Some(&body)).await;
    assert_eq!((answer.status, &answer.json()["data"]["private"]), (200, &json!(private)), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_keeps_to_themselves_no_route_leads_to() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    let fixture = Fixture::new(&world, &owner).await;
    let cases = fixture.cases();
    let routes: BTreeSet<String> = TEMPLATE
        .lines()
        .filter_map(|line| line.split_once("Method: ")?.1.split_once("/inbox/api/"))
        .map(|(method, path)| format!("{} {}", method.split(',').next().unwrap(), path.trim_end_matches(['}', '\'']).to_owned()))
        .map(|route| if route.matches('{').count() > route.matches('}').count() { format!("{route}}}") } else { route })
        .collect();
    assert_eq!(cases.iter().map(|case| case.route.to_owned()).collect::<BTreeSet<_>>(), routes, "each route has a case");

    share(&owner, &fixture.channel, true).await;
    let before = owner.get(&format!("conversations/{}", fixture.conversation)).await;
    for Case { route, path, body, leads } in &cases {
        let method: Method = route.split(' ').next().unwrap().parse().unwrap();
        let answer = colleague.call(method.clone(), path, body.as_ref()).await;
        match leads {
            There | Elsewhere => assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body),
            ToNamed => drop(answer.refused(404, "NOT_FOUND")),
            ToOwner => drop(answer.refused(403, "FORBIDDEN")),
        }
        assert!(!fixture.is_told_in(&answer.body), "{method} {path} tells a colleague: {}", answer.body);
        if *leads == There {
            assert!(fixture.is_told_in(&owner.call(method, path, None).await.body), "{path} tells the owner");
        }
    }
    assert_eq!(colleague.get("start").await["channels"], json!([]));
    assert_eq!(colleague.get("updates?since=0").await["hidden"], json!([fixture.channel]));
    assert_eq!(owner.get(&format!("conversations/{}", fixture.conversation)).await, before, "nothing was changed");

    share(&owner, &fixture.channel, false).await;
    for Case { route, path, body, leads } in &cases {
        let method: Method = route.split(' ').next().unwrap().parse().unwrap();
        let answer = colleague.call(method.clone(), path, body.as_ref()).await;
        match leads {
            There | Elsewhere => assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body),
            ToNamed => assert_ne!(answer.status, 404, "{method} {path}: {}", answer.body),
            ToOwner => drop(answer.refused(403, "FORBIDDEN")),
        }
        assert!(*leads != There || fixture.is_told_in(&answer.body), "{path} tells a colleague: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_of_a_channel_says_who_sees_it_and_everybody_sees_what_is_said() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    let channel = &world.whatsapp.provider_channel_id;
    let private = async |desk: &Desk<'_>| desk.get("settings").await["channels"][0]["private"].clone();
    assert_eq!(private(&colleague).await, json!(false), "shared unless somebody says otherwise");
    for wanted in [true, false] {
        let refused = colleague.call(Method::PUT, "sharing", Some(&json!({"channel": channel, "private": wanted}))).await;
        let words = refused.refused(403, "FORBIDDEN");
        assert_eq!(words, "only the user who connected the channel may change who sees its conversations");
    }
    for wanted in [true, true, false, false, true] {
        share(&owner, channel, wanted).await;
        assert_eq!((private(&owner).await, private(&colleague).await), (json!(wanted), json!(wanted)));
    }
    for body in [json!({"channel": "ch_nothing", "private": true}), json!({"channel": "", "private": true})] {
        owner.call(Method::PUT, "sharing", Some(&body)).await.refused(404, "NOT_FOUND");
    }
    for body in [json!({"channel": channel}), json!({"channel": channel, "private": "yes"})] {
        owner.call(Method::PUT, "sharing", Some(&body)).await.refused(400, "INVALID_BODY");
    }
    // Connected anew, it is what it was.
    world.bundle.connect_whatsapp(&world.session).await.unwrap();
    assert_eq!(private(&owner).await, json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_much_that_is_kept_from_somebody_goes_on_where_it_ended() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    for n in 0..6 {
        write(&world, n, &format!("Customer {n}"), "hello").await;
    }
    share(&owner, &world.whatsapp.provider_channel_id, true).await;
    let page = colleague.get("conversations?limit=2").await;
    assert_eq!((names(&page), page.get("after")), (vec![], None), "to its end in one call");
    let found = colleague.get("search/conversations?q=customer").await;
    assert_eq!((&found["looked"], found.get("after")), (&json!(0), None), "not even how many there are");
    let searched = colleague.get("search/messages?q=hello").await;
    assert_eq!((&searched["recent"]["conversations"], &searched["messages"]), (&json!(0), &json!([])));
    assert_eq!(owner.get("search/conversations?q=customer").await["looked"], json!(6));
    world.clock.advance(Duration::from_secs(1));
    share(&owner, &world.whatsapp.provider_channel_id, false).await;
    assert_eq!(names(&colleague.get("conversations?limit=2").await), ["Customer 5", "Customer 4"]);
}
