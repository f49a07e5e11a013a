//! Notes (Pipedrive's API reference, v1, Notes).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Access, Batch, MAX_BATCH, Note, NotesApi,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, moment, or_default, related, user},
};
use crate::{
    http::number,
    model::{
        day::Day,
        ids::{DealId, LeadId, NoteId, PersonId},
        record::{RecordRef, Records},
    },
};

#[derive(Deserialize)]
struct Record {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    content: String,
    #[serde(default)]
    person_id: Value,
    #[serde(default)]
    deal_id: Value,
    #[serde(default)]
    lead_id: Option<String>,
    #[serde(default)]
    user_id: Value,
    #[serde(default)]
    add_time: Option<String>,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default)]
    active_flag: Option<bool>,
}

#[derive(Serialize)]
struct Body<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deal_id: Option<DealId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_id: Option<&'a LeadId>,
}

impl Record {
    fn note(self) -> Option<Note> {
        let on = Records {
            person: related(&self.person_id).map(PersonId),
            deal: related(&self.deal_id).map(DealId),
            lead: self.lead_id.as_deref().and_then(|lead| LeadId::parse(lead).ok()),
        };
        self.active_flag.unwrap_or(true).then(|| Note {
            id: NoteId(self.id),
            content: self.content,
            on,
            author: user(&self.user_id),
            added_at: moment(self.add_time.as_deref()),
            updated_at: moment(self.update_time.as_deref()),
        })
    }
}

impl<'a> Body<'a> {
    fn new(content: &'a str, on: &'a Records) -> Self {
        Self { content, person_id: on.person, deal_id: on.deal, lead_id: on.lead.as_ref() }
    }
}

#[async_trait]
impl NotesApi for Client {
    async fn create_note(&self, access: &Access, content: &str, on: &Records) -> Result<Note, PipedriveError> {
        let request = self.http.post(self.v1(access, "/notes")).json(&Body::new(content, on));
        let answer = Self::call(access, Call::CreateNote, request).await?;
        answer.data::<One<Record>>()?.data.note().ok_or(PipedriveError::NotFound)
    }

    async fn replace_note(&self, access: &Access, id: NoteId, content: &str, on: &Records) -> Result<Note, PipedriveError> {
        let request = self.http.put(self.v1(access, &format!("/notes/{id}"))).json(&Body::new(content, on));
        let answer = Self::call(access, Call::ReplaceNote, request).await?;
        answer.data::<One<Record>>()?.data.note().ok_or(PipedriveError::NotFound)
    }

    async fn note(&self, access: &Access, id: NoteId) -> Result<Note, PipedriveError> {
        let answer = Self::call(access, Call::Note, self.http.get(self.v1(access, &format!("/notes/{id}")))).await?;
        answer.data::<One<Record>>()?.data.note().ok_or(PipedriveError::NotFound)
    }

    async fn notes_of(
        &self,
        access: &Access,
        record: &RecordRef,
        since: Option<&Day>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Note>, PipedriveError> {
        let of = match record {
            RecordRef::Person(id) => ("person_id", id.to_string()),
            RecordRef::Deal(id) => ("deal_id", id.to_string()),
            RecordRef::Lead(id) => ("lead_id", id.to_string()),
        };
        let mut query = vec![of, ("sort", "add_time DESC".to_owned()), ("limit", limit.clamp(1, MAX_BATCH).to_string())];
        query.extend(since.map(|day| ("start_date", day.to_string())));
        query.extend(after.map(|start| ("start", start.to_owned())));
        let answer = Self::call(access, Call::Notes, self.http.get(self.v1(access, "/notes")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::note))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        model::{ids::UserId, time::Timestamp},
        pipedrive::testing::{access, stub},
    };

    const LEAD: &str = "adf21080-0e10-11eb-879b-05d71fb426ec";

    fn written() -> Value {
        json!({
            "id": 901, "content": "<p>Hi</p>", "active_flag": true, "add_time": "2026-11-20 09:15:00",
            "update_time": "2026-11-20 09:20:00", "person_id": 8, "deal_id": 33, "org_id": null, "lead_id": LEAD, "user_id": 11,
        })
    }

    fn on_all() -> Records {
        Records { person: Some(PersonId(8)), deal: Some(DealId(33)), lead: Some(LeadId::parse(LEAD).unwrap()) }
    }

    #[tokio::test]
    async fn a_note_hangs_on_all_that_is_given() {
        let stub = stub(201, &[], json!({"success": true, "data": written()}).to_string()).await;
        let access = access(&stub.url);
        let note = stub.client().create_note(&access, "<p>Hi</p>", &on_all()).await.unwrap();
        let at = |text| Timestamp::parse_rfc3339(text);
        assert_eq!((note.id, note.on, note.author), (NoteId(901), on_all(), Some(UserId(11))));
        assert_eq!((note.added_at, note.updated_at), (at("2026-11-20T09:15:00Z"), at("2026-11-20T09:20:00Z")));
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/notes"));
        assert_eq!(asked.json(), json!({"content": "<p>Hi</p>", "person_id": 8, "deal_id": 33, "lead_id": LEAD}));
        assert_eq!(access.spend.tally().tokens(), 10);
    }

    #[tokio::test]
    async fn a_note_is_replaced_whole() {
        let stub = stub(200, &[], json!({"success": true, "data": written()}).to_string()).await;
        let on = Records { person: Some(PersonId(8)), ..Records::default() };
        stub.client().replace_note(&access(&stub.url), NoteId(901), "<p>Hi</p>", &on).await.unwrap();
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PUT", "/api/v1/notes/901"));
        assert_eq!(asked.json(), json!({"content": "<p>Hi</p>", "person_id": 8}));
    }

    #[tokio::test]
    async fn notes_are_listed_by_record() {
        let mut gone = written();
        gone["active_flag"] = json!(false);
        let more = json!({"pagination": {"start": 0, "limit": 2, "more_items_in_collection": true, "next_start": 2}});
        let body = json!({"success": true, "data": [written(), gone], "additional_data": more});
        let stub = stub(200, &[], body.to_string()).await;
        let (client, access) = (stub.client(), access(&stub.url));
        let day = Day::parse("2026-11-20").unwrap();
        let batch = client.notes_of(&access, &RecordRef::Person(PersonId(8)), Some(&day), None, 2).await.unwrap();
        assert_eq!((batch.items.len(), batch.next.as_deref()), (1, Some("2")));
        client.notes_of(&access, &RecordRef::Deal(DealId(33)), None, Some("2"), 9_999).await.unwrap();
        client.notes_of(&access, &RecordRef::Lead(LeadId::parse(LEAD).unwrap()), None, None, 1).await.unwrap();
        let paths: Vec<String> = stub.requests().into_iter().map(|asked| asked.path).collect();
        assert_eq!(
            paths,
            [
                "/api/v1/notes?person_id=8&sort=add_time+DESC&limit=2&start_date=2026-11-20",
                "/api/v1/notes?deal_id=33&sort=add_time+DESC&limit=500&start=2",
                "/api/v1/notes?lead_id=adf21080-0e10-11eb-879b-05d71fb426ec&sort=add_time+DESC&limit=1",
            ]
        );
        assert_eq!(access.spend.tally().tokens(), 60);
    }

    #[tokio::test]
    async fn a_deleted_note_is_not_found() {
        let mut gone = written();
        gone["active_flag"] = json!(false);
        let stub = stub(200, &[], json!({"success": true, "data": gone}).to_string()).await;
        let (client, access) = (stub.client(), access(&stub.url));
        assert_eq!(client.note(&access, NoteId(901)).await, Err(PipedriveError::NotFound));
        assert_eq!(client.replace_note(&access, NoteId(901), "x", &on_all()).await, Err(PipedriveError::NotFound));
        assert_eq!(access.spend.tally().tokens(), 12);
    }
}
