//! Webhooks of companies, and what records in Pipedrive looked like, in the table.

use std::collections::BTreeSet;

use shared::{
    crm::ports::ContactStore,
    inbox::ports::{ChannelStore, InstallationStore, ReceiveStore},
    model::{
        channel::Delivery,
        contact::Phone,
        ids::{ChannelId, CompanyId, DealId, PersonId, UserId, WebhookId},
        known::Known,
        record::{Link, RecordRef, Records},
        time::Timestamp,
        watch::Watch,
    },
    records::{
        ports::LinkStore,
        watch::ports::{KnownStore, WatchStore},
    },
    seal::Vault,
};

use crate::store::fixture::{COMPANY, USER, at, conversation, fixture, incoming, installation, new_message};

fn watch(password: &str) -> Watch {
    let vault = Vault::parse("1:0123456789abcdef0123456789abcdef").unwrap();
    Watch { password: Some(vault.seal("watch", password.as_bytes()).unwrap()), ..Watch::new(COMPANY) }
}

#[tokio::test]
async fn the_first_password_is_the_companys() {
    let f = fixture();
    let (mine, theirs) = (watch("mine"), watch("theirs"));
    assert!(f.table.save_watch(&mine, at(10)).await.unwrap());
    assert!(!f.table.save_watch(&theirs, at(10)).await.unwrap());
    let webhooks = BTreeSet::from([WebhookId(7), WebhookId(8)]);
    let kept = Watch { user: Some(UserId(5)), webhooks, checked_at: Some(at(1)), ..mine };
    assert!(f.table.save_watch(&kept, at(20)).await.unwrap());
    assert_eq!(f.table.watch(COMPANY).await.unwrap(), Some(kept));
    assert_eq!(f.table.watch(CompanyId(43)).await.unwrap(), None);

    let due = async |now: Timestamp| f.table.watches_due(now, 10).await.unwrap();
    assert_eq!((due(at(19)).await, due(at(20)).await), (Vec::new(), vec![COMPANY]));
    f.table.watch_from(COMPANY, at(5)).await.unwrap();
    assert_eq!(due(at(5)).await, [COMPANY]);
    f.table.forget_watch(COMPANY).await.unwrap();
    f.table.forget_watch(COMPANY).await.unwrap();
    assert_eq!((f.table.watch(COMPANY).await.unwrap(), due(at(99)).await), (None, Vec::new()));
    assert!(f.table.save_watch(&theirs, at(10)).await.unwrap());
}

#[tokio::test]
async fn whoever_delivers_to_records_wants_webhooks() {
    let f = fixture();
    let installation = installation(USER);
    f.table.save_grant(&installation, at(100)).await.unwrap();
    assert_eq!(f.table.watch(COMPANY).await.unwrap(), None);
    f.table.set_delivery(COMPANY, USER, Delivery::Records, at(1)).await.unwrap();
    assert_eq!(f.table.watches_due(at(1), 10).await.unwrap(), [COMPANY]);
    assert_eq!(f.table.watch(COMPANY).await.unwrap(), Some(Watch::new(COMPANY)), "none of them is made yet");
}

#[tokio::test]
async fn what_is_known_of_a_record_is_the_latest() {
    let f = fixture();
    let (ada, deal) = (RecordRef::Person(PersonId(8)), RecordRef::Deal(DealId(8)));
    let seen = |name: &str, updated_at| Known {
        name: name.to_owned(),
        owner: Some(UserId(5)),
        open: true,
        updated_at: at(updated_at),
        seen_at: at(9),
    };
    let records = [deal.clone(), ada.clone()];
    let names = async || {
        let known = f.table.known(COMPANY, &records).await.unwrap();
        known.into_iter().map(|known| known.map(|known| known.name)).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [None, None]);
    assert!(f.table.learn(COMPANY, &ada, &seen("Ada", 2)).await.unwrap());
    assert!(f.table.learn(COMPANY, &ada, &seen("Ada L.", 2)).await.unwrap(), "Pipedrive tells whole seconds");
    assert!(!f.table.learn(COMPANY, &ada, &seen("A.", 1)).await.unwrap());
    assert_eq!(names().await, [None, Some("Ada L.".to_owned())]);
    assert_eq!(f.table.known(CompanyId(43), &records).await.unwrap(), [None, None]);
    f.table.forget(COMPANY, &ada).await.unwrap();
    f.table.forget(COMPANY, &ada).await.unwrap();
    assert_eq!(names().await, [None, None]);
}

#[tokio::test]
async fn what_is_known_goes_with_the_last_conversation_of_its_record() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let person = RecordRef::Person(PersonId(8));
    let records = Records { person: Some(PersonId(8)), ..Records::default() };
    let mut linked = Vec::new();
    for n in 0..2 {
        let new = conversation(&channel, &[&format!("user:{n}")]);
        f.table.store_message(&new_message(&new, false, incoming(&new, &n.to_string(), n))).await.unwrap();
        let seen = LinkStore::conversation(&f.table, &new.id).await.unwrap().unwrap();
        assert!(f.table.relink(&seen, &Link { records: records.clone(), ..Link::default() }, at(9)).await.unwrap());
        linked.push(new);
    }
    let seen = Known { name: "Ada".to_owned(), owner: None, open: true, updated_at: at(1), seen_at: at(1) };
    f.table.learn(COMPANY, &person, &seen).await.unwrap();
    let is_known = async || f.table.known(COMPANY, std::slice::from_ref(&person)).await.unwrap()[0].is_some();
    f.table.erase_conversation(&linked[0]).await.unwrap();
    assert!(is_known().await, "of the other conversation");
    f.table.erase_conversation(&linked[1]).await.unwrap();
    assert!(!is_known().await);
}

#[tokio::test]
async fn a_number_leads_to_one_person_until_that_way_ends() {
    let f = fixture();
    let phone = Phone::parse("+15550100001").unwrap();
    let led_to = async || f.table.persons_of(COMPANY, None, Some(&phone)).await.unwrap();
    f.table.begin_way(COMPANY, &phone, PersonId(8)).await.unwrap();
    f.table.begin_way(COMPANY, &phone, PersonId(9)).await.unwrap();
    assert_eq!(led_to().await, [PersonId(8)], "the first");
    f.table.end_way(COMPANY, &phone, PersonId(9)).await.unwrap();
    assert_eq!(led_to().await, [PersonId(8)]);
    f.table.end_way(COMPANY, &phone, PersonId(8)).await.unwrap();
    assert_eq!(led_to().await, []);
}
