//! Links to Pipedrive's records, notes, audit and budgets in the table.

use shared::{
    inbox::ports::{ChannelStore, InboxReader, ReceiveStore},
    model::{
        contact::Phone,
        conversation::Conversation,
        day::Day,
        ids::{AccountId, CompanyId, DealId, LeadId, NoteId, PersonId, Place},
        record::{Allowance, AuditEntry, Deed, Link, Note, NoteState, RecordRef, Records, SpentOn, Upload, Why},
    },
    records::ports::{AuditStore, BudgetStore, Intent, IntentStore, LinkStore, NoteStore},
    store::Table,
};

use crate::store::fixture::{COMPANY, Fixture, at, channel, conversation, fixture, incoming, new_message};

async fn stored(f: &Fixture) -> Conversation {
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    let mut new = conversation(&channel.id, &["phone:15550100001"]);
    new.customer.phone = Some("+15550100001".to_owned());
    f.table.store_message(&new_message(&new, false, incoming(&new, "1", 0))).await.unwrap();
    read(&f.table, &new).await
}

async fn read(table: &Table, conversation: &Conversation) -> Conversation {
    LinkStore::conversation(table, &conversation.id).await.unwrap().unwrap()
}

fn lead() -> LeadId {
    LeadId::parse("adf21080-0e10-11eb-879b-05d71fb426ec").unwrap()
}

fn link(person: u64, deal: Option<u64>) -> Link {
    let records = Records { person: Some(PersonId(person)), deal: deal.map(DealId), lead: None };
    Link { records, ..Link::default() }
}

fn note(of: &Conversation, day: &str, part: u32) -> Note {
    let place = Place::new(at(0), at(0), 0);
    Note {
        conversation: of.id.clone(),
        day: Day::parse(day).unwrap(),
        part,
        note: Some(NoteId(901)),
        state: NoteState::Written,
        first: place.clone(),
        last: place,
        bytes: 100,
        digest: "d".to_owned(),
        written_at: at(1),
        on: link(8, None).records,
        spent: 30,
        first_day: false,
    }
}

#[tokio::test]
async fn a_link_leads_both_ways_and_a_change_of_an_old_one_does_nothing() {
    let f = fixture();
    let first = stored(&f).await;
    let linked = async |record: RecordRef| f.table.linked_to(COMPANY, &record).await.unwrap();
    assert!(f.table.relink(&first, &link(8, Some(33)), at(9)).await.unwrap());
    let second = read(&f.table, &first).await;
    assert_eq!((second.record.person(), second.record.revision), (Some(PersonId(8)), 1));
    assert_eq!(second.changed_at, Some(at(9)), "open pages hear of it");
    assert_eq!(linked(RecordRef::Person(PersonId(8))).await, std::slice::from_ref(&first.id));
    assert_eq!(linked(RecordRef::Deal(DealId(33))).await, std::slice::from_ref(&first.id));
    let phone = Phone::parse("(555) 010-0001").unwrap();
    assert_eq!(f.table.person_of_phone(COMPANY, &phone).await.unwrap(), Some(PersonId(8)));
    assert_eq!(f.table.person_of_phone(CompanyId(43), &phone).await.unwrap(), None);

    assert!(!f.table.relink(&first, &link(9, None), at(9)).await.unwrap(), "it rests on what was before");
    assert_eq!(read(&f.table, &first).await, second);

    let records = Records { lead: Some(lead()), ..link(9, None).records };
    assert!(f.table.relink(&second, &Link { records, ..Link::default() }, at(9)).await.unwrap());
    assert_eq!(linked(RecordRef::Person(PersonId(8))).await, []);
    assert_eq!(linked(RecordRef::Deal(DealId(33))).await, []);
    assert_eq!(linked(RecordRef::Lead(lead())).await, std::slice::from_ref(&first.id));
    assert!(f.table.linked_to(CompanyId(43), &RecordRef::Person(PersonId(9))).await.unwrap().is_empty());
    assert_eq!(f.table.person_of_phone(COMPANY, &phone).await.unwrap(), Some(PersonId(9)));
}

#[tokio::test]
async fn the_same_customer_is_found_on_another_channel_of_the_provider() {
    let f = fixture();
    let here = stored(&f).await;
    let mut other = channel();
    other.account = AccountId::parse("2").unwrap();
    f.table.save_channel(&other).await.unwrap();
    let there = conversation(&other.id, &["user:1", "phone:15550100001"]);
    f.table.store_message(&new_message(&there, false, incoming(&there, "2", 1))).await.unwrap();
    let beside = f.table.conversations_beside(&here).await.unwrap();
    assert_eq!(beside.iter().map(|found| &found.id).collect::<Vec<_>>(), [&there.id]);
    let mut stranger = there.clone();
    stranger.customer.keys = vec![crate::store::fixture::contact("user:1")];
    assert!(f.table.conversations_beside(&stranger).await.unwrap().is_empty());
}

#[tokio::test]
async fn notes_audit_and_files_stay_beside_the_messages_and_go_with_them() {
    let f = fixture();
    let conversation = stored(&f).await;
    for (day, part) in [("2026-01-01", 0), ("2026-01-01", 1), ("2026-01-02", 0)] {
        f.table.save_note(&note(&conversation, day, part)).await.unwrap();
    }
    let entry = |secs, why| AuditEntry {
        at: at(secs),
        what: Deed::Matched,
        record: Some(RecordRef::Person(PersonId(8))),
        note: None,
        why,
    };
    let entries = [entry(1, Why::Phone), entry(2, Why::Ambiguous { others: vec![PersonId(9)] }), entry(2, Why::Known)];
    f.table.add_audit(&conversation.id, &entries).await.unwrap();
    f.table.relink(&conversation, &link(8, None), at(9)).await.unwrap();
    let page = f.table.messages(&conversation.id, None, 10).await.unwrap();
    let [message] = page.items.as_slice() else { panic!("one message: {page:?}") };
    assert_eq!(page.next, None);
    let upload = Upload { place: message.id.place(), position: 2, file: None, at: at(3) };
    f.table.save_upload(&conversation.id, &upload).await.unwrap();

    let first = Day::parse("2026-01-01").unwrap();
    let parts: Vec<u32> = f.table.notes(&conversation.id, &first).await.unwrap().iter().map(|note| note.part).collect();
    assert_eq!(parts, [0, 1]);
    let all = f.table.all_notes(&conversation.id).await.unwrap();
    assert_eq!((all.len(), &all[2].day), (3, &Day::parse("2026-01-02").unwrap()));
    assert_eq!(f.table.audit(&conversation.id, 10).await.unwrap().last(), Some(&entries[0]));
    assert_eq!(f.table.audit(&conversation.id, 2).await.unwrap().len(), 2);
    let wanted = [(message.id.clone(), 2), (message.id.clone(), 3)];
    assert_eq!(f.table.uploads(&wanted).await.unwrap(), std::slice::from_ref(&upload));
    assert_eq!(f.table.messages_between(&conversation.id, at(0), at(1)).await.unwrap(), page.items);
    assert!(f.table.messages_between(&conversation.id, at(1), at(99)).await.unwrap().is_empty());

    let linked = read(&f.table, &conversation).await;
    f.table.erase_conversation(&linked).await.unwrap();
    // What comes too late leaves nothing behind.
    f.table.save_note(&note(&conversation, "2026-01-03", 0)).await.unwrap();
    f.table.save_upload(&conversation.id, &upload).await.unwrap();
    f.table.add_audit(&conversation.id, &entries).await.unwrap();
    assert!(!f.table.relink(&linked, &link(9, None), at(9)).await.unwrap());
    let left = f.keys().await;
    assert_eq!(left.len(), 2, "channel and account: {left:?}");
}

#[tokio::test]
async fn tokens_add_up_by_day_and_company() {
    let f = fixture();
    let (day, next) = (Day::parse("2026-01-01").unwrap(), Day::parse("2026-01-02").unwrap());
    let said = Allowance { limit: 90_000, remaining: 80_000, seen_at: at(5) };
    f.table.spend(COMPANY, &day, &[(SpentOn::Search, 20), (SpentOn::Notes, 10)], Some(&said), at(5)).await.unwrap();
    let now = f.table.spend(COMPANY, &day, &[(SpentOn::Notes, 10)], None, at(6)).await.unwrap();
    assert_eq!((now.total(), now.spent[&SpentOn::Notes], now.allowance), (40, 20, Some(said)));
    assert_eq!(f.table.budget(COMPANY, &day).await.unwrap(), now);
    assert_eq!(f.table.budget(CompanyId(43), &day).await.unwrap().total(), 0);
    f.table.spend(COMPANY, &next, &[(SpentOn::Leads, 10)], None, at(7)).await.unwrap();
    let days: Vec<(Day, u64)> =
        f.table.budgets(COMPANY, &day).await.unwrap().into_iter().map(|(day, spent)| (day, spent.total())).collect();
    assert_eq!(days, [(next.clone(), 10), (day, 40)]);
    assert_eq!(f.table.budgets(COMPANY, &next).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_intent_is_found_until_it_is_done() {
    let f = fixture();
    let intent = |second, called: &str| Intent { at: at(second), called: called.to_owned() };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (phone, both) = (names(&["person#phone#1"]), names(&["person#phone#1", "person#email#a"]));
    f.table.intend(COMPANY, &both, &intent(2, "Ada")).await.unwrap();
    assert_eq!(f.table.intent(COMPANY, &phone).await.unwrap(), Some(intent(2, "Ada")), "under each name");
    assert_eq!(f.table.intent(CompanyId(43), &both).await.unwrap(), None);
    f.table.intend(COMPANY, &phone, &intent(1, "A.")).await.unwrap();
    assert_eq!(f.table.intent(COMPANY, &both).await.unwrap(), Some(intent(1, "A.")), "the oldest");
    f.table.done(COMPANY, &phone).await.unwrap();
    assert_eq!(f.table.intent(COMPANY, &phone).await.unwrap(), None);
    assert_eq!(f.table.intent(COMPANY, &both).await.unwrap(), Some(intent(2, "Ada")), "under the other");
}
