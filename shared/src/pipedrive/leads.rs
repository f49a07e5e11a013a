//! Leads (Pipedrive's API reference, v1, Leads).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Access, Batch, Lead, LeadFields, LeadsApi, MAX_BATCH,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, moment, or_default, related, user},
};
use crate::model::ids::{LeadId, PersonId, UserId};

#[derive(Deserialize)]
struct Record {
    id: LeadId,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default)]
    person_id: Value,
    #[serde(default)]
    owner_id: Value,
    #[serde(default, deserialize_with = "or_default")]
    was_seen: bool,
    #[serde(default, deserialize_with = "or_default")]
    is_archived: bool,
    #[serde(default)]
    origin_id: Option<String>,
    #[serde(default)]
    add_time: Option<String>,
    #[serde(default)]
    update_time: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was_seen: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_id: Option<&'a str>,
}

impl From<Record> for Lead {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            title: record.title,
            person: related(&record.person_id).map(PersonId),
            owner: user(&record.owner_id),
            seen: record.was_seen,
            archived: record.is_archived,
            origin: record.origin_id,
            added_at: moment(record.add_time.as_deref()),
            updated_at: moment(record.update_time.as_deref()),
        }
    }
}

impl<'a> From<&'a LeadFields> for Body<'a> {
    fn from(fields: &'a LeadFields) -> Self {
        Self {
            title: fields.title.as_deref(),
            person_id: fields.person,
            owner_id: fields.owner,
            was_seen: fields.seen,
            origin_id: fields.origin.as_deref(),
        }
    }
}

#[async_trait]
impl LeadsApi for Client {
    async fn create_lead(&self, access: &Access, fields: &LeadFields) -> Result<Lead, PipedriveError> {
        let request = self.http.post(self.v1(access, "/leads")).json(&Body::from(fields));
        Ok(Self::call(access, Call::CreateLead, request).await?.data::<One<Record>>()?.data.into())
    }

    async fn update_lead(&self, access: &Access, id: &LeadId, fields: &LeadFields) -> Result<Lead, PipedriveError> {
        let body = Body { origin_id: None, ..Body::from(fields) };
        let request = self.http.patch(self.v1(access, &format!("/leads/{id}"))).json(&body);
        Ok(Self::call(access, Call::UpdateLead, request).await?.data::<One<Record>>()?.data.into())
    }

    async fn lead(&self, access: &Access, id: &LeadId) -> Result<Lead, PipedriveError> {
        let request = self.http.get(self.v1(access, &format!("/leads/{id}")));
        Ok(Self::call(access, Call::Lead, request).await?.data::<One<Record>>()?.data.into())
    }

    async fn leads_of(
        &self,
        access: &Access,
        person: PersonId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Lead>, PipedriveError> {
        let mut query = vec![
            ("person_id", person.to_string()),
            ("sort", "add_time".to_owned()),
            ("limit", limit.clamp(1, MAX_BATCH).to_string()),
        ];
        query.extend(after.map(|start| ("start", start.to_owned())));
        let answer = Self::call(access, Call::Leads, self.http.get(self.v1(access, "/leads")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(|record| Some(record.into())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        model::time::Timestamp,
        pipedrive::testing::{access, stub},
    };

    const ID: &str = "adf21080-0e10-11eb-879b-05d71fb426ec";

    fn ada() -> Value {
        json!({
            "id": ID, "title": "WhatsApp: Ada L.", "person_id": 8, "organization_id": null, "owner_id": 11, "was_seen": false,
            "is_archived": false, "origin": "API", "origin_id": "cv_7f3", "source_name": "API", "value": null,
            "add_time": "2026-10-14T11:30:36.551Z", "update_time": "2026-10-14T11:30:36.551Z",
        })
    }

    #[tokio::test]
    async fn an_unread_lead_is_made() {
        let stub = stub(201, &[], json!({"success": true, "data": ada()}).to_string()).await;
        let access = access(&stub.url);
        let fields = LeadFields {
            title: Some("WhatsApp: Ada L.".to_owned()),
            person: Some(PersonId(8)),
            owner: Some(UserId(11)),
            seen: Some(false),
            origin: Some("cv_7f3".to_owned()),
        };
        let lead = stub.client().create_lead(&access, &fields).await.unwrap();
        assert_eq!((lead.id.as_str(), lead.title.as_str(), lead.person), (ID, "WhatsApp: Ada L.", Some(PersonId(8))));
        assert_eq!(
            (lead.owner, lead.seen, lead.archived, lead.origin.as_deref()),
            (Some(UserId(11)), false, false, Some("cv_7f3"))
        );
        assert_eq!(lead.added_at, Timestamp::parse_rfc3339("2026-10-14T11:30:36.551Z"));
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/leads"));
        let body = json!({"title": "WhatsApp: Ada L.", "person_id": 8, "owner_id": 11, "was_seen": false, "origin_id": "cv_7f3"});
        assert_eq!(asked.json(), body);
        assert_eq!(access.spend.tally().tokens(), 10);
    }

    #[tokio::test]
    async fn only_what_is_given_is_changed_and_never_the_origin() {
        let stub = stub(200, &[], json!({"success": true, "data": ada()}).to_string()).await;
        let fields = LeadFields { seen: Some(false), origin: Some("cv_other".to_owned()), ..LeadFields::default() };
        stub.client().update_lead(&access(&stub.url), &LeadId::parse(ID).unwrap(), &fields).await.unwrap();
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.json()), ("PATCH", json!({"was_seen": false})));
        assert_eq!(asked.path, format!("/api/v1/leads/{ID}"));
    }

    #[tokio::test]
    async fn leads_of_a_person_are_listed() {
        let more = json!({"pagination": {"start": 5, "limit": 1, "more_items_in_collection": true, "next_start": 6}});
        let stub = stub(200, &[], json!({"success": true, "data": [ada()], "additional_data": more}).to_string()).await;
        let batch = stub.client().leads_of(&access(&stub.url), PersonId(8), Some("5"), 1).await.unwrap();
        assert_eq!((batch.items[0].id.as_str(), batch.next.as_deref()), (ID, Some("6")));
        assert_eq!(stub.only_request().path, "/api/v1/leads?person_id=8&sort=add_time&limit=1&start=5");
    }

    #[tokio::test]
    async fn one_that_is_gone_is_not_found() {
        let body = r#"{"success":false,"error":"requested lead not found","error_info":"Object was not found.","data":null}"#;
        let stub = stub(404, &[], body).await;
        let lead = stub.client().lead(&access(&stub.url), &LeadId::parse(ID).unwrap()).await;
        assert_eq!(lead, Err(PipedriveError::NotFound));
        assert_eq!(stub.only_request().path, format!("/api/v1/leads/{ID}"));
    }
}
