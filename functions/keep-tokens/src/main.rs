//! Starts the function.

use keep_tokens::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::start::schedule(Function::new).await
}
