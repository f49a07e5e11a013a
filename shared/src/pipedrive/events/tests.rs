use serde_json::json;

use super::*;

const LEAD: &str = "adf21080-0e10-11eb-879b-05d71fb426ec";

/// What the webhooks of a fixture tell, one after the other.
macro_rules! fixture {
    ($name:literal) => {{
        let webhooks: Vec<Value> =
            serde_json::from_slice(include_bytes!(concat!("../../../../tests/fixtures/pipedrive/", $name, ".json"))).unwrap();
        webhooks.iter().map(|webhook| parse(webhook.to_string().as_bytes()).unwrap()).collect::<Vec<News>>()
    }};
}

fn events(news: &[News]) -> Vec<&Event> {
    news.iter().flat_map(|news| &news.events).collect()
}

fn person(id: u64) -> RecordRef {
    RecordRef::Person(PersonId(id))
}

fn deal(id: u64) -> RecordRef {
    RecordRef::Deal(DealId(id))
}

fn gone(record: RecordRef) -> Event {
    Event::Deleted { record, phones: Vec::new() }
}

#[test]
fn a_person_is_told_with_what_it_has_no_more() {
    let news = fixture!("persons");
    assert!(news.iter().all(|news| news.company == CompanyId(1001)));
    assert_eq!(news[0].id, "7c81a0de-0000-4000-8000-000000000001");
    let [Event::Changed(created), Event::Changed(renamed), Event::Deleted { record: gone, phones }] = events(&news)[..] else {
        panic!("{news:?}")
    };
    assert_eq!((created.created, created.name.as_str(), created.owner), (true, "Ada L.", Some(UserId(12))));
    assert_eq!((&created.phones[..], created.phones_gone.len()), (&["+1 555-010-0001".to_owned()][..], 0));
    assert_eq!((renamed.created, renamed.name.as_str(), renamed.open), (false, "Ada Lovelace", true));
    assert_eq!((&renamed.phones[..], &renamed.phones_gone[..]), (&["+1 555-010-0002".to_owned()][..], &created.phones[..]));
    assert_eq!(renamed.updated_at, Timestamp::parse_rfc3339("2026-01-02T15:18:35Z"));
    assert_eq!((gone, phones), (&person(8), &renamed.phones));
}

#[test]
fn a_merge_is_told_from_both_sides() {
    let news = fixture!("merges");
    let merges = events(&news).into_iter().filter_map(|event| match event {
        Event::Merged { gone, into, phones } => Some((gone.clone(), into.clone(), phones.len())),
        _ => None,
    });
    let (persons, deals) = ((person(8), person(9)), (deal(33), deal(34)));
    let expected = [(persons.clone(), 1), (persons, 2), (deals.clone(), 0), (deals, 0)].map(|((gone, into), n)| (gone, into, n));
    assert_eq!(merges.collect::<Vec<_>>(), expected);
    let [Event::Merged { .. }, Event::Changed(stays)] = &news[1].events[..] else { panic!("{news:?}") };
    assert_eq!((&stays.record, stays.phones.len()), (&person(9), 2));
}

#[test]
fn a_deal_is_open_or_it_is_not() {
    let news = fixture!("deals");
    let [
        Event::Changed(open),
        Event::Changed(won),
        Event::Changed(archived),
        Event::Deleted { record: gone, .. },
        Event::Changed(converted),
    ] = events(&news)[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!((open.open, won.open, archived.open), (true, false, false));
    assert_eq!((open.person, open.name.as_str(), &open.from_lead), (Some(PersonId(8)), "Lamps", &None));
    assert!(won.updated_at > open.updated_at);
    assert_eq!(*gone, deal(33));
    assert_eq!(converted.from_lead, LeadId::parse(LEAD).ok());
}

#[test]
fn a_lead_is_named_by_its_uuid() {
    let news = fixture!("leads");
    let [Event::Changed(created), Event::Changed(archived), Event::Deleted { record: gone, .. }] = events(&news)[..] else {
        panic!("{news:?}")
    };
    let lead = RecordRef::Lead(LeadId::parse(LEAD).unwrap());
    assert_eq!((&created.record, created.open, created.person), (&lead, true, Some(PersonId(8))));
    assert_eq!((archived.open, archived.name.as_str()), (false, "Lamps"));
    assert_eq!(*gone, lead);
}

#[test]
fn notes_are_of_interest_when_they_are_gone() {
    let news = fixture!("notes");
    let on = Records { person: Some(PersonId(8)), deal: Some(DealId(33)), lead: LeadId::parse(LEAD).ok() };
    assert_eq!(events(&news), [&Event::NoteDeleted { note: NoteId(901), on }]);
}

#[test]
fn what_is_not_understood_is_left_out() {
    let news = fixture!("others");
    assert_eq!((news.len(), events(&news).len()), (4, 0), "{news:?}");
    for body in ["", "{}", "[]", "null", "{\"meta\":{}}", "{\"meta\":{\"action\":\"change\",\"entity\":\"person\"}}"] {
        assert_eq!(parse(body.as_bytes()), Err(Unreadable), "{body}");
    }
}

#[test]
fn a_deletion_may_look_like_a_change() {
    let webhook = |data: Value| {
        let meta = json!({"id": "x", "action": "change", "entity": "deal", "entity_id": 7, "company_id": 1});
        parse(json!({"meta": meta, "data": data, "previous": {}}).to_string().as_bytes()).unwrap().events
    };
    assert_eq!(webhook(json!({"id": 7, "status": "deleted"})), [gone(deal(7))]);
    assert_eq!(webhook(json!({"id": 7, "status": "lost", "is_deleted": true})), [gone(deal(7))]);
}

#[test]
fn a_record_is_not_merged_into_itself() {
    let meta = json!({"id": "x", "action": "delete", "entity": "person", "entity_id": "7", "company_id": "1", "merged_to_id": 7});
    let news = parse(json!({"meta": meta, "data": null, "previous": {"id": 7}}).to_string().as_bytes()).unwrap();
    assert_eq!(news.events, [gone(person(7))]);
}
