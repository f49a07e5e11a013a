//! The command line, and what `--no-simulators` takes from the environment.

use std::path::PathBuf;

use shared::{config::DeliveryChoice, seal::Vault};

/// What `--help` prints.
pub const HELP: &str = "\
The whole bundle on this machine.

Usage: cargo run -p local -- [options]

  --port N            port on 127.0.0.1 (default 3000; 0 takes a free one)
  --data DIR          keep table and files in DIR (default: a temporary folder, removed at the end)
  --delivery MODE     auto, channels or records (default auto)
  --aws-port N        put table, secret and bucket behind one address on port N of 127.0.0.1, for AWS_ENDPOINT_URL of the
                      operator's tool and of functions in containers (access key and secret key: local)
  --no-simulators     talk to the real Pipedrive and providers, or whatever these variables name:
                      PIPEDRIVE_OAUTH_URL, PIPEDRIVE_API_URL, GRAPH_API_URL, TELEGRAM_API_URL, TWILIO_API_URL.
                      Needs PIPEDRIVE_CLIENT_ID, PIPEDRIVE_CLIENT_SECRET, META_APP_SECRET, META_VERIFY_TOKEN;
                      takes ENCRYPTION_KEY and PUBLIC_URL if they are there
  --help              this text
";

/// The command line makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An option that takes a value came without.
    #[error("{0} needs a value")]
    NoValue(&'static str),
    /// An option's value makes no sense.
    #[error("{name} is not {expected}")]
    Invalid {
        /// The option.
        name: &'static str,
        /// What its value should be.
        expected: &'static str,
    },
    /// There is no such option.
    #[error("unknown option {0}")]
    Unknown(String),
    /// A variable is not set that `--no-simulators` needs.
    #[error("--no-simulators needs the environment variable {0}")]
    MissingVariable(&'static str),
    /// `ENCRYPTION_KEY` is none.
    #[error("ENCRYPTION_KEY is not a key of 32 characters or more, or a ring of them")]
    BadKey,
}

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `--port`.
    pub port: u16,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--delivery`.
    pub delivery: DeliveryChoice,
    /// `--aws-port`.
    pub aws_port: Option<u16>,
    /// Not `--no-simulators`.
    pub simulators: bool,
    /// `--help`.
    pub help: bool,
}

impl Options {
    /// Reads the arguments after the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, OptionsError> {
        let mut options =
            Self { port: 3000, data: None, delivery: DeliveryChoice::Auto, aws_port: None, simulators: true, help: false };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value = |name| inline.clone().or_else(|| arguments.next()).ok_or(OptionsError::NoValue(name));
            match name {
                "--port" => {
                    let invalid = OptionsError::Invalid { name: "--port", expected: "a number up to 65535" };
                    options.port = value("--port")?.parse().map_err(|_| invalid)?;
                }
                "--aws-port" => {
                    let invalid = OptionsError::Invalid { name: "--aws-port", expected: "a number up to 65535" };
                    options.aws_port = Some(value("--aws-port")?.parse().map_err(|_| invalid)?);
                }
                "--data" => options.data = Some(PathBuf::from(value("--data")?)),
                "--delivery" => {
                    options.delivery = match value("--delivery")?.as_str() {
                        "auto" => DeliveryChoice::Auto,
                        "channels" => DeliveryChoice::Channels,
                        "records" => DeliveryChoice::Records,
                        _ => return Err(OptionsError::Invalid { name: "--delivery", expected: "auto, channels or records" }),
                    };
                }
                "--no-simulators" if inline.is_none() => options.simulators = false,
                "--help" | "-h" if inline.is_none() => options.help = true,
                _ => return Err(OptionsError::Unknown(argument)),
            }
        }
        Ok(options)
    }
}

/// The outside world, when it is not simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealWorld {
    /// Base URLs as (variable, value), passed on to the functions.
    pub base_urls: Vec<(&'static str, String)>,
    /// `PUBLIC_URL`, when the bundle is reached by another address than its own, e.g. through a tunnel.
    pub public_url: Option<String>,
    /// The secret's fields, all but the encryption key.
    pub credentials: Vec<(&'static str, String)>,
    /// `ENCRYPTION_KEY`; one is made if there is none.
    pub encryption_key: Option<String>,
}

impl RealWorld {
    /// Reads the variables that `lookup` knows. An empty one counts as unset.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, OptionsError> {
        let get = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let required = |name: &'static str| get(name).ok_or(OptionsError::MissingVariable(name));
        let base_urls = ["PIPEDRIVE_OAUTH_URL", "PIPEDRIVE_API_URL", "GRAPH_API_URL", "TELEGRAM_API_URL", "TWILIO_API_URL"];
        let credentials = [
            ("pipedrive_client_id", "PIPEDRIVE_CLIENT_ID"),
            ("pipedrive_client_secret", "PIPEDRIVE_CLIENT_SECRET"),
            ("meta_app_secret", "META_APP_SECRET"),
            ("meta_verify_token", "META_VERIFY_TOKEN"),
        ];
        if get("ENCRYPTION_KEY").is_some_and(|key| Vault::parse(&key).is_err()) {
            return Err(OptionsError::BadKey);
        }
        Ok(Self {
            base_urls: base_urls.into_iter().filter_map(|name| Some((name, get(name)?))).collect(),
            credentials: credentials.into_iter().map(|(field, name)| Ok((field, required(name)?))).collect::<Result<_, _>>()?,
            public_url: get("PUBLIC_URL"),
            encryption_key: get("ENCRYPTION_KEY"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, OptionsError> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn defaults_and_every_option() {
        let defaults = parse("").unwrap();
        assert_eq!((defaults.port, defaults.simulators, defaults.data), (3000, true, None));
        let options = parse("--port 3300 --data=/tmp/x --delivery records --aws-port 4566 --no-simulators").unwrap();
        let expected = Options {
            port: 3300,
            data: Some("/tmp/x".into()),
            delivery: DeliveryChoice::Records,
            aws_port: Some(4566),
            simulators: false,
            help: false,
        };
        assert_eq!(options, expected);
        assert!(parse("-h").unwrap().help);
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(parse("--port").unwrap_err(), OptionsError::NoValue("--port"));
        assert!(parse("--aws-port x").unwrap_err().to_string().starts_with("--aws-port"));
        assert!(parse("--port 70000").unwrap_err().to_string().starts_with("--port"));
        assert!(parse("--delivery both").is_err());
        assert_eq!(parse("--ports 1").unwrap_err(), OptionsError::Unknown("--ports".to_owned()));
        assert!(parse("--no-simulators=1").is_err());
    }

    #[test]
    fn a_missing_variable_is_named() {
        let all = |missing: &'static str| {
            RealWorld::from_lookup(move |name| match name {
                "ENCRYPTION_KEY" | "PUBLIC_URL" => None,
                name if name == missing => Some(" ".to_owned()),
                name => Some(format!("{name}!")),
            })
        };
        let world = all("none").unwrap();
        assert!(world.credentials.contains(&("meta_app_secret", "META_APP_SECRET!".to_owned())));
        for name in ["PIPEDRIVE_CLIENT_ID", "META_VERIFY_TOKEN"] {
            assert_eq!(all(name).unwrap_err(), OptionsError::MissingVariable(name));
        }
        let world = all("PIPEDRIVE_API_URL").unwrap();
        let urls = ["PIPEDRIVE_OAUTH_URL", "GRAPH_API_URL", "TELEGRAM_API_URL", "TWILIO_API_URL"];
        let urls = urls.map(|name| (name, format!("{name}!")));
        assert_eq!(world.base_urls, urls, "what is not given is the real one");
    }
}
