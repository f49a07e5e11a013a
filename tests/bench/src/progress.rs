//! How far it is: a bar where there is a terminal, lines where there is none.

use std::cell::Cell;

use indicatif::{ProgressBar, ProgressStyle};

/// A part of the run.
pub struct Progress {
    bar: ProgressBar,
    name: String,
    tenths: Cell<u64>,
}

impl Progress {
    /// One of `steps` steps.
    pub fn of(name: &str, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let style = ProgressStyle::with_template("{prefix:28} {bar:30} {percent:>3} %  {elapsed_precise}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name.to_owned());
        if bar.is_hidden() {
            println!("{name} …");
        }
        Self { bar, name: name.to_owned(), tenths: Cell::new(0) }
    }

    /// The next step begins.
    pub fn at(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// A step is done.
    pub fn done(&self) {
        self.bar.inc(1);
        let tenths = self.bar.position() * 10 / self.bar.length().unwrap_or(1).max(1);
        if self.bar.is_hidden() && tenths > self.tenths.get() {
            self.tenths.set(tenths);
            println!("{} {tenths}0 %", self.name);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.set_message(String::new());
        self.bar.abandon();
    }
}
