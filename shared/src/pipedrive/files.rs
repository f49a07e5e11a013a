//! Files (Pipedrive's API reference, v1, Files).

use std::time::Duration;

use async_trait::async_trait;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::{
    Access, FilesApi, MAX_UPLOAD, Upload, Uploaded,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{One, or_default},
};
use crate::{
    http::number,
    model::{ids::FileId, record::Records},
};

/// Longer than other calls may take: the content travels.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Record {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

fn form(file: &Upload<'_>, on: &Records) -> Form {
    let part = || Part::stream_with_length(file.content.clone(), file.content.len() as u64).file_name(file.name.to_owned());
    // A media type that cannot be written is left out: Pipedrive goes by the name then.
    let content = part().mime_str(file.mime).unwrap_or_else(|_| part());
    let mut form = Form::new();
    if let Some(person) = on.person {
        form = form.text("person_id", person.to_string());
    }
    if let Some(deal) = on.deal {
        form = form.text("deal_id", deal.to_string());
    }
    if let Some(lead) = &on.lead {
        form = form.text("lead_id", lead.to_string());
    }
    form.part("file", content)
}

#[async_trait]
impl FilesApi for Client {
    async fn upload_file(&self, access: &Access, file: Upload<'_>, on: &Records) -> Result<Uploaded, PipedriveError> {
        if file.content.len() > MAX_UPLOAD {
            return Err(PipedriveError::Invalid { status: 413, code: String::new() });
        }
        let request = self.http.post(self.v1(access, "/files")).timeout(UPLOAD_TIMEOUT).multipart(form(&file, on));
        let Record { id, name } = Self::call(access, Call::UploadFile, request).await?.data::<One<Record>>()?.data;
        Ok(Uploaded { id: FileId(id), name })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        model::ids::{DealId, PersonId},
        pipedrive::testing::{access, stub},
    };

    fn offer(mime: &str, content: impl Into<Bytes>) -> Upload<'_> {
        Upload { name: "Angebot für Ada.pdf", mime, content: content.into() }
    }

    #[tokio::test]
    async fn a_file_goes_up_with_what_it_belongs_to() {
        let stub = stub(200, &[], r#"{"success":true,"data":{"id":123,"name":"offer.pdf"}}"#).await;
        let access = access(&stub.url);
        let on = Records { person: Some(PersonId(8)), deal: Some(DealId(33)), lead: None };
        let made = stub.client().upload_file(&access, offer("application/pdf", "%PDF-1.7"), &on).await.unwrap();
        assert_eq!(made, Uploaded { id: FileId(123), name: "offer.pdf".to_owned() });
        assert_eq!(access.spend.tally().tokens(), 10);
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/files"));
        assert!(asked.header("content-type").starts_with("multipart/form-data; boundary="));
        let body = String::from_utf8(asked.body).unwrap();
        for part in [
            "name=\"person_id\"\r\n\r\n8\r\n",
            "name=\"deal_id\"\r\n\r\n33\r\n",
            "name=\"file\"; filename=\"Angebot für Ada.pdf\"\r\nContent-Type: application/pdf\r\n",
            "\r\n\r\n%PDF-1.7\r\n",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
        assert!(!body.contains("lead_id"));
    }

    #[tokio::test]
    async fn a_media_type_that_is_none_is_left_out() {
        let stub = stub(200, &[], r#"{"success":true,"data":{"id":1}}"#).await;
        let on = Records { person: Some(PersonId(8)), ..Records::default() };
        stub.client().upload_file(&access(&stub.url), offer("no type", "x"), &on).await.unwrap();
        let body = String::from_utf8(stub.only_request().body).unwrap();
        assert!(body.contains("filename=") && !body.contains("Content-Type: no"), "{body}");
    }

    #[tokio::test]
    async fn one_that_is_too_long_is_not_even_sent() {
        let stub = stub(200, &[], "{}").await;
        let long = offer("application/pdf", vec![0; MAX_UPLOAD + 1]);
        let error = stub.client().upload_file(&access(&stub.url), long, &Records::default()).await.unwrap_err();
        assert_eq!(error, PipedriveError::Invalid { status: 413, code: String::new() });
        assert!(stub.requests().is_empty());
    }
}
