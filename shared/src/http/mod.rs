//! The edge: how requests become use-case calls, and the one place where errors become responses.
//!
//! [`basic`], [`session`] and [`state`] say who is asking; [`request`] and [`form`] read what they ask; [`response`],
//! [`page`] and [`error`] are everything that leaves. [`outside`] guards calls to addresses that users enter. [`v2`] is all
//! of this for the contacts and deals API, which has an error schema of its own.

pub mod basic;
pub mod client;
pub mod error;
pub mod file_links;
pub mod form;
pub mod number;
pub mod outside;
pub mod page;
pub mod public_url;
pub mod request;
pub mod response;
pub mod session;
pub mod state;
pub mod v2;

use async_trait::async_trait;

/// A request as API Gateway passes it on, path parameters and request context in its extensions.
pub type Request = lambda_http::Request;
/// A response for it.
pub type Response = lambda_http::Response<lambda_http::Body>;

/// A function behind the HttpApi. Lambda, `local` and the tests all call it through this.
#[async_trait]
pub trait HttpFunction: Send + Sync {
    /// Answers one request. Every error becomes a response here.
    async fn call(&self, request: Request) -> Response;
}
