//! The way to AWS: [`connector`] carries the requests of all of a function's clients. `sender` sends those of services that are asked too
//! little for the SDK's client to be worth its weight, S3 and Secrets Manager; DynamoDB has its own.

pub mod connector;
pub(crate) mod sender;
#[cfg(test)]
pub(crate) mod stand_in;

/// A service's address in a region (AWS General Reference, "Service endpoints and quotas").
pub(crate) fn endpoint(service: &str, region: &str) -> String {
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{service}.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_regions_own() {
        for (region, address) in [
            ("eu-central-1", "https://secretsmanager.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "https://secretsmanager.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "https://secretsmanager.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(endpoint("secretsmanager", region), address);
        }
    }
}
