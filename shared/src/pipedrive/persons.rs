//! Persons (Pipedrive's API reference, v2, Persons).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Access, Batch, FoundPerson, Labelled, MAX_BATCH, Person, PersonFields, PersonsApi, SearchField,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, moment, or_default, user},
};
use crate::{
    http::number,
    model::ids::{OrganizationId, PersonId, UserId},
};

/// Most persons that a search brings. An address or a number that more persons share tells nothing.
const MAX_FOUND: usize = 100;

#[derive(Deserialize)]
struct Record {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    emails: Vec<Entry>,
    #[serde(default, deserialize_with = "or_default")]
    phones: Vec<Entry>,
    #[serde(default)]
    owner_id: Value,
    #[serde(default)]
    add_time: Option<String>,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    is_deleted: bool,
}

/// An address or a number. The reference calls its label a boolean; it is a word.
#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "or_default")]
    value: String,
    #[serde(default, deserialize_with = "or_default")]
    primary: bool,
    #[serde(default)]
    label: Value,
}

#[derive(Serialize)]
struct EntryBody<'a> {
    value: &'a str,
    primary: bool,
    label: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emails: Option<Vec<EntryBody<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phones: Option<Vec<EntryBody<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<UserId>,
}

#[derive(Deserialize)]
struct Found {
    data: FoundItems,
}

#[derive(Deserialize)]
struct FoundItems {
    items: Vec<FoundItem>,
}

#[derive(Deserialize)]
struct FoundItem {
    item: FoundRecord,
}

#[derive(Deserialize)]
struct FoundRecord {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default)]
    owner: Value,
    #[serde(default, deserialize_with = "or_default")]
    emails: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    phones: Vec<String>,
}

impl Record {
    fn person(self) -> Option<Person> {
        (!self.is_deleted).then(|| Person {
            id: PersonId(self.id),
            name: self.name,
            emails: self.emails.into_iter().map(Labelled::from).collect(),
            phones: self.phones.into_iter().map(Labelled::from).collect(),
            owner: user(&self.owner_id),
            added_at: moment(self.add_time.as_deref()),
            updated_at: moment(self.update_time.as_deref()),
        })
    }
}

impl From<Entry> for Labelled {
    fn from(entry: Entry) -> Self {
        let label = entry.label.as_str().filter(|label| !label.is_empty()).unwrap_or("work").to_owned();
        Self { value: entry.value, primary: entry.primary, label }
    }
}

impl<'a> From<&'a PersonFields> for Body<'a> {
    fn from(fields: &'a PersonFields) -> Self {
        fn entries(values: &[Labelled]) -> Vec<EntryBody<'_>> {
            values.iter().map(|Labelled { value, primary, label }| EntryBody { value, primary: *primary, label }).collect()
        }
        Self {
            name: fields.name.as_deref(),
            emails: fields.emails.as_deref().map(entries),
            phones: fields.phones.as_deref().map(entries),
            owner_id: fields.owner,
        }
    }
}

#[async_trait]
impl PersonsApi for Client {
    async fn person(&self, access: &Access, id: PersonId) -> Result<Person, PipedriveError> {
        let answer = Self::call(access, Call::Person, self.http.get(self.v2(access, &format!("/persons/{id}")))).await?;
        answer.data::<One<Record>>()?.data.person().ok_or(PipedriveError::NotFound)
    }

    async fn persons(&self, access: &Access, after: Option<&str>, limit: usize) -> Result<Batch<Person>, PipedriveError> {
        let mut query = vec![
            ("sort_by", "id".to_owned()),
            ("sort_direction", "asc".to_owned()),
            ("limit", limit.clamp(1, MAX_BATCH).to_string()),
        ];
        query.extend(after.map(|cursor| ("cursor", cursor.to_owned())));
        let answer = Self::call(access, Call::Persons, self.http.get(self.v2(access, "/persons")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::person))
    }

    async fn newest_persons(&self, access: &Access, limit: usize) -> Result<Vec<Person>, PipedriveError> {
        let limit = limit.clamp(1, MAX_BATCH).to_string();
        let query = [("sort_by", "add_time"), ("sort_direction", "desc"), ("limit", &limit)];
        let answer = Self::call(access, Call::Persons, self.http.get(self.v2(access, "/persons")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::person).items)
    }

    async fn persons_of(
        &self,
        access: &Access,
        organization: OrganizationId,
        limit: usize,
    ) -> Result<Vec<Person>, PipedriveError> {
        let query = [("org_id", organization.to_string()), ("limit", limit.clamp(1, MAX_BATCH).to_string())];
        let answer = Self::call(access, Call::Persons, self.http.get(self.v2(access, "/persons")).query(&query)).await?;
        Ok(answer.data::<Many<Record>>()?.batch(Record::person).items)
    }

    async fn search_persons(
        &self,
        access: &Access,
        field: SearchField,
        term: &str,
        exact: bool,
    ) -> Result<Vec<FoundPerson>, PipedriveError> {
        let field = match field {
            SearchField::Email => "email",
            SearchField::Phone => "phone",
            SearchField::Name => "name",
        };
        let (exact, limit) = (exact.to_string(), MAX_FOUND.to_string());
        let query = [("term", term), ("fields", field), ("exact_match", &exact), ("limit", &limit)];
        let answer =
            Self::call(access, Call::SearchPersons, self.http.get(self.v2(access, "/persons/search")).query(&query)).await?;
        let found = |FoundItem { item }| FoundPerson {
            id: PersonId(item.id),
            name: item.name,
            owner: user(&item.owner),
            emails: item.emails,
            phones: item.phones,
        };
        Ok(answer.data::<Found>()?.data.items.into_iter().map(found).collect())
    }

    async fn create_person(&self, access: &Access, fields: &PersonFields) -> Result<Person, PipedriveError> {
        let request = self.http.post(self.v2(access, "/persons")).json(&Body::from(fields));
        let answer = Self::call(access, Call::CreatePerson, request).await?;
        answer.data::<One<Record>>()?.data.person().ok_or(PipedriveError::NotFound)
    }

    async fn update_person(&self, access: &Access, id: PersonId, fields: &PersonFields) -> Result<Person, PipedriveError> {
        let request = self.http.patch(self.v2(access, &format!("/persons/{id}"))).json(&Body::from(fields));
        let answer = Self::call(access, Call::UpdatePerson, request).await?;
        answer.data::<One<Record>>()?.data.person().ok_or(PipedriveError::NotFound)
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

    fn ada() -> Value {
        json!({
            "id": 8, "name": "Ada L.", "add_time": "2026-01-01T00:00:00Z", "update_time": "2026-01-02T00:00:00Z",
            "is_deleted": false, "org_id": null, "owner_id": 11,
            "emails": [{"value": "old@x.io", "primary": false, "label": "home"}, {"value": "ada@x.io", "primary": true, "label": true}],
            "phones": null,
        })
    }

    fn labelled(value: &str, primary: bool, label: &str) -> Labelled {
        Labelled { value: value.to_owned(), primary, label: label.to_owned() }
    }

    #[tokio::test]
    async fn a_person_is_read() {
        let stub = stub(200, &[], json!({"success": true, "data": ada()}).to_string()).await;
        let person = stub.client().person(&access(&stub.url), PersonId(8)).await.unwrap();
        assert_eq!(
            (person.id, person.name.as_str(), person.email(), person.phone()),
            (PersonId(8), "Ada L.", Some("ada@x.io"), None)
        );
        assert_eq!(person.emails, [labelled("old@x.io", false, "home"), labelled("ada@x.io", true, "work")]);
        assert_eq!(person.added_at, Timestamp::parse_rfc3339("2026-01-01T00:00:00Z"));
        assert_eq!((person.updated_at, person.owner), (Timestamp::parse_rfc3339("2026-01-02T00:00:00Z"), Some(UserId(11))));
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/api/v2/persons/8"));
        assert_eq!(asked.header("authorization"), "Bearer v1u:secret-token");
    }

    #[tokio::test]
    async fn a_deleted_person_is_not_found() {
        let mut gone = ada();
        gone["is_deleted"] = json!(true);
        let stub = stub(200, &[], json!({"success": true, "data": gone}).to_string()).await;
        assert_eq!(stub.client().person(&access(&stub.url), PersonId(8)).await, Err(PipedriveError::NotFound));
    }

    #[tokio::test]
    async fn persons_are_listed_by_id() {
        let body = json!({"success": true, "data": [ada()], "additional_data": {"next_cursor": "next"}});
        let stub = stub(200, &[], body.to_string()).await;
        let batch = stub.client().persons(&access(&stub.url), Some("a b"), 9_999).await.unwrap();
        assert_eq!((batch.items.len(), batch.next.as_deref()), (1, Some("next")));
        assert_eq!(stub.only_request().path, "/api/v2/persons?sort_by=id&sort_direction=asc&limit=500&cursor=a+b");
    }

    #[tokio::test]
    async fn a_search_names_field_and_term() {
        let ada = json!({
            "id": "8", "type": "person", "name": "Ada L.", "owner": {"id": 11}, "phones": ["+49 151"], "emails": ["ada@x.io"],
        });
        let item = json!({"result_score": 0.5, "item": ada});
        let body = json!({"success": true, "data": {"items": [item]}, "additional_data": {"next_cursor": null}});
        let stub = stub(200, &[], body.to_string()).await;
        let found = stub.client().search_persons(&access(&stub.url), SearchField::Phone, "+49151", true).await.unwrap();
        let expected = FoundPerson {
            id: PersonId(8),
            name: "Ada L.".to_owned(),
            owner: Some(UserId(11)),
            emails: vec!["ada@x.io".to_owned()],
            phones: vec!["+49 151".to_owned()],
        };
        assert_eq!(found, [expected]);
        assert_eq!(stub.only_request().path, "/api/v2/persons/search?term=%2B49151&fields=phone&exact_match=true&limit=100");
    }

    #[tokio::test]
    async fn only_what_is_given_is_written() {
        let body = json!({"success": true, "data": ada()}).to_string();
        let (one, two) = (stub(201, &[], body.clone()).await, stub(200, &[], body).await);
        let fields = PersonFields {
            name: Some("Ada L.".to_owned()),
            emails: Some(vec![labelled("ada@x.io", true, "work")]),
            owner: Some(UserId(11)),
            ..PersonFields::default()
        };
        one.client().create_person(&access(&one.url), &fields).await.unwrap();
        two.client().update_person(&access(&two.url), PersonId(8), &PersonFields::default()).await.unwrap();
        let (one, two) = (one.only_request(), two.only_request());
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/api/v2/persons"));
        let email = json!({"value": "ada@x.io", "primary": true, "label": "work"});
        assert_eq!(one.json(), json!({"name": "Ada L.", "emails": [email], "owner_id": 11}));
        assert_eq!((two.method.as_str(), two.path.as_str(), two.json()), ("PATCH", "/api/v2/persons/8", json!({})));
    }

    #[tokio::test]
    async fn the_newest_come_first() {
        let stub = stub(200, &[], json!({"success": true, "data": [ada()]}).to_string()).await;
        let access = access(&stub.url);
        assert_eq!(stub.client().newest_persons(&access, 20).await.unwrap().len(), 1);
        assert_eq!(stub.only_request().path, "/api/v2/persons?sort_by=add_time&sort_direction=desc&limit=20");
        assert_eq!(access.spend.tally().tokens(), 10);
    }

    #[tokio::test]
    async fn an_organization_has_its_persons() {
        let stub = stub(200, &[], json!({"success": true, "data": [ada()]}).to_string()).await;
        assert_eq!(stub.client().persons_of(&access(&stub.url), OrganizationId(5), 100).await.unwrap().len(), 1);
        assert_eq!(stub.only_request().path, "/api/v2/persons?org_id=5&limit=100");
    }

    #[tokio::test]
    async fn a_new_number_leaves_the_others() {
        let mut known = ada();
        known["phones"] = json!([{"value": "+49 151 1", "primary": true, "label": "work"}]);
        let stub = stub(200, &[], json!({"success": true, "data": known}).to_string()).await;
        let access = access(&stub.url);
        stub.client().add_phone(&access, PersonId(8), "+1 555", "WhatsApp").await.unwrap();
        let expected = json!({"phones": [
            {"value": "+49 151 1", "primary": true, "label": "work"}, {"value": "+1 555", "primary": false, "label": "WhatsApp"},
        ]});
        let asked = stub.requests();
        assert_eq!((asked.len(), asked[1].method.as_str(), asked[1].json()), (2, "PATCH", expected));
        assert_eq!(access.spend.take().tokens(), 6);

        stub.client().add_phone(&access, PersonId(8), "+491511", "WhatsApp").await.unwrap();
        assert_eq!((stub.requests().len(), access.spend.tally().tokens()), (3, 1), "it was there already");
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        for (status, body, expected) in [
            (404, r#"{"success":false,"error":"Person not found"}"#, PipedriveError::NotFound),
            (401, "", PipedriveError::Unauthorized),
            (402, "", PipedriveError::AccountClosed),
            (400, "{}", PipedriveError::Invalid { status: 400, code: String::new() }),
            (
                403,
                r#"{"success":false,"code":"feature_capping"}"#,
                PipedriveError::Forbidden { code: "feature_capping".to_owned() },
            ),
            (200, "<html>", PipedriveError::Transient { code: "answer".to_owned() }),
        ] {
            let stub = stub(status, &[], body).await;
            assert_eq!(stub.client().person(&access(&stub.url), PersonId(8)).await, Err(expected), "{status} {body}");
        }
    }
}
