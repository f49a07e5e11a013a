//! Records to items and back. What cannot be read is reported by the name of its field, never with its contents.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use super::{Item, keys::Key};
use crate::{inbox::ports::StoreError, model::time::Timestamp};

/// Which field of a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("field {0} has another shape")]
struct Unreadable(String);

fn corrupt(kind: &'static str, field: impl Into<String>) -> StoreError {
    StoreError::Corrupt { kind, source: Box::new(Unreadable(field.into())) }
}

/// `record` as the item at `key`.
pub(super) fn to_item<T: Serialize>(kind: &'static str, key: &Key, record: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|_| corrupt(kind, "?"))?;
    item.extend(key.attributes());
    Ok(item)
}

/// `value` as one attribute.
pub(super) fn to_value<T: Serialize>(kind: &'static str, value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|_| corrupt(kind, "?"))
}

/// The record in `item`.
pub(super) fn from_item<T: DeserializeOwned>(kind: &'static str, item: Item) -> Result<T, StoreError> {
    let map: HashMap<String, serde_dynamo::AttributeValue> = item.into_iter().map(|(name, value)| (name, value.into())).collect();
    let source = serde_dynamo::Deserializer::from_attribute_value(serde_dynamo::AttributeValue::M(map));
    serde_path_to_error::deserialize(source).map_err(|error| corrupt(kind, error.path().to_string()))
}

/// The text in attribute `name` of `item`, as `T`.
pub(super) fn field<T: TryFrom<String>>(kind: &'static str, item: &Item, name: &str) -> Result<T, StoreError> {
    let text = item.get(name).and_then(|value| value.as_s().ok()).ok_or_else(|| corrupt(kind, name))?;
    T::try_from(text.clone()).map_err(|_| corrupt(kind, name))
}

/// A number.
pub(super) fn number(n: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// Milliseconds, as all times in the table but `expires`.
pub(super) fn time(at: Timestamp) -> AttributeValue {
    number(at.millis())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::model::conversation::Customer;

    #[test]
    fn a_broken_record_names_its_field_and_nothing_else() {
        let item = Item::from([
            ("name".to_owned(), AttributeValue::S("Ada".to_owned())),
            ("keys".to_owned(), AttributeValue::L(vec![AttributeValue::N("15550100001".to_owned())])),
        ]);
        let error = from_item::<Customer>("customer", item).unwrap_err();
        let said = format!("{error} {:?} {error:?}", error.source());
        assert!(said.contains("keys[0]") && !said.contains("1555"), "{said}");
    }
}
