//! `/inbox`, `/setup`, their assets and `/inbox/api/…`: the pages inside Pipedrive, and what the inbox page asks for.
//! Pages and assets are part of the binary and the same for everybody; the API is let in by a session.

mod api;
mod assets;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Method;
use shared::{
    config::Config,
    environment::Environment,
    http::{
        HttpFunction, Request, Response, error,
        request::{self, path_parameter},
        response::{self, Framing},
    },
    inbox::error::InboxError,
    media::bucket::Bucket,
    model::content::ObjectKey,
};

use crate::api::Api;

/// For an address that is made for its beginning alone.
const MOMENT: Duration = Duration::from_secs(1);

/// The function.
pub struct Function {
    config: Arc<Config>,
    bucket: Arc<dyn Bucket>,
    api: Api,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self { config: environment.config.clone(), bucket: environment.bucket(), api: Api::new(environment) }
    }

    async fn answer(&self, request: Request) -> Result<Response, InboxError> {
        match (request.method(), request::path(&request)) {
            (&Method::GET, "/setup") => self.page(assets::setup_page()).await,
            (&Method::GET, "/inbox") => self.page(assets::inbox_page()).await,
            (&Method::GET, path) if path.starts_with("/inbox/assets/") => {
                let name = path_parameter(&request, "asset").ok_or(InboxError::NotFound("asset"))?;
                let version = path_parameter(&request, "version");
                assets::serve(&name, version.as_deref(), request.headers()).ok_or(InboxError::NotFound("asset"))
            }
            (_, path) if path.starts_with("/inbox/api/") => self.api.answer(request).await,
            _ => Err(InboxError::NotFound("page")),
        }
    }

    /// A page that shows files of the bucket and uploads to it, in Pipedrive's frame.
    async fn page(&self, html: &'static str) -> Result<Response, InboxError> {
        let address = self.bucket.link(&ObjectKey("files/x".to_owned()), MOMENT).await?;
        let framing = Framing { files: origin(&address), ancestors: self.config.frame_ancestors.as_deref() };
        Ok(response::app_page(html, &framing))
    }
}

/// `https://host` of an address.
fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    let end = address[host..].find(['/', '?']).map_or(address.len(), |at| host + at);
    &address[..end]
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_what_comes_before_the_path() {
        for (address, expected) in [
            ("https://b.s3.eu-west-1.amazonaws.com/x?X-Amz-Date=1", "https://b.s3.eu-west-1.amazonaws.com"),
            ("http://127.0.0.1:9000/bucket/x", "http://127.0.0.1:9000"),
            ("https://host?x", "https://host"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(origin(address), expected);
        }
    }
}
