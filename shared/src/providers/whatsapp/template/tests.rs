use super::*;
use crate::{
    model::{content::FileKind, ids::ProviderMessageId, template::find},
    providers::{
        self, Outgoing, PlannedPart,
        outgoing::PartContent,
        stub::{self, Draft, Reply, Stub},
        whatsapp::{errors, plan::plan, send, tests::credentials},
    },
};

const LISTED: &str = include_str!("../../../../../tests/fixtures/whatsapp/templates.json");

fn graph(stub: &Stub) -> Graph {
    Graph::new(stub::client(), format!("{}/v25.0", stub.url), errors::of_answer)
}

fn listed() -> Vec<Template> {
    let page: Value = serde_json::from_str(LISTED).expect("a fixture");
    items(&page, "data").iter().filter_map(read).collect()
}

fn named(name: &str) -> Template {
    listed().into_iter().find(|template| template.name == name).expect("a template")
}

fn filled(name: &str, values: &[&str]) -> FilledTemplate {
    FilledTemplate { template: named(name), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

#[tokio::test]
async fn the_approved_ones_are_listed_to_the_last_page() {
    let first: Value = serde_json::from_str(LISTED).unwrap();
    let last = json!({"data": [{"id": "1", "name": "last", "language": "en", "components": [{"type": "BODY", "text": "Bye"}]}]});
    let stub = Stub::start([Reply::json(200, &first), Reply::json(200, &last)]).await;
    let templates = list(&graph(&stub), &credentials()).await.unwrap();
    let names: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
    assert_eq!(
        names,
        ["order_ready", "welcome", "plain", "picture", "tracking", "coupon", "carousel", "swapped", "guessed", "last"]
    );
    let lines: Vec<String> = stub.seen().into_iter().map(|seen| seen.line).collect();
    let path = "GET /v25.0/2000000001/message_templates?fields=id%2Cname%2Clanguage%2Cstatus%2Ccategory%2Ccomponents\
                %2Cparameter_format&status=APPROVED&limit=100";
    assert_eq!(lines, [path.to_owned(), format!("{path}&after=QVFJ")]);
    let order = &templates[0];
    assert_eq!((order.id.as_str(), order.language.as_str()), ("700001", "en_US"));
    assert_eq!(order.content, "Order {{1}}\nHi {{1}}, order {{2}} is ready.\nAcme");
}

#[tokio::test]
async fn a_list_that_can_not_be_read_says_why() {
    let cases = [
        (Reply::text(502, "<html>"), "failed (http_502)"),
        (Reply::json(400, &json!({"error": {"code": 80_007}})), "rate limited (80007)"),
        (Reply::json(403, &json!({"error": {"code": 200}})), "refused (200)"),
    ];
    for (reply, expected) in cases {
        let stub = Stub::start([reply]).await;
        let error = list(&graph(&stub), &credentials()).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_needs_more_than_text_is_told() {
    let needs: Vec<(String, Option<String>)> =
        listed().into_iter().map(|template| (template.name.clone(), Data::of(&template).needs)).collect();
    let needs: Vec<(&str, Option<&str>)> = needs.iter().map(|(name, needs)| (name.as_str(), needs.as_deref())).collect();
    assert_eq!(
        needs,
        [
            ("order_ready", None),
            ("welcome", None),
            ("plain", None),
            ("picture", Some("a picture in its header")),
            ("tracking", Some("a part of the address behind its button")),
            ("coupon", Some("something special for its button")),
            ("carousel", Some("more than text")),
            ("swapped", None),
            ("guessed", None),
        ]
    );
    let refused = body(&filled("picture", &["Ada"])).unwrap_err().for_people();
    assert_eq!(refused, "message is a template that needs a picture in its header, which can't be given here");
    assert!(is_fillable(&named("plain")) && !is_fillable(&named("picture")));
}

#[test]
fn gaps_are_filled_by_number_or_by_name() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let by_name = |name: &str, text: &str| json!({"type": "text", "text": text, "parameter_name": name});
    let cases = [
        (
            "order_ready",
            &["A-17", "Ada", "A-17"][..],
            json!([
                {"type": "header", "parameters": [text("A-17")]},
                {"type": "body", "parameters": [text("Ada"), text("A-17")]},
            ]),
        ),
        (
            "welcome",
            &["Ada", "Acme", "Ada"],
            json!([{"type": "body", "parameters": [by_name("first_name", "Ada"), by_name("company", "Acme")]}]),
        ),
        ("swapped", &["second", "first"], json!([{"type": "body", "parameters": [text("first"), text("second")]}])),
        ("guessed", &["Ada"], json!([{"type": "body", "parameters": [by_name("first_name", "Ada")]}])),
    ];
    for (name, values, components) in cases {
        let body = body(&filled(name, values)).unwrap();
        assert_eq!(body["name"], name);
        assert_eq!(body["components"], components, "{name}");
    }
    assert_eq!(body(&filled("plain", &[])).unwrap(), json!({"name": "plain", "language": {"code": "de"}}));
}

#[test]
fn a_text_that_is_a_template_fills_it() {
    let filled = find(&listed(), "Order A-17\nHi Ada, order A-17 is ready.\nAcme").unwrap();
    assert_eq!(filled.template.name, "order_ready");
    assert_eq!(body(&filled).unwrap()["components"][1]["parameters"][0]["text"], "Ada");
}

#[test]
fn what_meta_would_refuse_in_a_gap_is_refused_before() {
    let refused = |values: &[&str]| body(&filled("welcome", values)).unwrap_err().for_people();
    for value in ["two\nlines", "a\ttab", "five     blanks", " "] {
        assert!(refused(&[value, "Acme", value]).contains("line break"), "{value:?}");
    }
    assert_eq!(refused(&["Ada", "Acme", "Bea"]), "message fills {{first_name}} of its template in two ways");
    assert!(refused(&["Ada"]).contains("does not fill the gaps"));
}

#[test]
fn a_template_goes_alone() {
    let plain = filled("plain", &[]);
    let draft = |files| plan(&providers::Draft { text: "x", files, template: Some(&plain) });
    assert_eq!(draft(&[]).unwrap(), [PlannedPart::Template]);
    let file = [stub::file(FileKind::Image, "image/png", "a.png", b"1")];
    assert!(draft(&file).unwrap_err().for_people().starts_with("files can't go with a template"));
    let unfillable = filled("picture", &["Ada"]);
    let planned = plan(&providers::Draft { text: "x", files: &[], template: Some(&unfillable) });
    assert!(planned.unwrap_err().for_people().contains("a picture in its header"));
}

#[tokio::test]
async fn a_template_goes_out_whole_and_quotes_nothing() {
    let stub = Stub::start([Reply::json(200, &json!({"messages": [{"id": "wamid.OUT1"}]}))]).await;
    let (draft, filled) = (Draft::new("user:US.1"), filled("order_ready", &["7", "Ada", "7"]));
    let target = ProviderMessageId::parse("wamid.IN1").unwrap();
    let part = Outgoing { reply_to: Some(&target), ..draft.part(PartContent::Template(&filled)) };
    send::send(&graph(&stub), &credentials(), &part).await.unwrap();
    let seen = stub.seen()[0].json();
    assert_eq!((&seen["type"], &seen["recipient"], seen.get("context")), (&json!("template"), &json!("US.1"), None));
    assert_eq!(seen["template"]["language"], json!({"code": "en_US"}));
}
