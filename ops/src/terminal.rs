//! Where a command writes: results for programs and people, and how it goes for people alone.

use std::io::{self, Write};

use serde::Serialize;

/// Standard output and standard error, or what stands for them in tests.
#[derive(Debug)]
pub struct Terminal<O, E> {
    out: O,
    err: E,
}

impl<O: Write, E: Write> Terminal<O, E> {
    /// One that writes there.
    pub fn new(out: O, err: E) -> Self {
        Self { out, err }
    }

    /// A result: one JSON object on a line of its own.
    pub fn result<T: Serialize>(&mut self, result: &T) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, result)?;
        writeln!(self.out)
    }

    /// A result for people: one line.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// How it goes.
    pub fn progress(&mut self, said: &str) -> io::Result<()> {
        writeln!(self.err, "{said}")
    }
}
