//! A call's parameters, in any of the forms that the Bot API takes: JSON, a form, a form with files, the query.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use multer::Multipart;
use serde_json::{Map, Value};

use super::ApiError;

/// A file in a form.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
}

/// What a method is called with.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) values: Map<String, Value>,
    pub(super) files: BTreeMap<String, Upload>,
}

impl Parameters {
    pub(super) async fn read(headers: &HeaderMap, query: Option<&str>, body: Bytes) -> Result<Self, ApiError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parameters = Self::default();
        parameters.add_pairs(query.unwrap_or_default().as_bytes());
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => {
                let object = serde_json::from_slice(&body).map_err(|_| ApiError::bad("can't parse JSON object"))?;
                parameters.values = object;
            }
            "multipart/form-data" => parameters.add_parts(kind, body).await?,
            "application/x-www-form-urlencoded" => parameters.add_pairs(&body),
            _ => {}
        }
        Ok(parameters)
    }

    fn add_pairs(&mut self, pairs: &[u8]) {
        let pairs = url::form_urlencoded::parse(pairs);
        self.values.extend(pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))));
    }

    async fn add_parts(&mut self, kind: &str, body: Bytes) -> Result<(), ApiError> {
        let broken = |_| ApiError::bad("can't parse the form");
        let boundary = multer::parse_boundary(kind).map_err(broken)?;
        let mut parts = Multipart::new(stream::iter([Ok::<_, std::io::Error>(body)]), boundary);
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(file_name) => {
                    let mime = part.content_type().map(ToString::to_string).unwrap_or_default();
                    let bytes = part.bytes().await.map_err(broken)?;
                    self.files.insert(name, Upload { name: file_name, mime, bytes });
                }
                None => {
                    self.values.insert(name, part.text().await.map_err(broken)?.into());
                }
            }
        }
        Ok(())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A number, also one in digits.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = self.values.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// An object or array, which stands in forms as JSON text.
    pub(super) fn structure(&self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                let value = serde_json::from_str(text);
                value.map(Some).map_err(|_| ApiError::bad(&format!("can't parse {name} JSON object")))
            }
            Some(value) => Ok(Some(value.clone())),
        }
    }
}
