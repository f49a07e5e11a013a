//! Starts the function.

use fetch_media::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::start::stream(Function::new).await
}
