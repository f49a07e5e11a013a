//! One connector for all of a function's clients of AWS: its TLS configuration is made once, when the first request needs it.
//!
//! Each client of the SDK would make one for itself, and another at its own start to see that it can: each reads and parses all of
//! the system's root certificates, most of what a start took (docs/performance.md).

use std::sync::OnceLock;

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{SharedHttpClient, SharedHttpConnector, http_client_fn},
    runtime_components::RuntimeComponents,
};

use crate::config::AwsRoots;

/// Amazon's certificate authorities.
const AMAZON: &str = include_str!("amazon.pem");

/// A client with one connector, made at the first request. The time limit for connecting is that of whoever asks first, so clients
/// that share it have the same. It knows no proxies: there is none on the way from a function to AWS.
pub(crate) fn shared_client(roots: AwsRoots) -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |settings, components: &RuntimeComponents| {
        let connect = || {
            let mut builder = Connector::builder().connector_settings(settings.clone());
            builder.set_sleep_impl(components.sleep_impl());
            let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls(roots));
            SharedHttpConnector::new(builder.build())
        };
        connector.get_or_init(connect).clone()
    })
}

#[expect(clippy::expect_used, reason = "start-up: the certificates are part of the binary")]
fn tls(roots: AwsRoots) -> TlsContext {
    let believed = match roots {
        AwsRoots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON),
        AwsRoots::System => TrustStore::default(),
    };
    TlsContext::builder().with_trust_store(believed).build().expect("a trust store makes a context")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    /// Amazon Trust Services Repository, "Root CAs", SHA-256 of each certificate.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn amazons_authorities_are_the_ones_that_it_publishes() {
        let found: Vec<String> = AMAZON
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1)
            .map(|part| part.split("-----END").next().unwrap().split_whitespace().collect::<String>())
            .map(|base64| crate::hex::hex(digest(&SHA256, &STANDARD.decode(base64).unwrap()).as_ref()))
            .collect();
        assert_eq!(found, FINGERPRINTS);
    }

    #[test]
    fn a_connector_takes_either_kind() {
        for roots in [AwsRoots::Amazon, AwsRoots::System] {
            let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls(roots));
            drop(builder.build());
        }
    }
}
