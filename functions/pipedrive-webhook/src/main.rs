//! Starts the function.

use pipedrive_webhook::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::start::http(Function::new).await
}
