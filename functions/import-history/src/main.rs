//! Starts the function.

use import_history::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::start::schedule(Function::new).await
}
