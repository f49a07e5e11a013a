//! Message templates that a provider has approved.

use serde::{Deserialize, Serialize};

/// A template as Pipedrive's `getTemplates` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The provider's id, unique per name and language.
    pub id: String,
    /// Its name at the provider.
    pub name: String,
    /// Its text, with placeholders as the provider writes them.
    pub content: String,
    /// Language code, e.g. `en_US`.
    pub language: String,
}
