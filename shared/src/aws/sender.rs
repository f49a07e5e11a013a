//! Sends requests to a service of AWS by the SDK's own runtime, which its clients are made of: time limits, repetitions, signatures
//! and watchers are as theirs. A package has those of the service's operations that it uses, and not the hundred others.

use std::fmt;

use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
    service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor},
};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, IdentityCache, Layer, Region, RuntimeComponentsBuilder, SharedCredentialsProvider,
    SharedHttpClient, SharedInterceptor, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::{Operation, OperationBuilder},
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
    stalled_stream_protection::StalledStreamProtectionInterceptor,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{AuthSchemeOptionResolverParams, static_resolver::StaticAuthSchemeOptionResolver},
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput},
        runtime_plugin::StaticRuntimePlugin,
    },
    http::Headers,
};
use aws_smithy_types::{
    body::SdkBody,
    error::{ErrorMetadata, metadata::ProvideErrorMetadata},
};
use aws_types::{SigningName, region::SigningRegion};

/// A service, and how it is asked.
pub(crate) struct Service<'a> {
    /// As errors name it.
    pub(crate) name: &'static str,
    /// Where it is. Requests bring their paths.
    pub(crate) origin: &'a str,
    /// Reads the code of an error from an answer's status and body.
    pub(crate) code: fn(u16, &[u8]) -> String,
    /// How long its answers may take.
    pub(crate) timeouts: TimeoutConfig,
}

/// Who signs, for what.
pub(crate) struct Signer {
    /// The role's.
    pub(crate) credentials: Credentials,
    /// Where the service is asked.
    pub(crate) region: String,
    /// The service's name in signatures.
    pub(crate) service: &'static str,
}

/// What a service says to what it did.
pub(crate) struct Answer {
    pub(crate) headers: Headers,
    pub(crate) body: SdkBody,
}

/// The SDK's runtime traces answers, and this one may be the secret, or a customer's file.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// A service did not do it. Its message may name what must not be logged, so that its code alone is kept.
#[derive(Debug, thiserror::Error)]
#[error("{service} answered {status} {}", self.code())]
pub(crate) struct Refused {
    service: &'static str,
    status: u16,
    error: ErrorMetadata,
}

impl Refused {
    /// The error's code, which is empty if there was none.
    pub(crate) fn code(&self) -> &str {
        self.error.code().unwrap_or_default()
    }
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.error
    }
}

/// Why there is no answer, after all tries.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Refused(Refused),
    /// Nothing was heard of it, or it was not sent.
    #[error(transparent)]
    Lost(BoxError),
}

/// The body of an answer can't be kept.
#[derive(Debug, thiserror::Error)]
#[error("an answer that is not in memory")]
struct NotInMemory;

/// Sends requests to one service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sender(Operation<HttpRequest, Answer, Refused>);

impl Sender {
    /// Sends what is signed already.
    pub(crate) fn of_signed(service: Service<'_>, client: SharedHttpClient, watch: Option<SharedInterceptor>) -> Self {
        Self(operation(service, client, watch).no_auth().build())
    }

    /// Signs each try before it is sent.
    pub(crate) fn signing(service: Service<'_>, by: Signer, client: SharedHttpClient, watch: Option<SharedInterceptor>) -> Self {
        Self(operation(service, client, watch).runtime_plugin(signatures(by)).build())
    }

    /// Sends a request, several times if need be.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<SdkBody>) -> Result<Answer, SendError> {
        let request = request.body(body.into()).map_err(|error| SendError::Lost(error.into()))?;
        let request = HttpRequest::try_from(request).map_err(|error| SendError::Lost(error.into()))?;
        // Errors of the runtime's have the raw answer, which is left out.
        self.0.invoke(request).await.map_err(|error| match error.into_source() {
            Ok(source) => match source.downcast() {
                Ok(refused) => SendError::Refused(*refused),
                Err(source) => SendError::Lost(source),
            },
            Err(_) => SendError::Lost("the SDK's runtime gave no reason".into()),
        })
    }
}

fn operation(
    service: Service<'_>,
    client: SharedHttpClient,
    watch: Option<SharedInterceptor>,
) -> OperationBuilder<HttpRequest, Answer, Refused> {
    let Service { name, origin, code, timeouts } = service;
    let mut unlogged = Layer::new("unlogged");
    unlogged.store_put(SensitiveOutput);
    let mut operation = Operation::builder()
        .service_name(name)
        .operation_name("request")
        .behavior_version(BehaviorVersion::latest())
        .http_client(client)
        .endpoint_url(origin)
        .standard_retry(&RetryConfig::standard())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .with_connection_poisoning()
        .interceptor(StalledStreamProtectionInterceptor::default())
        .timeout_config(timeouts)
        .runtime_plugin(StaticRuntimePlugin::new().with_config(unlogged.freeze()));
    if let Some(watch) = watch {
        operation = operation.interceptor(watch);
    }
    operation.serializer(Ok).deserializer(move |response| read(name, code, response))
}

fn signatures(by: Signer) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signatures");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(by.region))),
        name: Some(SigningName::from_static(by.service)),
        ..SigV4OperationSigningConfig::default()
    });
    let components = RuntimeComponentsBuilder::new("signatures")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<Refused>::new())
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_identity_resolver(SCHEME_ID, SharedCredentialsProvider::new(by.credentials));
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

fn read(
    service: &'static str,
    code: fn(u16, &[u8]) -> String,
    response: &HttpResponse,
) -> Result<Answer, OrchestratorError<Refused>> {
    let status = response.status();
    if !status.is_success() {
        let status = status.as_u16();
        let code = code(status, response.body().bytes().unwrap_or_default());
        let error = ErrorMetadata::builder().code(code).build();
        return Err(OrchestratorError::operation(Refused { service, status, error }));
    }
    // It is in memory by now, and shared.
    let body = response.body().try_clone().ok_or_else(|| OrchestratorError::other(NotInMemory))?;
    Ok(Answer { headers: response.headers().clone(), body })
}
