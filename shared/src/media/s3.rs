//! Amazon S3 behind the [`Bucket`] port.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Builder, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        SharedHttpClient, SharedInterceptor,
        timeout::{TimeoutConfig, TimeoutConfigBuilder},
    },
    error::SdkError,
    operation::get_object::GetObjectError,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{Delete, ObjectIdentifier},
};
use bytes::Bytes;

use super::bucket::{Bucket, BucketError, ObjectHeaders, ObjectInfo, Prefix};
use crate::model::content::ObjectKey;

const PUT: &str = "store an object";
const GET: &str = "get an object";
const HEAD: &str = "look at an object";
const LINK: &str = "make an address";
const UPLOAD: &str = "make an address to upload to";
const DELETE: &str = "delete objects";

/// How long one try may take: the largest file goes in seconds within a region.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long all tries may take.
const TIMEOUT: Duration = Duration::from_secs(45);

/// A bucket of S3. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    client: Client,
    name: String,
}

/// Some objects of a batch were not deleted.
#[derive(Debug, thiserror::Error)]
#[error("{0} objects were not deleted")]
struct Left(usize);

impl S3Bucket {
    /// The bucket `name`; at `endpoint`, if that is not the region's own.
    pub fn new(name: String, region: String, endpoint: Option<&str>, credentials: Credentials) -> Self {
        Self::build(name, region, endpoint, Config::builder().credentials_provider(credentials))
    }

    /// The same, by a connector that is shared with other clients, and with every request passing by `watch`, if there is one.
    pub fn connected(
        name: String,
        region: String,
        endpoint: Option<&str>,
        credentials: Credentials,
        connector: SharedHttpClient,
        watch: Option<SharedInterceptor>,
    ) -> Self {
        let mut config = Config::builder().credentials_provider(credentials).http_client(connector);
        if let Some(watch) = watch {
            config.push_interceptor(watch);
        }
        Self::build(name, region, endpoint, config)
    }

    fn build(name: String, region: String, endpoint: Option<&str>, config: Builder) -> Self {
        let mut config = config
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .timeout_config(timeouts().build())
            // A presigned address would ask every browser to say that it wants a checksum.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            // An address to upload to would be signed with the checksum of nothing.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self { client: Client::from_conf(config.build()), name }
    }
}

fn timeouts() -> TimeoutConfigBuilder {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(TIMEOUT)
}

/// The client gave up. Its own error is kept without the raw response.
fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> BucketError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| BucketError {
        operation,
        source: error.into_source().unwrap_or_else(|_| "the bucket's client gave no reason".into()),
    }
}

fn other(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> BucketError {
    BucketError { operation, source: Box::new(source) }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn put(&self, key: &ObjectKey, bytes: Bytes, headers: &ObjectHeaders) -> Result<(), BucketError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(&key.0)
            .content_type(&headers.mime)
            .content_disposition(&headers.disposition)
            .body(ByteStream::from(bytes));
        put.send().await.map(drop).map_err(failed(PUT))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, BucketError> {
        match self.client.get_object().bucket(&self.name).key(&key.0).send().await {
            Ok(object) => Ok(Some(object.body.collect().await.map_err(|error| other(GET, error))?.into_bytes())),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(failed(GET)(error)),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BucketError> {
        match self.client.head_object().bucket(&self.name).key(&key.0).send().await {
            Ok(object) => Ok(Some(ObjectInfo {
                headers: ObjectHeaders {
                    mime: object.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                    disposition: object.content_disposition.unwrap_or_else(|| "attachment".to_owned()),
                },
                size: object.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0),
            })),
            // An answer to HEAD has no body to name the error: 404 alone says it.
            Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 404) => Ok(None),
            Err(error) => Err(failed(HEAD)(error)),
        }
    }

    async fn link(&self, key: &ObjectKey, lifetime: Duration) -> Result<String, BucketError> {
        let config = PresigningConfig::expires_in(lifetime).map_err(|error| other(LINK, error))?;
        let request = self.client.get_object().bucket(&self.name).key(&key.0).presigned(config);
        Ok(request.await.map_err(failed(LINK))?.uri().to_owned())
    }

    async fn upload_link(&self, key: &ObjectKey, mime: &str, size: u64, lifetime: Duration) -> Result<String, BucketError> {
        let config = PresigningConfig::expires_in(lifetime).map_err(|error| other(UPLOAD, error))?;
        let size = i64::try_from(size).map_err(|error| other(UPLOAD, error))?;
        // Both become headers that the signature covers, so S3 refuses another type or another size.
        let put = self.client.put_object().bucket(&self.name).key(&key.0).content_type(mime).content_length(size);
        Ok(put.presigned(config).await.map_err(failed(UPLOAD))?.uri().to_owned())
    }

    async fn delete_under(&self, prefix: &Prefix) -> Result<(), BucketError> {
        // What was listed is gone afterwards, so the next list begins anew. A thousand at most, like one deletion.
        loop {
            let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix.as_str());
            let found = list.send().await.map_err(failed(DELETE))?.contents.unwrap_or_default();
            let objects = found
                .into_iter()
                .filter_map(|object| object.key)
                .map(|key| ObjectIdentifier::builder().key(key).build())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| other(DELETE, error))?;
            if objects.is_empty() {
                return Ok(());
            }
            let delete =
                Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(|error| other(DELETE, error))?;
            let answer = self.client.delete_objects().bucket(&self.name).delete(delete).send().await.map_err(failed(DELETE))?;
            match answer.errors.unwrap_or_default().len() {
                0 => {}
                left => return Err(other(DELETE, Left(left))),
            }
        }
    }
}
