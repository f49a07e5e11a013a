//! Files (Pipedrive's API reference, Files, version 1).

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{
    Ask, Records,
    answer::{Refusal, one},
    query::Query,
    slice::{SLICING, Sort, slice},
    time,
};

/// What a file can be of, beside what no simulated account has.
const OTHERS: [&str; 2] = ["product_id", "activity_id"];

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// Its media type, as it was uploaded.
    pub mime: String,
    /// What is in it.
    pub content: Bytes,
    /// Who uploaded it.
    pub user_id: u64,
    /// Whose it is.
    pub person_id: Option<u64>,
    /// The deal that it is of.
    pub deal_id: Option<u64>,
    /// The lead that it is of.
    pub lead_id: Option<String>,
    /// The organization that it is of.
    pub org_id: Option<u64>,
    /// When it was uploaded.
    pub add_time: Timestamp,
    /// Whether it is deleted.
    pub is_deleted: bool,
}

/// A form with a file, as it was posted.
#[derive(Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    /// Name, media type and content of each.
    files: Vec<(String, String, Bytes)>,
}

impl Form {
    /// Reads a form.
    pub(super) async fn read(content_type: &str, body: Bytes) -> Result<Self, Refusal> {
        let unfit = |_| Refusal::invalid("body", "is not multipart/form-data");
        let boundary = multer::parse_boundary(content_type).map_err(unfit)?;
        let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
        let (mut parts, mut form) = (multer::Multipart::new(stream, boundary), Self::default());
        while let Some(part) = parts.next_field().await.map_err(unfit)? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(file) if name == "file" => {
                    let mime = part.content_type().map_or_else(String::new, ToString::to_string);
                    form.files.push((file, mime, part.bytes().await.map_err(unfit)?));
                }
                Some(_) => return Err(Refusal::invalid(&name, "must not be a file")),
                None => form.fields.push((name, part.text().await.map_err(unfit)?)),
            }
        }
        Ok(form)
    }

    /// What the form says beside the file, with numbers as such.
    pub(super) fn as_json(&self) -> Value {
        let value = |text: &String| text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
        let fields = self.fields.iter().map(|(name, text)| (name.clone(), value(text)));
        fields.chain(self.files.first().map(|_| ("file".to_owned(), json!("")))).collect()
    }
}

impl File {
    fn shown(&self) -> Value {
        let kind = self.name.rsplit_once('.').map_or("", |(_, kind)| kind).to_lowercase();
        json!({
            "id": self.id, "user_id": self.user_id, "deal_id": self.deal_id, "person_id": self.person_id, "org_id": self.org_id,
            "lead_id": self.lead_id, "product_id": null, "activity_id": null, "log_id": null,
            "add_time": time::spaced(self.add_time), "update_time": time::spaced(self.add_time),
            "file_name": format!("{}_{}", self.id, self.name), "file_type": kind, "file_size": self.content.len(),
            "active_flag": !self.is_deleted, "inline_flag": false, "remote_location": null, "remote_id": null, "cid": null,
            "s3_bucket": null, "mail_message_id": null, "mail_template_id": null, "description": null, "name": self.name,
            "url": format!("https://example.pipedrive.com/v1/files/{}/download", self.id),
        })
    }
}

fn missing() -> Refusal {
    Refusal::not_found("File not found")
}

pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&SLICING])?;
    if query.number("limit")?.is_some_and(|limit| limit > 100) {
        return Err(Refusal::invalid("limit", "must be up to 100"));
    }
    let sort: Sort<'_, File> = &[
        ("id", |file| format!("{:020}", file.id)),
        ("add_time", |file| time::text(file.add_time)),
        ("update_time", |file| time::text(file.add_time)),
    ];
    slice(records.files.values().filter(|file| !file.is_deleted).collect(), &query, sort, File::shown)
}

pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    records.files.get(&ask.number()?).map(|file| one(file.shown())).ok_or_else(missing)
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let form = ask.form.ok_or_else(|| Refusal::invalid("body", "must be sent as multipart/form-data"))?;
    let [(name, mime, content)] = &form.files[..] else { return Err(Refusal::invalid("file", "must be one file")) };
    if content.len() > ask.settings.largest_file {
        return Err(Refusal::too_large());
    }
    let mut file = File {
        id: records.files.last_key_value().map_or(1, |(id, _)| id + 1),
        name: name.clone(),
        mime: mime.clone(),
        content: content.clone(),
        user_id: ask.user.0,
        person_id: None,
        deal_id: None,
        lead_id: None,
        org_id: None,
        add_time: ask.now,
        is_deleted: false,
    };
    for (name, text) in &form.fields {
        let number = || text.parse::<u64>().map_err(|_| Refusal::invalid(name, "must be a positive integer"));
        let known = match name.as_str() {
            "person_id" => records.living_person(*file.person_id.insert(number()?)).is_some(),
            "deal_id" => records.deals.get(file.deal_id.insert(number()?)).is_some_and(|deal| !deal.is_deleted),
            "org_id" => records.organization(*file.org_id.insert(number()?)).is_ok(),
            "lead_id" => records.lead(file.lead_id.insert(text.clone())).is_some(),
            other if OTHERS.contains(&other) => false,
            _ => return Err(Refusal::invalid(name, "is not allowed")),
        };
        if !known {
            return Err(Refusal::invalid(name, "is not a record of the company"));
        }
    }
    let answer = one(file.shown());
    records.files.insert(file.id, file);
    Ok(answer)
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let file = records.files.get_mut(&ask.number()?).filter(|file| !file.is_deleted).ok_or_else(missing)?;
    file.is_deleted = true;
    Ok(one(json!({"id": file.id})))
}
