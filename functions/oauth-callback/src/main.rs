//! Starts the function.

use oauth_callback::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::start::http(Function::new).await
}
