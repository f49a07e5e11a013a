//! Ceilings on what is deployed: how large packages are, and what is in none of them that has no use for it. Of the smallest
//! function, one that reads, one that calls everybody and the largest; all of them are in docs/performance.md.

use bench::functions::{Weighed, weigh};

/// Texts that only a client of these has.
const DYNAMODB: &str = "DynamoDB_20120810.";
const SECRETS: &str = "secretsmanager.GetSecretValue";
const S3: &str = "store an object";
/// Sent with calls to Pipedrive and providers.
const OUTSIDE: &str = concat!("pigeonpost/", env!("CARGO_PKG_VERSION"));
/// A name in the time zones.
const ZONES: &str = "Europe/Berlin";
/// What speaks TLS.
const TLS: &str = "tls13 ";

/// A function, the most that its package may weigh in bytes, what it must be made of and what it must not be.
type Ceiling = (&'static str, f64, &'static [&'static str], &'static [&'static str]);

const CEILINGS: [Ceiling; 4] = [
    ("manifest", 1.0e6, &[], &[DYNAMODB, SECRETS, S3, OUTSIDE, ZONES, TLS]),
    ("get-conversations", 2.5e6, &[DYNAMODB, SECRETS, TLS], &[S3, OUTSIDE, ZONES]),
    ("deliver", 3.5e6, &[DYNAMODB, SECRETS, S3, OUTSIDE, ZONES, TLS], &[]),
    ("inbox", 4.1e6, &[DYNAMODB, SECRETS, S3, OUTSIDE, TLS], &[ZONES]),
];

#[tokio::test]
#[ignore = "builds release binaries, which takes minutes: .ci/run asks for it"]
async fn functions_weigh_no_more_than_they_may() {
    let names: Vec<&str> = CEILINGS.iter().map(|(name, ..)| *name).collect();
    let weighed = weigh(&names).await.unwrap();
    for ((name, most, made_of, free_of), function) in CEILINGS.iter().zip(&weighed) {
        let Weighed { packed, .. } = function;
        println!("{name}: {packed} bytes packed, of at most {most}");
        assert_eq!(function.name, *name);
        for text in *made_of {
            assert!(function.has(text), "{name} has {text}: this test knows a client when it sees it");
        }
        for text in *free_of {
            assert!(!function.has(text), "{name} has no use for what has {text}");
        }
        assert!(packed <= most, "{name} weighs {packed} bytes, more than {most}");
    }
}
