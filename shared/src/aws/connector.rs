//! One connector for all of a function's clients of AWS: its TLS configuration is made once, when the first request needs it.
//!
//! Each client of the SDK would make one for itself, and another at its own start to see that it can: each reads and parses all of
//! the system's root certificates, most of what a start took. The SDK's own connector also brings HTTP/2 and proxies, which nothing on
//! the way from a function to AWS speaks (docs/adr/0014).

use std::{
    error::Error,
    fmt::Debug,
    iter::successors,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    connection::{CaptureSmithyConnection, ConnectionMetadata},
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{
        Client, Error as ClientError,
        connect::{CaptureConnection, Connect, HttpConnector as Tcp, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tower::{
    timeout::{Timeout, error::Elapsed},
    util::MapFuture,
};

use crate::config::AwsRoots;

/// Amazon's certificate authorities, as it publishes them (Amazon Trust Services Repository, "Root CAs", DER; AWS Knowledge Center:
/// applications should trust all five).
const AMAZON: [&[u8]; 5] = [
    include_bytes!("amazon/AmazonRootCA1.cer"),
    include_bytes!("amazon/AmazonRootCA2.cer"),
    include_bytes!("amazon/AmazonRootCA3.cer"),
    include_bytes!("amazon/AmazonRootCA4.cer"),
    include_bytes!("amazon/SFSRootCAG2.cer"),
];
/// How long a connection may take to come about, with the address of a name and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client with one connector, made at the first request. A connection may take a second to come about, whatever a client's own
/// settings say of that and of reading; their limits for tries and operations hold. It knows no proxies: there is none on the way
/// from a function to AWS.
pub fn shared_client(roots: AwsRoots) -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |_, _| connector.get_or_init(|| connect(tls(believed(roots)), CONNECT_TIMEOUT)).clone())
}

fn connect(tls: ClientConfig, limit: Duration) -> SharedHttpConnector {
    let mut tcp = Tcp::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let way = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    // hyper wants a future that can be moved.
    let way = MapFuture::new(Timeout::new(way, limit), Box::pin);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(way);
    SharedHttpConnector::new(Connections(client))
}

#[expect(clippy::expect_used, reason = "start-up: the certificates are part of the binary")]
fn believed(roots: AwsRoots) -> RootCertStore {
    let mut believed = RootCertStore::empty();
    match roots {
        AwsRoots::Amazon => {
            for certificate in AMAZON {
                believed.add(CertificateDer::from_slice(certificate)).expect("an authority of Amazon's");
            }
        }
        AwsRoots::System => {
            let (added, _) = believed.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                tracing::warn!("this machine has no certificate authorities: nobody who speaks TLS is believed");
            }
        }
    }
    believed
}

#[expect(clippy::expect_used, reason = "start-up: the cryptography is part of the binary")]
fn tls(believed: RootCertStore) -> ClientConfig {
    let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(cryptography).with_safe_default_protocol_versions();
    versions.expect("versions of TLS that AWS-LC speaks").with_root_certificates(believed).with_no_client_auth()
}

/// Connections to AWS, kept for the requests to come.
#[derive(Debug)]
struct Connections<C>(Client<C, SdkBody>);

impl<C: Connect + Clone + Debug + Send + Sync + 'static> HttpConnector for Connections<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let taken = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || Some(given_up_on_demand(taken.clone())));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// How the SDK has a connection closed on which a request failed.
fn given_up_on_demand(taken: CaptureConnection) -> ConnectionMetadata {
    let give_up = move || {
        if let Some(connection) = taken.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(give_up).build()
}

/// Whatever is lost on the way is tried again: requests are such as may come twice, since an answer may be lost too.
fn failure(error: ClientError) -> ConnectorError {
    let first: &(dyn Error + 'static) = &error;
    if successors(Some(first), |&error| error.source()).any(<dyn Error>::is::<Elapsed>) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use aws_lc_rs::digest::{SHA256, digest};
    use aws_smithy_types::byte_stream::ByteStream;
    use axum::{Router, extract::ConnectInfo};
    use bytes::Bytes;
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

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
        assert_eq!(AMAZON.map(|certificate| crate::hex::hex(digest(&SHA256, certificate).as_ref())), FINGERPRINTS);
    }

    const LONG: Duration = Duration::from_secs(10);

    fn amazon(limit: Duration) -> SharedHttpConnector {
        connect(tls(believed(AwsRoots::Amazon)), limit)
    }

    async fn ask(connector: &SharedHttpConnector, address: &str) -> Result<Bytes, ConnectorError> {
        ask_on(connector, address, &CaptureSmithyConnection::new()).await
    }

    async fn ask_on(
        connector: &SharedHttpConnector,
        address: &str,
        capture: &CaptureSmithyConnection,
    ) -> Result<Bytes, ConnectorError> {
        let request = http::Request::get(address).extension(capture.clone()).body(SdkBody::from("")).unwrap();
        let answer = connector.call(HttpRequest::try_from(request).unwrap()).await?;
        Ok(ByteStream::new(answer.into_body()).collect().await.unwrap().into_bytes())
    }

    #[tokio::test]
    async fn requests_share_a_connection_until_the_sdk_gives_it_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        // Says the port that somebody asks from.
        let from = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.port().to_string() };
        let router = Router::new().fallback(from).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (connector, capture) = (amazon(LONG), CaptureSmithyConnection::new());
        let ask = async || ask_on(&connector, &address, &capture).await.unwrap();
        let first = ask().await;
        assert_eq!(ask().await, first);
        capture.get().unwrap().poison();
        assert_ne!(ask().await, first);
    }

    #[tokio::test]
    async fn who_says_nothing_is_a_timeout_and_who_is_not_there_a_lost_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // It is connected, and nobody says a word of TLS.
        let error = ask(&amazon(Duration::from_millis(50)), &format!("https://localhost:{port}/")).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        drop(listener);
        let error = ask(&amazon(LONG), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }

    /// Somebody who calls himself localhost, and says by which protocol he was asked. His certificate and his port.
    async fn somebody() -> (CertificateDer<'static>, u16) {
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(cryptography).with_safe_default_protocol_versions().unwrap();
        let mut server = server.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut asked = vec![0; 4096];
                let read = stream.read(&mut asked).await.unwrap();
                let asked = String::from_utf8_lossy(&asked[..read]).lines().next().unwrap_or_default().to_owned();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{asked}", asked.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        (certificate, port)
    }

    #[tokio::test]
    async fn who_is_certified_by_an_authority_is_believed_and_nobody_else() {
        let (certificate, port) = somebody().await;
        let mut authorities = RootCertStore::empty();
        authorities.add(certificate).unwrap();
        let knows_him = connect(tls(authorities), LONG);
        assert_eq!(ask(&knows_him, &format!("https://localhost:{port}/a")).await.unwrap(), "GET /a HTTP/1.1");
        for (connector, name) in [(&knows_him, "127.0.0.1"), (&amazon(LONG), "localhost")] {
            let error = ask(connector, &format!("https://{name}:{port}/a")).await.unwrap_err();
            let why = crate::telemetry::chain(&error);
            assert!(why.contains("invalid peer certificate"), "{name}: {why}");
        }
    }
}
