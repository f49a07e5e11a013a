//! What functions weigh as they are deployed, for ceilings that tests hold.

use std::fs;

use super::{build, size};
use crate::{error::BenchError, progress::Progress};

/// A function's release binary.
pub struct Weighed {
    /// The function.
    pub name: String,
    /// Bytes of the package that is deployed.
    pub packed: f64,
    /// The binary itself.
    pub binary: Vec<u8>,
}

impl Weighed {
    /// Whether the binary has this text in it.
    pub fn has(&self, text: &str) -> bool {
        self.binary.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Builds functions together and weighs them.
pub async fn weigh(functions: &[&str]) -> Result<Vec<Weighed>, BenchError> {
    let names: Vec<String> = functions.iter().map(|name| (*name).to_owned()).collect();
    let binaries = build::build(&names, &Progress::of("functions: build", names.len())).await?;
    let weighed = binaries.iter().map(|built| {
        let binary = fs::read(&built.path).map_err(BenchError::failed(format!("read {}", built.path.display())))?;
        Ok(Weighed { name: built.name.clone(), packed: size(built)?.packed, binary })
    });
    weighed.collect()
}
