//! Files of messages: where they are kept, what they are, and the addresses under which the bundle serves them.
//!
//! [`bucket`] is the port, [`s3`] what is behind it; [`sniff`] and [`name`] decide what a file is called and shown as;
//! [`preview`] makes small pictures; [`links`] makes addresses.

pub mod bucket;
pub mod links;
pub mod name;
pub mod preview;
pub mod s3;
pub mod sniff;

use serde::Serialize;

/// A file under an address, in the shape of Pipedrive's contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileLink {
    /// Its position in the message.
    pub id: String,
    /// MIME type.
    #[serde(rename = "type")]
    pub mime: String,
    /// File name, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it can be fetched.
    pub url: String,
    /// Where a small picture of it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// Always: `getMessageById` gives a new address.
    pub link_expires: bool,
}
