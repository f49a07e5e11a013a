//! All of AWS that the bundle uses behind one address, as `AWS_ENDPOINT_URL` wants it: for functions in containers and for the
//! operator's tool. In this process everything has an address of its own.

use std::{io, net::Ipv4Addr, time::Duration};

use axum::{Router, body::Body, extract::State, response::Response};
use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use tokio::{net::TcpListener, task::JoinHandle};

/// Largest request that is passed on: a file that a function puts into the bucket.
const MOST: usize = 110 * 1024 * 1024;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Headers of one connection, which are not passed on to the next.
const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// Where the services are.
#[derive(Debug, Clone)]
pub struct Services {
    /// The table.
    pub dynamodb: String,
    /// The secret.
    pub secrets: String,
    /// The bucket.
    pub s3: String,
}

#[derive(Clone)]
struct Door {
    services: Services,
    client: reqwest::Client,
}

/// Opens the door at `port` of 127.0.0.1; 0 takes a free one. Its address, and the task that keeps it open.
pub async fn serve(port: u16, services: Services) -> io::Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(io::Error::other)?;
    let router = Router::new().fallback(answer).with_state(Door { services, client });
    let task = tokio::spawn(async move {
        if let Err(problem) = axum::serve(listener, router).await {
            tracing::error!(%problem, "the door to the embedded AWS closed");
        }
    });
    Ok((url, task))
}

async fn answer(State(door): State<Door>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let passed = async {
        let body = axum::body::to_bytes(body, MOST).await.map_err(io::Error::other)?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", door.services.of(&parts));
        // The name under which the request came is signed, so it stays.
        let request = door.client.request(parts.method.clone(), url).headers(without_connection(&parts.headers)).body(body);
        // Addresses of S3 are signed.
        let unsigned = |problem: reqwest::Error| io::Error::other(problem.without_url());
        let answer = request.send().await.map_err(unsigned)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = without_connection(answer.headers());
        *response.body_mut() = Body::from(answer.bytes().await.map_err(unsigned)?);
        Ok::<_, io::Error>(response)
    };
    passed.await.unwrap_or_else(|problem| {
        tracing::error!(%problem, "a request to the embedded AWS was not passed on");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

fn without_connection(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}

impl Services {
    /// Which one a request is for: S3's alone do not name an action.
    fn of(&self, request: &Parts) -> &str {
        match request.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
            Some(target) if target.starts_with("DynamoDB") => &self.dynamodb,
            Some(_) => &self.secrets,
            None => &self.s3,
        }
    }
}
