//! `doctor`: looks at a stack from inside and from outside, and says what is wrong with it and what to do about that. Changes nothing,
//! but that tokens which are due are renewed, as any use of them would.

mod inside;
mod outside;

use std::io::Write;

use clap::Args;
use shared::{environment::Environment, model::installation::InstallationState};

use crate::{OpsError, terminal::Terminal};

/// Where to look.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The bundle's address, output `BaseUrl` of the stack. Without it: `PUBLIC_URL`, or what an installation has noted
    #[arg(long)]
    url: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is as it should be.
    pub fine: Vec<String>,
    /// What is not, with what to do.
    pub faults: Vec<Fault>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, as a sentence.
    pub problem: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

impl Report {
    fn fine(&mut self, what: impl Into<String>) {
        self.fine.push(what.into());
    }

    fn fault(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push(Fault { problem: problem.into(), remedy: remedy.into() });
    }
}

/// Looks at everything.
pub async fn examine(environment: &Environment, url: Option<&str>) -> Report {
    let mut report = Report::default();
    let secrets = inside::secret(environment, &mut report).await;
    let everyone = inside::everyone(environment, &mut report).await;
    if let Some(everyone) = &everyone {
        inside::work(environment, everyone, &mut report).await;
        if let Some(secrets) = &secrets {
            inside::installations(environment, everyone, &mut report).await;
            inside::watches(environment, secrets, everyone, &mut report);
            inside::channels(environment, secrets, everyone, &mut report).await;
        }
    }
    let mut installations = everyone.map(|everyone| everyone.installations).unwrap_or_default().into_iter();
    let noted = installations.find(|found| found.state == InstallationState::Connected).map(|noted| noted.public_url);
    match url.map(str::to_owned).or_else(|| environment.config.public_url.clone()).or(noted) {
        Some(url) => outside::door(url.trim_end_matches('/'), secrets.as_deref(), &mut report).await,
        None => report.fault("The bundle's address is not known.", "Call the doctor with --url and the stack's output BaseUrl."),
    }
    report
}

/// Runs the command. Every fault is one line, with what to do under it; a stack without faults ends well.
pub async fn run<O: Write, E: Write>(
    arguments: Arguments,
    environment: &Environment,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    let Report { fine, faults } = examine(environment, arguments.url.as_deref()).await;
    for what in fine {
        terminal.line(&format!("fine   {what}"))?;
    }
    for Fault { problem, remedy } in &faults {
        terminal.line(&format!("FAULT  {problem}"))?;
        terminal.line(&format!("       {remedy}"))?;
    }
    match faults.len() {
        0 => Ok(terminal.progress("nothing is wrong")?),
        1 => Err(OpsError::Partly("1 fault".to_owned())),
        many => Err(OpsError::Partly(format!("{many} faults"))),
    }
}
