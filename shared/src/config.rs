//! Every setting that comes from the environment, read once at start-up. An empty variable counts as unset, because
//! SAM passes a parameter without a value as an empty string.

use tracing::level_filters::LevelFilter;
use url::Url;

use crate::model::{channel::Delivery, installation::Installation};

/// A setting is missing or makes no sense. The bundle does not start then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The variable is required.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable holds something else than it should.
    #[error("environment variable {name} is not {expected}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
}

/// Which delivery an installation gets (`DELIVERY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryChoice {
    /// Try the Channels API when the first channel is connected, and remember what it said.
    #[default]
    Auto,
    /// Pipedrive's Messaging inbox, always.
    Channels,
    /// Persons, deals, leads and notes, always.
    Records,
}

impl DeliveryChoice {
    /// Where an installation's messages end.
    pub fn of(self, installation: &Installation) -> Delivery {
        match self {
            Self::Channels => Delivery::Channels,
            Self::Records => Delivery::Records,
            Self::Auto => installation.delivery.unwrap_or(Delivery::Channels),
        }
    }
}

/// How to log, by Lambda's advanced logging controls (AWS Lambda Developer Guide, "Configuring advanced logging controls"). Read
/// apart from all else, because what is wrong there is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `AWS_LAMBDA_LOG_FORMAT`: whether lines are JSON objects.
    pub json: bool,
    /// `AWS_LAMBDA_LOG_LEVEL`: the least important lines that are written.
    pub level: LevelFilter,
}

impl LogSettings {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place for configuration")]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads settings from `lookup` as if it were the environment. What it can't read it takes for what Lambda's own default is.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            json: lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")),
            level: match lookup("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_ascii_uppercase()).as_deref() {
                Some("TRACE") => LevelFilter::TRACE,
                Some("DEBUG") => LevelFilter::DEBUG,
                Some("WARN") => LevelFilter::WARN,
                Some("ERROR" | "FATAL") => LevelFilter::ERROR,
                _ => LevelFilter::INFO,
            },
        }
    }
}

/// Which certificate authorities are believed for the endpoints of AWS (`AWS_ROOTS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsRoots {
    /// Amazon's own. The default, because the machine's are many and take milliseconds of a start to read.
    Amazon,
    /// The machine's. The default where others certify, or may: for AWS in China and its European Sovereign Cloud, and for endpoints that
    /// are not AWS's.
    System,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// `TABLE_NAME`: the DynamoDB table.
    pub table: String,
    /// `SECRET_ID`: name or ARN of the secret.
    pub secret_id: String,
    /// `PUBLIC_URL`: the bundle's own address, when it has a domain of its own. Without a path: its pages link from the root.
    pub public_url: Option<String>,
    /// `DELIVERY`: `auto`, `channels` or `records`.
    pub delivery: DeliveryChoice,
    /// `PIPEDRIVE_OAUTH_URL`. No slash at the end, like all base URLs here.
    pub pipedrive_oauth_url: String,
    /// `PIPEDRIVE_API_URL`: overrides the address that Pipedrive gave for the company.
    pub pipedrive_api_url: Option<String>,
    /// `GRAPH_API_URL`: Meta's Graph API, with a version behind it if it should not be the built-in one.
    pub graph_api_url: String,
    /// `TELEGRAM_API_URL`: Telegram's Bot API.
    pub telegram_api_url: String,
    /// `TWILIO_API_URL`: Twilio's API.
    pub twilio_api_url: String,
    /// `MEDIA_BUCKET`: where files are kept. Only functions that touch files need it.
    pub media_bucket: Option<String>,
    /// `METRICS_NAMESPACE`: where CloudWatch keeps what is counted. Unset: nothing is counted.
    pub metrics_namespace: Option<String>,
    /// `AWS_REGION`, set by Lambda.
    pub region: String,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
    pub s3_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER` or `AWS_ENDPOINT_URL`.
    pub secrets_endpoint: Option<String>,
    /// `AWS_ROOTS`: `amazon` or `system`.
    pub aws_roots: AwsRoots,
    /// `ALLOW_LOOPBACK_URLS`: whether addresses that users enter may lead to this machine, without TLS. For the bundle
    /// on one machine; a deployed one never sets it.
    pub allow_loopback_urls: bool,
    /// `FRAME_ANCESTORS`: who may frame the app's pages, instead of Pipedrive. For the bundle on one machine too.
    pub frame_ancestors: Option<String>,
}

impl Config {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place for configuration")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads settings from `lookup` as if it were the environment.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let required = |name: &'static str| get(name).ok_or(ConfigError::Missing(name));
        let base_url = |name: &'static str| get(name).map(|v| parse_base_url(name, &v)).transpose();
        let aws_endpoint = get("AWS_ENDPOINT_URL");
        let endpoint = |name| get(name).or_else(|| aws_endpoint.clone());
        let endpoints = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER"].map(endpoint);
        let region = get("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned());
        let aws_roots = match get("AWS_ROOTS").as_deref() {
            Some("amazon") => AwsRoots::Amazon,
            Some("system") => AwsRoots::System,
            Some(_) => return Err(ConfigError::Invalid { name: "AWS_ROOTS", expected: "amazon or system" }),
            None if ["cn-", "eusc-"].iter().any(|apart| region.starts_with(apart)) => AwsRoots::System,
            None if endpoints.iter().flatten().any(|url| url.starts_with("https:")) => AwsRoots::System,
            None => AwsRoots::Amazon,
        };
        let [dynamodb_endpoint, s3_endpoint, secrets_endpoint] = endpoints;
        Ok(Self {
            table: required("TABLE_NAME")?,
            secret_id: required("SECRET_ID")?,
            public_url: base_url("PUBLIC_URL")?.map(without_path).transpose()?,
            delivery: match get("DELIVERY").as_deref() {
                None | Some("auto") => DeliveryChoice::Auto,
                Some("channels") => DeliveryChoice::Channels,
                Some("records") => DeliveryChoice::Records,
                Some(_) => return Err(ConfigError::Invalid { name: "DELIVERY", expected: "auto, channels or records" }),
            },
            pipedrive_oauth_url: base_url("PIPEDRIVE_OAUTH_URL")?.unwrap_or_else(|| "https://oauth.pipedrive.com".to_owned()),
            pipedrive_api_url: base_url("PIPEDRIVE_API_URL")?,
            graph_api_url: versioned(base_url("GRAPH_API_URL")?.unwrap_or_else(|| "https://graph.facebook.com".to_owned())),
            telegram_api_url: base_url("TELEGRAM_API_URL")?.unwrap_or_else(|| "https://api.telegram.org".to_owned()),
            twilio_api_url: base_url("TWILIO_API_URL")?.unwrap_or_else(|| "https://api.twilio.com".to_owned()),
            media_bucket: get("MEDIA_BUCKET"),
            metrics_namespace: get("METRICS_NAMESPACE"),
            region,
            dynamodb_endpoint,
            s3_endpoint,
            secrets_endpoint,
            aws_roots,
            frame_ancestors: get("FRAME_ANCESTORS"),
            allow_loopback_urls: get("ALLOW_LOOPBACK_URLS").as_deref() == Some("true"),
        })
    }
}

/// The Graph API's address with a version: the one that it names, or the one that this release was written for
/// (Meta, Graph API, Changelog: v25.0 is usable until 2028-07-29).
fn versioned(url: String) -> String {
    let last = url.rsplit('/').next().unwrap_or_default();
    let version = last.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if version.is_some_and(|(major, minor)| number(major) && number(minor)) { url } else { format!("{url}/v25.0") }
}

fn without_path(url: String) -> Result<String, ConfigError> {
    if url.matches('/').count() == 2 {
        Ok(url)
    } else {
        Err(ConfigError::Invalid { name: "PUBLIC_URL", expected: "a URL without a path" })
    }
}

fn parse_base_url(name: &'static str, text: &str) -> Result<String, ConfigError> {
    let invalid = || ConfigError::Invalid { name, expected: "an http(s) URL without query" };
    let url = Url::parse(text).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_lookup(|name| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn empty_is_unset_and_urls_lose_their_slash() {
        let config = config(&[
            ("TABLE_NAME", "t"),
            ("SECRET_ID", "s"),
            ("PUBLIC_URL", ""),
            ("DELIVERY", ""),
            ("GRAPH_API_URL", "http://127.0.0.1:9/v25.0/"),
        ])
        .unwrap();
        assert_eq!((config.public_url, config.delivery), (None, DeliveryChoice::Auto));
        assert_eq!(config.graph_api_url, "http://127.0.0.1:9/v25.0");
        assert_eq!(config.pipedrive_oauth_url, "https://oauth.pipedrive.com");
    }

    #[test]
    fn logging_is_as_lambda_says_and_else_as_lambda_would() {
        let logging = |pairs: &[(&str, &str)]| {
            LogSettings::from_lookup(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(logging(&[]), LogSettings { json: false, level: LevelFilter::INFO });
        let asked = logging(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")]);
        assert_eq!(asked, LogSettings { json: true, level: LevelFilter::WARN });
        assert_eq!(logging(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]).level, LevelFilter::ERROR);
        assert_eq!(logging(&[("AWS_LAMBDA_LOG_LEVEL", "loud")]).level, LevelFilter::INFO);
    }

    #[test]
    fn amazon_certifies_its_own_endpoints_alone() {
        let roots = |pairs: &[(&str, &str)]| {
            let required = [("TABLE_NAME", "t"), ("SECRET_ID", "s")];
            config(&[&required, pairs].concat()).map(|config| config.aws_roots)
        };
        assert_eq!(roots(&[("AWS_REGION", "eu-central-1")]).unwrap(), AwsRoots::Amazon);
        assert_eq!(roots(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]).unwrap(), AwsRoots::Amazon);
        assert_eq!(roots(&[("AWS_ENDPOINT_URL_S3", "https://files.example")]).unwrap(), AwsRoots::System);
        assert_eq!(roots(&[("AWS_REGION", "cn-north-1")]).unwrap(), AwsRoots::System);
        assert_eq!(roots(&[("AWS_REGION", "eusc-de-east-1")]).unwrap(), AwsRoots::System);
        assert_eq!(roots(&[("AWS_REGION", "cn-north-1"), ("AWS_ROOTS", "amazon")]).unwrap(), AwsRoots::Amazon);
        assert_eq!(roots(&[("AWS_ROOTS", "system")]).unwrap(), AwsRoots::System);
        assert!(roots(&[("AWS_ROOTS", "any")]).is_err());
    }

    #[test]
    fn the_graph_api_has_a_version() {
        for (given, used) in [
            ("", "https://graph.facebook.com/v25.0"),
            ("https://graph.facebook.com/v26.0", "https://graph.facebook.com/v26.0"),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/v25.0"),
            ("http://127.0.0.1:9/vx.y/", "http://127.0.0.1:9/vx.y/v25.0"),
        ] {
            let config = config(&[("TABLE_NAME", "t"), ("SECRET_ID", "s"), ("GRAPH_API_URL", given)]).unwrap();
            assert_eq!(config.graph_api_url, used);
        }
    }

    #[test]
    fn nonsense_names_the_variable() {
        let said = |pairs: &[(&str, &str)]| config(pairs).unwrap_err().to_string();
        assert!(said(&[("TABLE_NAME", " ")]).contains("TABLE_NAME"));
        let base = [("TABLE_NAME", "t"), ("SECRET_ID", "s")];
        assert!(said(&[base[0], base[1], ("DELIVERY", "both")]).contains("DELIVERY"));
        assert!(said(&[base[0], base[1], ("GRAPH_API_URL", "graph")]).contains("GRAPH_API_URL"));
        assert!(said(&[base[0], base[1], ("PUBLIC_URL", "https://x.example/base")]).contains("PUBLIC_URL"));
    }
}
