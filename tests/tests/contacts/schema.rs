//! The whole error schema: each line from the situation that it names, with its status, code, message, suggested action and a
//! request id.

use std::collections::BTreeSet;

use http::Method;
use local::simulators::pipedrive::{Action, Call, Fault, Kind};
use pigeonpost_tests::{web::api, world::World};
use serde_json::json;
use shared::http::v2::error::rows;

use crate::contacts::caller::{Caller, DEMO, make_key};

struct Row<'a> {
    what: &'a str,
    method: Method,
    path: String,
    body: String,
    key: Option<&'a str>,
    before: &'a dyn Fn(),
    expected: (u16, &'a str, &'a str, &'a str),
}

const NECESSARY: &str = "Ensure that the deal id, contact email or email is present in the request.";
const BODY: &str = "Ensure that the request body is valid, and all required fields are present.";
const LATER: &str = "Try the request again later. If the error does not resolve, contact support.";
const SLOWER: &str = "Reduce the request rate: queue the calls or lower the number of concurrent requests.";
const DENIED: (u16, &str, &str, &str) = (
    403,
    "FORBIDDEN",
    "User is not authorized to access this resource with an explicit deny in an identity-based policy.",
    "Make sure the API key is correct or generate an API key.",
);
const NO_CONTACT: (u16, &str, &str, &str) =
    (404, "CONTACT_NOT_FOUND", "Contact not found.", "Check if the contact exists before using it.");
const NO_LIST: (u16, &str, &str, &str) = (
    404,
    "SEGMENTATION_LIST_NOT_FOUND",
    "Segmentation list not found.",
    "Check if the segmentation list exists before using it.",
);
const NO_DEAL: (u16, &str, &str, &str) = (404, "DEAL_NOT_FOUND", "Deal not found.", "Check if the deal exists before using it.");
const NO_PIPELINE: (u16, &str, &str, &str) =
    (404, "PIPELINE_NOT_FOUND", "Pipeline not found.", "Check if the pipeline exists before using it.");
const NO_STAGE: (u16, &str, &str, &str) =
    (404, "STAGE_NOT_FOUND", "Stage not found.", "Check if the stage exists before using it.");
const EXISTS: (u16, &str, &str, &str) =
    (409, "CONTACT_ALREADY_EXISTS", "Contact already exists.", "Check if the contact already exists before creating a new one.");
const HAS_DEAL: (u16, &str, &str, &str) = (
    409,
    "CONTACT_ASSOCIATED_WITH_A_DEAL",
    "Contact already associated with a deal.",
    "Check if the contact is already associated with a deal before creating or updating one.",
);
const TOO_MANY: (u16, &str, &str, &str) = (429, "TOO_MANY_REQUESTS", "Too many requests.", SLOWER);
const BROKEN: (u16, &str, &str, &str) = (500, "INTERNAL_SERVER_ERROR", "An unexpected error occurred.", LATER);

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one table, a line for each situation")]
async fn each_line_of_the_schema() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let ada = caller.contact("ada@example.com").await;
    let eve = caller.contact("eve@example.com").await;
    let deal = caller.deal(&ada).await;
    let list = caller.list("Newsletter").await;

    let slow = make_key(&world.bundle, &world.session, &json!({"name": "Slow", "per_second": 1, "burst": 1})).await;
    let slow = slow["key"].as_str().unwrap().to_owned();
    let revoked = make_key(&world.bundle, &world.session, &json!({"name": "Revoked"})).await;
    let path = format!("/setup/keys/{}", revoked["id"].as_str().unwrap());
    assert_eq!(api(&world.bundle, &world.session, Method::DELETE, &path, None).await.status, 200);
    let revoked = revoked["key"].as_str().unwrap().to_owned();
    let unknown = format!("{}{}", &caller.key[..caller.key.len() - 32], "0".repeat(32));

    let nothing: &dyn Fn() = &|| ();
    let inject = |kind, action, fault, times| move || pipedrive.inject(Call::Records(kind, action), fault, times);
    let (failing, limited) =
        (inject(Kind::Persons, Action::Get, Fault::Answer(503), 1), inject(Kind::Persons, Action::Get, Fault::RateLimited(7), 1));
    let closed = inject(Kind::Persons, Action::Get, Fault::Answer(402), 1);
    // The first token is refused, and so is the one that it is renewed to.
    let refused = inject(Kind::Persons, Action::Get, Fault::Answer(401), 2);
    let capped = inject(Kind::Deals, Action::Create, Fault::Forbidden("feature_capping_deals_limit"), 1);

    let key = Some(caller.key.as_str());
    let invalid = |message: &'static str| (422, "INVALID_INPUT", message, BODY);
    let necessary = |message: &'static str| (422, "INVALID_PARAMS", message, NECESSARY);
    let new_deal = |contact: &str, pipeline: &str, stage: &str| {
        json!({"contactId": contact, "pipelineId": pipeline, "stageId": stage}).to_string()
    };
    let email = |email: &str| json!({"email": email}).to_string();
    let row = |what, method, path: &str, body: String, expected| Row {
        what,
        method,
        path: path.to_owned(),
        body,
        key,
        before: nothing,
        expected,
    };
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let none = String::new;
    let ada_path = format!("/v2/contacts/{ada}");
    let deal_path = format!("/v2/deals/{deal}");
    let list_path = format!("/v2/segmentation-lists/{list}");
    let no_list = "/v2/segmentation-lists/sl_0000000000000000";
    let rows_of_the_test = vec![
        row(
            "no body",
            post.clone(),
            "/v2/contacts",
            none(),
            (400, "MISSING_BODY", "Body is necessary.", "Ensure that the request body is not empty."),
        ),
        row(
            "a blank body",
            put.clone(),
            &ada_path,
            " ".to_owned(),
            (400, "MISSING_BODY", "Body is necessary.", "Ensure that the request body is not empty."),
        ),
        Row { key: None, ..row("no key", get.clone(), "/v2/contacts", none(), DENIED) },
        Row { key: Some(&unknown), ..row("an unknown key", get.clone(), "/v2/deals", none(), DENIED) },
        Row { key: Some(&revoked), ..row("a revoked key", get.clone(), "/v2/pipelines", none(), DENIED) },
        Row {
            key: Some("pp_x"),
            ..row("no key, before its body is read", post.clone(), "/v2/contacts", "{".repeat(70_000), DENIED)
        },
        row("no such id", get.clone(), "/v2/contacts/99999", none(), NO_CONTACT),
        row("no such address", get.clone(), "/v2/contacts/nobody@example.com", none(), NO_CONTACT),
        row("no such number", get.clone(), "/v2/contacts/%2B15550109999", none(), NO_CONTACT),
        row("what names nobody", put.clone(), "/v2/contacts/nobody", email("a@example.com"), NO_CONTACT),
        row("a deal with nobody", post.clone(), "/v2/deals", new_deal("99999", "1", "1"), NO_CONTACT),
        row("a list and nobody", post.clone(), &format!("{list_path}/contacts/99999"), none(), NO_CONTACT),
        row("one who is not on the list", delete.clone(), &format!("{list_path}/contacts/{ada}"), none(), NO_CONTACT),
        row("no such list to delete", delete.clone(), no_list, none(), NO_LIST),
        row("no such list to add to", post.clone(), &format!("{no_list}/contacts/{ada}"), none(), NO_LIST),
        row("what is no list's id", delete.clone(), "/v2/segmentation-lists/newsletter", none(), NO_LIST),
        row("no such deal", get.clone(), "/v2/deals/99999", none(), NO_DEAL),
        row("no such deal to change", put.clone(), "/v2/deals/next", "{}".to_owned(), NO_DEAL),
        row("a deal in no pipeline", post.clone(), "/v2/deals", new_deal(&ada, "99", "1"), NO_PIPELINE),
        row("no such pipeline", get.clone(), "/v2/pipelines/99/stages", none(), NO_PIPELINE),
        row("a deal in no stage", post.clone(), "/v2/deals", new_deal(&eve, "1", "99"), NO_STAGE),
        row("a deal in another pipeline's stage", post.clone(), "/v2/deals", new_deal(&eve, "1", "5"), NO_STAGE),
        row("a deal to no stage", put.clone(), &deal_path, json!({"stageId": "99"}).to_string(), NO_STAGE),
        row("the same address", post.clone(), "/v2/contacts", email("ADA@example.com"), EXISTS),
        row("another's address", put.clone(), &format!("/v2/contacts/{eve}"), email("ada@example.com"), EXISTS),
        row("a second deal", post.clone(), "/v2/deals", new_deal(&ada, "1", "2"), HAS_DEAL),
        row("no JSON", post.clone(), "/v2/contacts", "{\"email\"".to_owned(), invalid("Invalid JSON body.")),
        row("no address", post.clone(), "/v2/contacts", "{}".to_owned(), invalid("\"email\" is required")),
        row("a wrong address", post.clone(), "/v2/contacts", email("ada"), invalid("\"email\" must be a valid email")),
        row(
            "no stage",
            post.clone(),
            "/v2/deals",
            json!({"contactId": ada, "pipelineId": 1}).to_string(),
            invalid("\"stageId\" is required"),
        ),
        row("no page", get.clone(), "/v2/contacts?page=first", none(), invalid("\"page\" must be a whole number from 0 to 9999")),
        row("no deal", put.clone(), "/v2/deals", "{}".to_owned(), necessary("DEAL_ID_IS_NECESSARY")),
        row("a blank deal", get.clone(), "/v2/deals/%20", none(), necessary("DEAL_ID_IS_NECESSARY")),
        row("no contact", put.clone(), "/v2/contacts", "{}".to_owned(), necessary("CONTACT_EMAIL_IS_NECESSARY")),
        row("a blank contact", get.clone(), "/v2/contacts/%20", none(), necessary("CONTACT_EMAIL_IS_NECESSARY")),
        row("nobody to add", post.clone(), &format!("{list_path}/contacts"), none(), necessary("EMAIL_IS_NECESSARY")),
        row("nobody to remove", delete.clone(), &format!("{list_path}/contacts/%20"), none(), necessary("EMAIL_IS_NECESSARY")),
        Row { before: &limited, ..row("Pipedrive's limit", get.clone(), &ada_path, none(), TOO_MANY) },
        Row { before: &failing, ..row("Pipedrive fails", get.clone(), &ada_path, none(), BROKEN) },
        Row { before: &closed, ..row("Pipedrive has closed the account", get.clone(), &ada_path, none(), BROKEN) },
        Row { before: &refused, ..row("Pipedrive accepts nobody", get.clone(), &ada_path, none(), BROKEN) },
        Row { before: &capped, ..row("Pipedrive's plan is full", post.clone(), "/v2/deals", new_deal(&eve, "1", "1"), BROKEN) },
        Row { key: Some(&slow), ..row("within the key's limit", get.clone(), "/v2/contacts/99999", none(), NO_CONTACT) },
        Row { key: Some(&slow), ..row("over the key's limit", get, "/v2/contacts/99999", none(), TOO_MANY) },
    ];

    let mut seen = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for Row { what, method, path, body, key, before, expected } in rows_of_the_test {
        before();
        let headers: Vec<(&str, &str)> = key.map(|key| ("x-api-key", key)).into_iter().collect();
        let answer = caller.raw(method, &path, body, &headers).await;
        let (status, code, message, action) = expected;
        let id = answer.body["requestId"].as_str().unwrap_or_default().to_owned();
        let expected = json!({"error": message, "errorCode": code, "suggestedAction": action, "requestId": id});
        assert_eq!((answer.status, &answer.body), (status, &expected), "{what}");
        assert_eq!(id.len(), 36, "{what}");
        assert!(ids.insert(id), "each call has a request id of its own");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 429, "{what}");
        if what == "Pipedrive's limit" {
            assert_eq!(answer.header("retry-after"), Some("7"));
        }
        seen.insert((status, code.to_owned(), if code == "INVALID_INPUT" { "Invalid JSON body." } else { message }));
    }
    let all: BTreeSet<(u16, String, &str)> =
        rows().into_iter().map(|row| (row.status, json!(row.code).as_str().unwrap().to_owned(), row.message)).collect();
    assert_eq!(seen, all, "every line of the schema was seen");
    assert_eq!(pipedrive.persons(DEMO.0).len(), 2, "nothing of this created anybody");
    assert_eq!(pipedrive.deals(DEMO.0).len(), 1);
}
