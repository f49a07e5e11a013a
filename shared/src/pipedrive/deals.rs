//! Deals (Pipedrive's API reference, v2, Deals).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{
    Access, Batch, Deal, DealFields, DealFilter, DealsApi, MAX_BATCH,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, moment, or_default, related, user},
};
use crate::{
    http::number,
    model::ids::{DealId, PersonId, PipelineId, StageId, UserId},
};

#[derive(Deserialize)]
struct Record {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default)]
    value: Option<Number>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    person_id: Value,
    #[serde(default)]
    owner_id: Value,
    #[serde(deserialize_with = "number::deserialize")]
    pipeline_id: u64,
    #[serde(deserialize_with = "number::deserialize")]
    stage_id: u64,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default)]
    expected_close_date: Option<String>,
    #[serde(default)]
    add_time: Option<String>,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    is_deleted: bool,
}

/// Ids are numbers here: version 2 takes no strings for them.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_id: Option<PipelineId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_id: Option<StageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_close_date: Option<&'a str>,
}

impl Record {
    fn deal(self) -> Option<Deal> {
        (!self.is_deleted && self.status != "deleted").then(|| Deal {
            id: DealId(self.id),
            title: self.title,
            value: self.value,
            currency: self.currency,
            person: related(&self.person_id).map(PersonId),
            owner: user(&self.owner_id),
            pipeline: PipelineId(self.pipeline_id),
            stage: StageId(self.stage_id),
            status: self.status,
            expected_close_date: self.expected_close_date,
            added_at: moment(self.add_time.as_deref()),
            updated_at: moment(self.update_time.as_deref()),
        })
    }
}

impl<'a> From<&'a DealFields> for Body<'a> {
    fn from(fields: &'a DealFields) -> Self {
        Self {
            title: fields.title.as_deref(),
            value: fields.value.as_ref(),
            person_id: fields.person,
            owner_id: fields.owner,
            pipeline_id: fields.pipeline,
            stage_id: fields.stage,
            expected_close_date: fields.expected_close_date.as_deref(),
        }
    }
}

#[async_trait]
impl DealsApi for Client {
    async fn deal(&self, access: &Access, id: DealId) -> Result<Deal, PipedriveError> {
        let answer = Self::call(access, Call::Deal, self.http.get(self.v2(access, &format!("/deals/{id}")))).await?;
        answer.data::<One<Record>>()?.data.deal().ok_or(PipedriveError::NotFound)
    }

    async fn deals(
        &self,
        access: &Access,
        filter: &DealFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Deal>, PipedriveError> {
        let mut query = vec![
            ("sort_by", "id".to_owned()),
            ("sort_direction", "asc".to_owned()),
            ("limit", limit.clamp(1, MAX_BATCH).to_string()),
        ];
        query.extend(filter.person.map(|id| ("person_id", id.to_string())));
        query.extend(filter.pipeline.map(|id| ("pipeline_id", id.to_string())));
        query.extend(filter.stage.map(|id| ("stage_id", id.to_string())));
        query.extend(filter.status.map(|status| ("status", status.to_owned())));
        query.extend(after.map(|cursor| ("cursor", cursor.to_owned())));
        let answer = Self::call(access, Call::Deals, self.http.get(self.v2(access, "/deals")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::deal))
    }

    async fn open_deals_of(&self, access: &Access, person: PersonId, limit: usize) -> Result<Vec<Deal>, PipedriveError> {
        let (person, limit) = (person.to_string(), limit.clamp(1, MAX_BATCH).to_string());
        let query = [
            ("person_id", person.as_str()),
            ("status", "open"),
            ("sort_by", "add_time"),
            ("sort_direction", "desc"),
            ("limit", &limit),
        ];
        let answer = Self::call(access, Call::Deals, self.http.get(self.v2(access, "/deals")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::deal).items)
    }

    async fn create_deal(&self, access: &Access, fields: &DealFields) -> Result<Deal, PipedriveError> {
        let request = self.http.post(self.v2(access, "/deals")).json(&Body::from(fields));
        Self::call(access, Call::CreateDeal, request).await?.data::<One<Record>>()?.data.deal().ok_or(PipedriveError::NotFound)
    }

    async fn update_deal(&self, access: &Access, id: DealId, fields: &DealFields) -> Result<Deal, PipedriveError> {
        let request = self.http.patch(self.v2(access, &format!("/deals/{id}"))).json(&Body::from(fields));
        Self::call(access, Call::UpdateDeal, request).await?.data::<One<Record>>()?.data.deal().ok_or(PipedriveError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pipedrive::testing::{access, stub};

    fn offer() -> Value {
        json!({
            "id": 33, "title": "Offer", "value": 2300.5, "currency": "EUR", "person_id": 8, "owner_id": 11, "org_id": null, "stage_id": 2,
            "pipeline_id": 1, "status": "open", "is_deleted": false, "expected_close_date": "2026-12-24",
            "add_time": "2026-01-01T00:00:00Z", "update_time": "2026-01-02T00:00:00Z",
        })
    }

    #[tokio::test]
    async fn a_deal_is_read() {
        let stub = stub(200, &[], json!({"success": true, "data": offer()}).to_string()).await;
        let deal = stub.client().deal(&access(&stub.url), DealId(33)).await.unwrap();
        assert_eq!((deal.id, deal.person, deal.pipeline, deal.stage), (DealId(33), Some(PersonId(8)), PipelineId(1), StageId(2)));
        assert_eq!((deal.value.as_ref().map(ToString::to_string).as_deref(), deal.is_open()), (Some("2300.5"), true));
        assert_eq!(stub.only_request().path, "/api/v2/deals/33");
    }

    #[tokio::test]
    async fn the_open_ones_of_a_person_are_listed_newest_first() {
        let stub = stub(200, &[], json!({"success": true, "data": [offer()]}).to_string()).await;
        let deals = stub.client().open_deals_of(&access(&stub.url), PersonId(8), 5).await.unwrap();
        assert_eq!(deals.iter().map(|deal| (deal.id, deal.owner)).collect::<Vec<_>>(), [(DealId(33), Some(UserId(11)))]);
        let path = "/api/v2/deals?person_id=8&status=open&sort_by=add_time&sort_direction=desc&limit=5";
        assert_eq!(stub.only_request().path, path);
    }

    #[tokio::test]
    async fn deleted_deals_are_left_out() {
        let mut gone = offer();
        gone["is_deleted"] = json!(true);
        let one = stub(200, &[], json!({"success": true, "data": gone}).to_string()).await;
        assert_eq!(one.client().deal(&access(&one.url), DealId(33)).await, Err(PipedriveError::NotFound));
        let list = stub(200, &[], json!({"success": true, "data": [gone, offer()], "additional_data": {}}).to_string()).await;
        let filter = DealFilter { person: Some(PersonId(8)), status: Some("open"), ..DealFilter::default() };
        let batch = list.client().deals(&access(&list.url), &filter, None, 10).await.unwrap();
        assert_eq!((batch.items.len(), batch.next), (1, None));
        let path = list.only_request().path;
        assert_eq!(path, "/api/v2/deals?sort_by=id&sort_direction=asc&limit=10&person_id=8&status=open");
    }

    #[tokio::test]
    async fn ids_are_written_as_numbers() {
        let body = json!({"success": true, "data": offer()}).to_string();
        let (one, two) = (stub(200, &[], body.clone()).await, stub(200, &[], body).await);
        let fields = DealFields {
            title: Some("Offer".to_owned()),
            value: Number::from_f64(2300.5),
            person: Some(PersonId(8)),
            pipeline: Some(PipelineId(1)),
            stage: Some(StageId(2)),
            expected_close_date: Some("2026-12-24".to_owned()),
            ..DealFields::default()
        };
        one.client().create_deal(&access(&one.url), &fields).await.unwrap();
        let moved = DealFields { stage: Some(StageId(3)), ..DealFields::default() };
        two.client().update_deal(&access(&two.url), DealId(33), &moved).await.unwrap();
        let (one, two) = (one.only_request(), two.only_request());
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/api/v2/deals"));
        assert_eq!(
            one.json(),
            json!({"title": "Offer", "value": 2300.5, "person_id": 8, "pipeline_id": 1, "stage_id": 2,
                   "expected_close_date": "2026-12-24"})
        );
        assert_eq!((two.method.as_str(), two.path.as_str(), two.json()), ("PATCH", "/api/v2/deals/33", json!({"stage_id": 3})));
    }
}
