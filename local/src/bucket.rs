//! S3 on this machine: an emulator over a folder, served over HTTP on a port of its own, so that the functions use their
//! real client against it, and browsers its presigned addresses. It checks signatures and how long an address is good. Pages may
//! PUT to it from elsewhere, as the template lets them.

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    error_handling::HandleError,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use s3s::{HttpError, auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinHandle};

/// The bucket's name.
pub const BUCKET: &str = "pigeonpost-media";

/// The embedded bucket does not start.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Its folder can't be used, or no port be had.
    #[error("the embedded S3 cannot be served")]
    Serve(#[source] io::Error),
    /// The emulator refused the folder.
    #[error("the embedded S3 cannot use its folder: {0}")]
    Folder(String),
}

/// A served bucket. The server stops when this is dropped.
pub struct LocalBucket {
    endpoint: String,
    folder: PathBuf,
    server: JoinHandle<()>,
}

impl LocalBucket {
    /// Opens or makes the bucket in `folder` and serves it on a free port of 127.0.0.1, to whoever signs with `key` and
    /// `secret`.
    pub async fn open(folder: &Path, key: &str, secret: &str) -> Result<Self, BucketError> {
        std::fs::create_dir_all(folder.join(BUCKET)).map_err(BucketError::Serve)?;
        let files = FileSystem::new(folder).map_err(|error| BucketError::Folder(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(key, secret));
        let service = HandleError::new(service.build(), failed);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(BucketError::Serve)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(BucketError::Serve)?);
        let server = tokio::spawn(async move {
            if let Err(problem) =
                axum::serve(listener, Router::new().fallback_service(service).layer(from_fn(shared_with_pages))).await
            {
                tracing::error!(%problem, "the embedded S3 stopped");
            }
        });
        Ok(Self { endpoint, folder: folder.join(BUCKET), server })
    }

    /// The names of all objects.
    pub fn objects(&self) -> io::Result<Vec<String>> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&self.folder).unwrap_or(&path).to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// For `AWS_ENDPOINT_URL_S3`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for LocalBucket {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The template's `CorsConfiguration`.
async fn shared_with_pages(request: Request, next: Next) -> Response {
    let asks_first = request.method() == Method::OPTIONS;
    let mut response = if asks_first { StatusCode::OK.into_response() } else { next.run(request).await };
    let mut allow = |name: HeaderName, value| drop(response.headers_mut().insert(name, HeaderValue::from_static(value)));
    allow(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if asks_first {
        allow(header::ACCESS_CONTROL_ALLOW_METHODS, "PUT");
        allow(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type");
    }
    response
}

async fn failed(problem: HttpError) -> StatusCode {
    tracing::error!(?problem, "the embedded S3 could not answer");
    StatusCode::INTERNAL_SERVER_ERROR
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use aws_sdk_dynamodb::config::Credentials;
    use bytes::Bytes;
    use shared::{
        clock::SystemClock,
        config::Config,
        environment::Environment,
        media::{
            bucket::{self, Bucket, ObjectHeaders, ObjectInfo, Prefix},
            s3::S3Bucket,
        },
        model::{
            content::ObjectKey,
            ids::{ConversationId, MessageId, Place},
        },
    };

    use super::*;

    fn headers() -> ObjectHeaders {
        ObjectHeaders { mime: "image/png".to_owned(), disposition: "inline; filename=\"a.png\"".to_owned() }
    }

    fn client(local: &LocalBucket, secret: &str) -> Arc<S3Bucket> {
        let settings = [
            ("TABLE_NAME", "t"),
            ("SECRET_ID", "s"),
            ("MEDIA_BUCKET", BUCKET),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_S3", local.endpoint()),
        ];
        let of = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let credentials = Credentials::new("key", secret, None, None, "tests");
        Environment::new(Config::from_lookup(of).unwrap(), credentials, Arc::new(SystemClock)).bucket()
    }

    #[tokio::test]
    async fn objects_are_kept_told_of_and_fetched_by_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalBucket::open(folder.path(), "key", "secret").await.unwrap();
        let bucket = client(&local, "secret");
        let key = ObjectKey("files/a/b/0".to_owned());
        assert_eq!((bucket.get(&key).await.unwrap(), bucket.head(&key).await.unwrap()), (None, None));
        for contents in ["first", "second"] {
            bucket.put(&key, Bytes::from(contents), &headers()).await.unwrap();
        }
        assert_eq!(bucket.get(&key).await.unwrap(), Some(Bytes::from("second")));
        assert_eq!(bucket.head(&key).await.unwrap(), Some(ObjectInfo { headers: headers(), size: 6 }));

        let link = bucket.link(&key, Duration::from_mins(1)).await.unwrap();
        assert!(link.starts_with(&format!("{}/{BUCKET}/files/a/b/0?", local.endpoint())), "{link}");
        let answer = reqwest::get(&link).await.unwrap();
        assert_eq!((answer.status(), answer.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "image/png"));
        assert_eq!(answer.headers()["content-disposition"], "inline; filename=\"a.png\"");
        assert_eq!(answer.text().await.unwrap(), "second");
        let part = reqwest::Client::builder().build().unwrap().get(&link).header("range", "bytes=1-3").send().await.unwrap();
        assert_eq!(
            (part.status(), part.headers()["content-range"].to_str().unwrap()),
            (StatusCode::PARTIAL_CONTENT, "bytes 1-3/6")
        );
        assert_eq!(part.text().await.unwrap(), "eco");

        let upload = bucket.upload_link(&key, "text/plain", 5, Duration::from_mins(1)).await.unwrap();
        let http = reqwest::Client::builder().build().unwrap();
        let put = async |body: &'static str, mime: &str| {
            http.put(&upload).header("content-type", mime).body(body).send().await.unwrap().status()
        };
        assert_eq!(put("third", "text/html").await, StatusCode::FORBIDDEN, "another type");
        assert_eq!(put("longer", "text/plain").await, StatusCode::FORBIDDEN, "another size");
        assert_eq!(put("third", "text/plain").await, StatusCode::OK);
        assert_eq!(bucket.get(&key).await.unwrap(), Some(Bytes::from("third")));

        let forged = link.replace("files/a/b/0", "files/a/b/1");
        assert_eq!(reqwest::get(&forged).await.unwrap().status(), StatusCode::FORBIDDEN);
        let unsigned = link.split('?').next().unwrap();
        assert_eq!(reqwest::get(unsigned).await.unwrap().status(), StatusCode::FORBIDDEN);
        let head = reqwest::Client::builder().build().unwrap().head(&link).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::FORBIDDEN, "an address is for one method alone");
        let stranger = client(&local, "wrong").link(&key, Duration::from_mins(1)).await.unwrap();
        assert_eq!(reqwest::get(&stranger).await.unwrap().status(), StatusCode::FORBIDDEN);
        assert!(client(&local, "wrong").put(&key, Bytes::new(), &headers()).await.is_err());
    }

    #[tokio::test]
    async fn a_conversation_goes_whole_and_alone_and_the_rest_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalBucket::open(folder.path(), "key", "secret").await.unwrap();
        let conversations = [ConversationId::new(), ConversationId::new()];
        for key in conversations.iter().flat_map(keys) {
            client(&local, "secret").put(&key, Bytes::from_static(b"x"), &headers()).await.unwrap();
        }
        drop(local);

        let local = LocalBucket::open(folder.path(), "key", "secret").await.unwrap();
        let bucket = client(&local, "secret");
        let [gone, kept] = &conversations;
        bucket::erase_conversation(&*bucket, gone).await.unwrap();
        bucket::erase_conversation(&*bucket, gone).await.unwrap();
        for (conversation, there) in [(gone, false), (kept, true)] {
            for key in keys(conversation) {
                assert_eq!(bucket.head(&key).await.unwrap().is_some(), there, "{key:?}");
            }
        }
        bucket.delete_under(&Prefix::message(&message(kept))).await.unwrap();
        assert!(bucket.head(&keys(kept)[0]).await.unwrap().is_none());
        assert!(bucket.head(&bucket::avatar_key(kept)).await.unwrap().is_some());
    }

    /// The same each time for a conversation.
    fn message(conversation: &ConversationId) -> MessageId {
        conversation.message(&Place::parse(&"0".repeat(24)).unwrap())
    }

    fn keys(conversation: &ConversationId) -> [ObjectKey; 3] {
        let message = message(conversation);
        [bucket::file_key(&message, 0), bucket::preview_key(&message, 0), bucket::avatar_key(conversation)]
    }
}
