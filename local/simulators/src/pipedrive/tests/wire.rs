//! Every call of the bundle's client against the simulated Pipedrive, which holds each request against Pipedrive's own
//! description where there is one (`PIGEONPOST_CONTRACTS`), and against what this project expects in any case. What each
//! call costs is the same on both sides.

use bytes::Bytes;
use secrecy::SecretString;
use shared::{
    model::{
        day::Day,
        ids::{DealId, LeadId, NoteId, PersonId, PipelineId, StageId},
        record::{RecordRef, Records},
    },
    pipedrive::{
        DealFields, DealFilter, DealsApi, FilesApi, Labelled, LeadFields, LeadsApi, NotesApi, PersonFields, PersonsApi,
        PipelinesApi, SearchField, Subscription, Upload, WebhooksApi,
    },
};

use super::*;

/// Asserts that a call went well, and that both sides agree on its price.
macro_rules! each {
    ($installed:ident: $($call:expr;)*) => {
        $({
            let before = $installed.sim.tokens_spent(DEMO_COMPANY);
            $installed.access.spend.take();
            let result = $call.await;
            assert!(result.is_ok(), "{}: {:?}", stringify!($call), result.err());
            let spent = $installed.sim.tokens_spent(DEMO_COMPANY) - before;
            assert_eq!($installed.access.spend.tally().tokens(), spent, "{}", stringify!($call));
        })*
    };
}

fn ada() -> PersonFields {
    let phone = Labelled { value: "+15550100001".to_owned(), primary: true, label: "WhatsApp".to_owned() };
    let email = Labelled { value: "ada@example.com".to_owned(), primary: true, label: "work".to_owned() };
    PersonFields { name: Some("Ada".to_owned()), emails: Some(vec![email]), phones: Some(vec![phone]), owner: Some(DEMO_USER) }
}

fn offer() -> DealFields {
    DealFields {
        title: Some("Offer".to_owned()),
        value: Some(7.into()),
        person: Some(PersonId(1)),
        owner: Some(DEMO_USER),
        pipeline: Some(PipelineId(1)),
        stage: Some(StageId(1)),
        expected_close_date: Some("2026-12-24".to_owned()),
    }
}

#[tokio::test]
async fn every_request_is_one_that_pipedrive_describes() {
    let installed = Installed::new().await;
    let (client, access) = (&installed.client, &installed.access);
    installed.sim.change(|settings| settings.limits = Limits { search_burst: None, ..Limits::LITE });
    let lead = LeadFields {
        title: Some("WhatsApp: Ada".to_owned()),
        person: Some(PersonId(1)),
        owner: Some(DEMO_USER),
        seen: Some(false),
        origin: Some("cv_1".to_owned()),
    };
    each! { installed:
        client.me(access);
        client.create_person(access, &ada());
        client.update_person(access, PersonId(1), &ada());
        client.add_phone(access, PersonId(1), "+15550100002", "Telegram");
        client.person(access, PersonId(1));
        client.persons(access, None, 1);
        client.newest_persons(access, 20);
        client.search_persons(access, SearchField::Phone, "+15550100001", true);
        client.search_persons(access, SearchField::Email, "ada@example.com", false);
        client.pipelines(access);
        client.pipeline(access, PipelineId(1));
        client.stages(access, PipelineId(1));
        client.stage(access, StageId(1));
        client.create_deal(access, &offer());
        client.update_deal(access, DealId(1), &offer());
        client.deal(access, DealId(1));
        client.deals(access, &DealFilter { person: Some(PersonId(1)), status: Some("open"), ..DealFilter::default() }, None, 5);
        client.open_deals_of(access, PersonId(1), 5);
        client.create_lead(access, &lead);
    }
    let id = LeadId::parse(&installed.sim.leads(DEMO_COMPANY)[0].id).unwrap();
    let on = Records { person: Some(PersonId(1)), deal: Some(DealId(1)), lead: Some(id.clone()) };
    let (day, password) = (Day::parse("2026-11-20").unwrap(), SecretString::from("p"));
    let file = || Upload { name: "offer.pdf", mime: "application/pdf", content: Bytes::from_static(b"%PDF-1.7") };
    let url = "https://pigeonpost.example/webhooks/pipedrive/1001";
    let webhook = Subscription { name: "Pigeonpost", url, action: "*", object: "note", user: "u", password: &password };
    each! { installed:
        client.lead(access, &id);
        client.leads_of(access, PersonId(1), Some("0"), 5);
        client.update_lead(access, &id, &lead);
        client.create_note(access, "<p>Hi</p>", &on);
        client.replace_note(access, NoteId(1), "<p>Hi again</p>", &on);
        client.note(access, NoteId(1));
        client.notes_of(access, &RecordRef::Person(PersonId(1)), Some(&day), None, 5);
        client.notes_of(access, &RecordRef::Deal(DealId(1)), None, Some("0"), 5);
        client.notes_of(access, &RecordRef::Lead(id.clone()), None, None, 5);
        client.upload_file(access, file(), &on);
        client.create_webhook(access, &webhook);
        client.webhooks(access);
        client.delete_webhook(access, shared::model::ids::WebhookId(1));
        installed.push(&installed.message_id(), Status::Sent);
        client.delete_conversation(access, &installed.channel, &installed.conversation);
        client.delete_channel(access, &installed.channel);
    }
    let objections: Vec<String> = installed.sim.violations().into_iter().filter(|what| what.starts_with('/')).collect();
    assert!(objections.is_empty(), "{objections:?}");
    let tally = access.spend.tally();
    let left = 30_000 - installed.sim.tokens_spent(DEMO_COMPANY);
    assert_eq!(tally.daily.map(|daily| (daily.limit, daily.remaining)), Some((Some(30_000), left)));
    assert!(tally.burst.is_some());
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let installed = Installed::new().await;
    let (client, access) = (&installed.client, &installed.access);
    client.create_person(access, &ada()).await.unwrap();
    let on = Records { person: Some(PersonId(1)), ..Records::default() };
    for text in ["one", "two", "three"] {
        client.create_note(access, text, &on).await.unwrap();
        let title = Some(text.to_owned());
        let lead = LeadFields { title, person: Some(PersonId(1)), ..LeadFields::default() };
        client.create_lead(access, &lead).await.unwrap();
        installed.sim.advance(Duration::from_secs(1));
    }
    let (mut notes, mut leads, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let batch = client.notes_of(access, &RecordRef::Person(PersonId(1)), None, after.as_deref(), 2).await.unwrap();
        notes.extend(batch.items.into_iter().map(|note| note.content));
        let Some(next) = batch.next else { break };
        after = Some(next);
    }
    after = None;
    loop {
        let batch = client.leads_of(access, PersonId(1), after.as_deref(), 2).await.unwrap();
        leads.extend(batch.items.into_iter().map(|lead| lead.title));
        let Some(next) = batch.next else { break };
        after = Some(next);
    }
    assert_eq!(
        (notes, leads),
        (["three", "two", "one"].map(str::to_owned).to_vec(), ["one", "two", "three"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn refusals_mean_what_they_say() {
    let installed = Installed::new().await;
    let (client, access) = (&installed.client, &installed.access);
    let get = Call::Records(Kind::Persons, Action::Get);
    let spent = PipedriveError::BudgetSpent { probe_after: Duration::from_mins(30) };
    let capped = "feature_capping_deals_limit";
    for (fault, expected) in [
        (Fault::Answer(401), PipedriveError::Unauthorized),
        (Fault::Page(401), PipedriveError::Unauthorized),
        (Fault::Answer(402), PipedriveError::AccountClosed),
        (Fault::Page(402), PipedriveError::AccountClosed),
        (Fault::Page(403), PipedriveError::RateLimited { retry_after: None }),
        (Fault::Forbidden(capped), PipedriveError::Forbidden { code: capped.to_owned() }),
        (Fault::RateLimited(2), PipedriveError::RateLimited { retry_after: Some(Duration::from_secs(2)) }),
        (Fault::BudgetSpent, spent.clone()),
    ] {
        installed.sim.inject(get, fault, 1);
        assert_eq!(client.person(access, PersonId(1)).await.unwrap_err(), expected, "{fault:?}");
    }
    installed.sim.advance(Duration::from_secs(2));
    installed.sim.change(|settings| settings.limits = Limits { burst: Some(1), ..Limits::LITE });
    assert_eq!(client.person(access, PersonId(1)).await.unwrap_err(), PipedriveError::NotFound);
    let burst = client.person(access, PersonId(1)).await.unwrap_err();
    assert!(matches!(burst, PipedriveError::RateLimited { retry_after: Some(_) }), "{burst:?}");
    installed.sim.spend_tokens(DEMO_COMPANY, 30_000);
    installed.sim.advance(Duration::from_secs(2));
    assert_eq!(client.person(access, PersonId(1)).await.unwrap_err(), spent);
    assert_eq!(access.spend.tally().daily.map(|daily| daily.remaining), Some(0));
}
