//! `cargo run -p fuzz-targets -- seeds <folder>` writes each target's corpus into a folder of its name, as cargo-fuzz reads it.

use std::{fs, io, path::Path};

use fuzz_targets::TARGETS;

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some("seeds"), Some(folder)) = (words.next().as_deref(), words.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: fuzz-targets seeds <folder>"));
    };
    for target in TARGETS {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, input) in (target.corpus)().iter().enumerate() {
            fs::write(folder.join(format!("fixture-{number:03}")), input)?;
        }
    }
    Ok(())
}
