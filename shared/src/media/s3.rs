//! Amazon S3 behind the [`Bucket`] port.
//!
//! Requests are signed by `rusty-s3`; the SDK's client for S3, of which this would use a twentieth, is 0.8 MB of a package
//! (docs/adr/0013).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient, SharedInterceptor, timeout::TimeoutConfig};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use bytes::Bytes;
use http::{StatusCode, header};
use instant_xml::FromXml;
use rusty_s3::{
    Bucket as Place, Credentials as Keys, S3Action, UrlStyle,
    actions::{DeleteObjects, DeleteObjectsResponse, ListObjectsV2, ObjectIdentifier},
};
use url::Url;

use super::bucket::{Bucket, BucketError, ObjectHeaders, ObjectInfo, Prefix};
use crate::{
    aws::{
        self,
        sender::{Answer, SendError, Sender, Service},
    },
    config::ConfigError,
    model::content::ObjectKey,
};

const PUT: &str = "store an object";
const GET: &str = "get an object";
const HEAD: &str = "look at an object";
const LINK: &str = "make an address";
const UPLOAD: &str = "make an address to upload to";
const DELETE: &str = "delete objects";

/// How long one try may take, the file up or down included: the largest goes in seconds within a region.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long all tries may take.
const TIMEOUT: Duration = Duration::from_secs(45);
/// How long a request's signature is good: what S3 bears between its own clock and another's (Amazon S3, "Authenticating requests"). Such
/// an address is given to nobody.
const SIGNED_FOR: Duration = Duration::from_mins(15);
/// The code of a missing object (Amazon S3, "Error responses"). A missing bucket has another.
const NO_SUCH_KEY: &str = "NoSuchKey";
const NOT_FOUND: u16 = 404;

/// A bucket of S3. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    place: Arc<Place>,
    keys: Arc<Keys>,
    sender: Sender,
    /// Shows requests to whoever watches, if somebody does, and sends nothing.
    show: Option<Sender>,
}

/// Amazon S3, "Error responses".
#[derive(FromXml)]
#[xml(rename = "Error")]
struct ErrorBody {
    #[xml(rename = "Code")]
    code: String,
}

/// An answer that is not what S3 describes.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered something that cannot be read")]
struct Unreadable;

/// Some objects of a batch were not deleted.
#[derive(Debug, thiserror::Error)]
#[error("{0} objects were not deleted")]
struct Left(usize);

impl S3Bucket {
    /// The bucket `name`; at `endpoint`, if that is not the region's own. Requests go by a connector that is shared with other clients,
    /// and pass by `watch`, if there is one.
    pub fn new(
        name: String,
        region: String,
        endpoint: Option<&str>,
        credentials: &Credentials,
        connector: SharedHttpClient,
        watch: Option<SharedInterceptor>,
    ) -> Result<Self, ConfigError> {
        // Another endpoint than Amazon's is seldom known under a name for each bucket.
        let (endpoint, style) = match endpoint {
            Some(endpoint) => (endpoint.to_owned(), UrlStyle::Path),
            None => (aws::endpoint("s3", &region), UrlStyle::VirtualHost),
        };
        let no_address = |_| ConfigError::Invalid { name: "AWS_ENDPOINT_URL_S3", expected: "an address" };
        let endpoint = Url::parse(&endpoint).map_err(no_address)?;
        let no_name = |_| ConfigError::Invalid { name: "MEDIA_BUCKET", expected: "the name of a bucket" };
        let place = Place::new(endpoint, style, name, region).map_err(no_name)?;
        let (key, secret) = (credentials.access_key_id(), credentials.secret_access_key());
        let keys = match credentials.session_token() {
            Some(token) => Keys::new_with_token(key, secret, token),
            None => Keys::new(key, secret),
        };
        let show =
            watch.clone().map(|watch| sender(&place, http_client_fn(|_, _| SharedHttpConnector::new(Nowhere)), Some(watch)));
        let sender = sender(&place, connector, watch);
        Ok(Self { place: Arc::new(place), keys: Arc::new(keys), sender, show })
    }

    /// A request for what `action` says, signed as of now by the machine's clock, which is the one that S3 compares with its own.
    fn request<'a, A: S3Action<'a>>(action: &A) -> http::request::Builder {
        http::Request::builder().method(A::METHOD.to_str()).uri(action.sign(SIGNED_FOR).as_str())
    }

    /// An address by which somebody else may do what `action` says. It is good for what the role may do, so a watcher sees it too.
    async fn address<'a, A: S3Action<'a>>(
        &self,
        operation: &'static str,
        action: &A,
        lifetime: Duration,
    ) -> Result<String, BucketError> {
        if let Some(show) = &self.show {
            Self::pass(show, operation, Self::request(action), SdkBody::empty()).await?;
        }
        Ok(action.sign(lifetime).into())
    }

    /// Sends a request, several times if need be. None if there is no such object.
    async fn ask(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: impl Into<SdkBody>,
    ) -> Result<Option<Answer>, BucketError> {
        Self::pass(&self.sender, operation, request, body).await
    }

    async fn pass(
        sender: &Sender,
        operation: &'static str,
        request: http::request::Builder,
        body: impl Into<SdkBody>,
    ) -> Result<Option<Answer>, BucketError> {
        match sender.send(request, body).await {
            Ok(answer) => Ok(Some(answer)),
            Err(SendError::Refused(refused)) if refused.code() == NO_SUCH_KEY => Ok(None),
            Err(error) => Err(other(operation, error)),
        }
    }

    /// The same of what cannot be missing.
    async fn must(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: impl Into<SdkBody>,
    ) -> Result<Answer, BucketError> {
        self.ask(operation, request, body).await?.ok_or_else(|| other(operation, Unreadable))
    }

    /// The names of the first thousand objects under `prefix`.
    async fn list(&self, prefix: &Prefix) -> Result<Vec<ObjectIdentifier>, BucketError> {
        let mut list = self.place.list_objects_v2(Some(&self.keys));
        list.with_prefix(prefix.as_str());
        let answer = self.must(DELETE, Self::request(&list), SdkBody::empty()).await?;
        let list = ListObjectsV2::parse_response(&text(DELETE, answer.body).await?).map_err(|_| other(DELETE, Unreadable))?;
        Ok(list.contents.into_iter().map(|object| ObjectIdentifier::new(object.key)).collect())
    }

    async fn delete(&self, objects: &[ObjectIdentifier]) -> Result<(), BucketError> {
        let mut delete = DeleteObjects::new(&self.place, Some(&self.keys), objects.iter());
        delete.set_quiet(true);
        let (body, digest) = delete.clone().body_with_md5();
        // Amazon's S3, unlike others, takes it from the signed headers alone.
        delete.headers_mut().insert("content-md5", digest.clone());
        let answer = self.must(DELETE, Self::request(&delete).header("content-md5", digest), body).await?;
        let done = DeleteObjectsResponse::parse(&text(DELETE, answer.body).await?).map_err(|_| other(DELETE, Unreadable))?;
        match done.errors.len() {
            0 => Ok(()),
            left => Err(other(DELETE, Left(left))),
        }
    }
}

/// Says yes to everything.
#[derive(Debug)]
struct Nowhere;

impl HttpConnector for Nowhere {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::OK.into(), SdkBody::empty())))
    }
}

/// What sends requests to `place`. They are signed before.
fn sender(place: &Place, client: SharedHttpClient, watch: Option<SharedInterceptor>) -> Sender {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(TIMEOUT).build();
    // Requests bring the path, which has the bucket where the host has not.
    let origin = &place.base_url().origin().ascii_serialization();
    Sender::of_signed(Service { name: "S3", origin, code, timeouts }, client, watch)
}

/// Why S3 refused. Where nothing is said, as in answers to HEAD, 404 means that there is no such object.
fn code(status: u16, body: &[u8]) -> String {
    if body.is_empty() {
        return if status == NOT_FOUND { NO_SUCH_KEY.to_owned() } else { String::new() };
    }
    let said = std::str::from_utf8(body).ok().and_then(|body| instant_xml::from_str(body).ok());
    said.map_or_else(String::new, |ErrorBody { code }| code)
}

fn other(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> BucketError {
    BucketError { operation, source: Box::new(source) }
}

async fn collect(operation: &'static str, body: SdkBody) -> Result<Bytes, BucketError> {
    Ok(ByteStream::new(body).collect().await.map_err(|error| other(operation, error))?.into_bytes())
}

async fn text(operation: &'static str, body: SdkBody) -> Result<String, BucketError> {
    String::from_utf8(collect(operation, body).await?.into()).map_err(|_| other(operation, Unreadable))
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn put(&self, key: &ObjectKey, bytes: Bytes, headers: &ObjectHeaders) -> Result<(), BucketError> {
        let mut put = self.place.put_object(Some(&self.keys), &key.0);
        put.headers_mut().insert("content-type", headers.mime.as_str());
        put.headers_mut().insert("content-disposition", headers.disposition.as_str());
        let request = Self::request(&put)
            .header(header::CONTENT_TYPE, &headers.mime)
            .header(header::CONTENT_DISPOSITION, &headers.disposition)
            // Of an empty file nothing else would tell its size, and S3 wants to know.
            .header(header::CONTENT_LENGTH, bytes.len());
        self.must(PUT, request, bytes).await.map(drop)
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, BucketError> {
        let get = self.place.get_object(Some(&self.keys), &key.0);
        match self.ask(GET, Self::request(&get), SdkBody::empty()).await? {
            Some(answer) => collect(GET, answer.body).await.map(Some),
            None => Ok(None),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BucketError> {
        let head = self.place.head_object(Some(&self.keys), &key.0);
        let answer = self.ask(HEAD, Self::request(&head), SdkBody::empty()).await?;
        Ok(answer.map(|Answer { headers, .. }| {
            let said = |name: header::HeaderName| headers.get(name.as_str());
            ObjectInfo {
                headers: ObjectHeaders {
                    mime: said(header::CONTENT_TYPE).unwrap_or("application/octet-stream").to_owned(),
                    disposition: said(header::CONTENT_DISPOSITION).unwrap_or("attachment").to_owned(),
                },
                size: said(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0),
            }
        }))
    }

    async fn link(&self, key: &ObjectKey, lifetime: Duration) -> Result<String, BucketError> {
        self.address(LINK, &self.place.get_object(Some(&self.keys), &key.0), lifetime).await
    }

    async fn upload_link(&self, key: &ObjectKey, mime: &str, size: u64, lifetime: Duration) -> Result<String, BucketError> {
        let mut put = self.place.put_object(Some(&self.keys), &key.0);
        // The signature covers both, so S3 refuses another type or another size.
        put.headers_mut().insert("content-type", mime);
        put.headers_mut().insert("content-length", size.to_string());
        self.address(UPLOAD, &put, lifetime).await
    }

    async fn delete_under(&self, prefix: &Prefix) -> Result<(), BucketError> {
        // What was listed is gone afterwards, so the next list begins anew. A thousand at most, like one deletion.
        loop {
            match self.list(prefix).await?.as_slice() {
                [] => return Ok(()),
                objects => self.delete(objects).await?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use aws_sdk_dynamodb::{
        config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
        error::BoxError,
    };

    use super::*;
    use crate::{
        aws::{connector::shared_client, stand_in::StandIn},
        config::AwsRoots,
    };

    const KEY: &str = "files/secret-conversation/0";

    fn bucket(region: &str, endpoint: Option<&str>) -> S3Bucket {
        let credentials = Credentials::new("id", "secret", Some("token".to_owned()), None, "tests");
        S3Bucket::new("b".to_owned(), region.to_owned(), endpoint, &credentials, shared_client(AwsRoots::Amazon), None).unwrap()
    }

    /// A bucket that answers these one after the other.
    async fn answering(answers: &[(u16, &'static str)]) -> (S3Bucket, StandIn) {
        let s3 = StandIn::answering(answers).await;
        (bucket("us-east-1", Some(&s3.url)), s3)
    }

    fn query(url: &Url, name: &str) -> Option<String> {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    fn key() -> ObjectKey {
        ObjectKey(KEY.to_owned())
    }

    #[tokio::test]
    async fn what_s3_could_not_do_is_tried_again() {
        let (bucket, s3) = answering(&[
            (503, "<Error><Code>SlowDown</Code></Error>"),
            (400, "<Error><Code>RequestTimeout</Code></Error>"),
            (200, "hello"),
        ])
        .await;
        assert_eq!(bucket.get(&key()).await.unwrap(), Some(Bytes::from("hello")));
        assert_eq!(s3.requests().len(), 3);
    }

    #[tokio::test]
    async fn what_s3_refuses_is_told_by_its_code_alone() {
        let denied = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
            <Message>files/secret-conversation/0</Message><RequestId>1</RequestId></Error>";
        let (bucket, s3) = answering(&[(403, denied), (200, "")]).await;
        let error = bucket.put(&key(), Bytes::from("x"), &headers()).await.unwrap_err();
        let said = format!("{error}: {}, {error:?}", error.source().unwrap());
        assert!(said.starts_with("the bucket failed to store an object: S3 answered 403 AccessDenied"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert_eq!(s3.requests().len(), 1, "it would refuse it again");
    }

    #[tokio::test]
    async fn a_missing_object_is_none_and_a_missing_bucket_an_error() {
        let missing = |code| (404, code);
        let (bucket, _) = answering(&[
            missing("<Error><Code>NoSuchKey</Code></Error>"),
            missing("<Error><Code>NoSuchBucket</Code></Error>"),
            missing("<html>"),
            (204, ""),
        ])
        .await;
        assert_eq!(bucket.get(&key()).await.unwrap(), None);
        assert!(bucket.get(&key()).await.is_err());
        assert!(bucket.get(&key()).await.is_err());
        let list = bucket.delete_under(&Prefix::message(&message())).await.unwrap_err();
        assert_eq!(list.source().unwrap().to_string(), "S3 answered something that cannot be read");
    }

    /// What Amazon's S3 insists on and the embedded one does not.
    #[tokio::test]
    async fn requests_are_what_amazon_takes() {
        let listed = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EncodingType>url</EncodingType>\
            <IsTruncated>false</IsTruncated><Contents><Key>files/a+b</Key></Contents></ListBucketResult>";
        let deleted = "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></DeleteResult>";
        let nothing = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>false</IsTruncated>\
            </ListBucketResult>";
        let (bucket, s3) = answering(&[(200, ""), (200, listed), (200, deleted), (200, nothing)]).await;
        bucket.put(&key(), Bytes::new(), &headers()).await.unwrap();
        bucket.delete_under(&Prefix::message(&message())).await.unwrap();
        let requests = s3.requests();
        let [(put, _), _, (delete, _), _] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!((put.method.as_str(), put.uri.path()), ("PUT", format!("/b/{KEY}").as_str()));
        assert_eq!(put.headers["content-length"], "0", "else it says MissingContentLength");
        for (request, headers) in [(put, "content-disposition;content-type;host"), (delete, "content-md5;host")] {
            let url = Url::parse(&format!("http://h{}", request.uri)).unwrap();
            assert_eq!(query(&url, "X-Amz-SignedHeaders").as_deref(), Some(headers), "else it says AccessDenied");
            for name in headers.split(';') {
                assert!(request.headers.contains_key(name), "{name}");
            }
        }
    }

    /// Refuses everything.
    #[derive(Debug)]
    struct Strict;

    impl Intercept for Strict {
        fn name(&self) -> &'static str {
            "Strict"
        }

        fn read_before_transmit(
            &self,
            _: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            Err("not in the role".into())
        }
    }

    #[tokio::test]
    async fn an_address_is_given_out_for_what_the_role_may_do_alone() {
        let credentials = Credentials::new("id", "secret", None, None, "tests");
        let (connector, watch) = (shared_client(AwsRoots::Amazon), Some(SharedInterceptor::new(Strict)));
        let bucket = S3Bucket::new("b".to_owned(), "us-east-1".to_owned(), None, &credentials, connector, watch).unwrap();
        assert!(bucket.link(&key(), Duration::from_mins(5)).await.is_err());
        assert!(bucket.upload_link(&key(), "image/png", 1, Duration::from_mins(5)).await.is_err());
    }

    #[tokio::test]
    async fn addresses_are_the_regions_own() {
        for (region, host) in [
            ("eu-central-1", "b.s3.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "b.s3.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "b.s3.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "b.s3.eusc-de-east-1.amazonaws.eu"),
        ] {
            let link = bucket(region, None).link(&key(), Duration::from_mins(5)).await.unwrap();
            let url = Url::parse(&link).unwrap();
            assert_eq!((url.host_str(), url.path()), (Some(host), format!("/{KEY}").as_str()));
            assert_eq!(query(&url, "X-Amz-Expires").as_deref(), Some("300"));
            assert_eq!(query(&url, "X-Amz-Security-Token").as_deref(), Some("token"), "the role's credentials are temporary");
        }
        let none = S3Bucket::new(
            "b".to_owned(),
            "eu-central-1".to_owned(),
            Some("nowhere"),
            &Credentials::new("id", "secret", None, None, "tests"),
            shared_client(AwsRoots::Amazon),
            None,
        );
        assert!(none.is_err());
    }

    fn headers() -> ObjectHeaders {
        ObjectHeaders { mime: "image/png".to_owned(), disposition: "inline".to_owned() }
    }

    fn message() -> crate::model::ids::MessageId {
        crate::model::ids::ConversationId::new().message(&crate::model::ids::Place::parse(&"0".repeat(24)).unwrap())
    }
}
