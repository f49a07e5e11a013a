//! Segmentation lists, in and out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::RequiredName;
use crate::model::{contact::SegmentationList, ids::ListId};

/// A new segmentation list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "SegmentationListCreate")]
pub struct ListCreate {
    /// What to call it.
    pub name: RequiredName,
}

/// A segmentation list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SegmentationList")]
pub struct ListView {
    /// Its id.
    pub id: ListId,
    /// What it is called.
    pub name: String,
    /// How many contacts are on it.
    pub contacts: u64,
    /// When it was made, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
}

impl From<SegmentationList> for ListView {
    fn from(SegmentationList { id, name, contacts, created_at, .. }: SegmentationList) -> Self {
        Self { id, name, contacts, created_at: created_at.rfc3339() }
    }
}

/// A segmentation list that was deleted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DeletedSegmentationList")]
pub struct ListDeleted {
    /// Its id.
    pub id: ListId,
}

/// A contact that was put on a segmentation list, or taken off it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SegmentationListContact")]
pub struct ListContact {
    /// Pipedrive's id of the person.
    pub id: String,
    /// The list.
    pub segmentation_list_id: ListId,
}
