//! Records to items and back. What cannot be read is reported by the name of its field, never with its contents.

use std::collections::hash_map;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::{Item, keys::Key};
use crate::{inbox::ports::StoreError, model::time::Timestamp};

/// Which field of a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("field {0} has another shape")]
    Field(String),
    #[error("the whole has another shape: a field is missing, most likely")]
    Whole,
}

fn corrupt(kind: &'static str, field: impl Into<String>) -> StoreError {
    StoreError::Corrupt { kind, source: Box::new(Unreadable::Field(field.into())) }
}

fn shapeless(kind: &'static str) -> StoreError {
    StoreError::Corrupt { kind, source: Box::new(Unreadable::Whole) }
}

/// `record` as the item at `key`.
pub(super) fn to_item<T: Serialize>(kind: &'static str, key: &Key, record: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|_| shapeless(kind))?;
    item.extend(key.attributes());
    Ok(item)
}

/// `value` as one attribute.
pub(super) fn to_value<T: Serialize>(kind: &'static str, value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|_| shapeless(kind))
}

/// The record in `item`.
pub(super) fn from_item<T: DeserializeOwned>(kind: &'static str, item: Item) -> Result<T, StoreError> {
    let mut at = None;
    let fields = Fields { rest: item.into_iter(), value: None, at: &mut at };
    T::deserialize(fields).map_err(|_| at.map_or_else(|| shapeless(kind), |field| corrupt(kind, field)))
}

/// The fields of an item, one after the other. `serde_path_to_error` would name a fault more exactly, by a layer at every depth, which
/// took a tenth of all that `get-conversations` does.
struct Fields<'a> {
    rest: hash_map::IntoIter<String, AttributeValue>,
    /// Of the field whose name was asked for last.
    value: Option<AttributeValue>,
    /// That field's name.
    at: &'a mut Option<String>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = serde_dynamo::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((name, value)) = self.rest.next() else {
            *self.at = None;
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::new(self.at.insert(name))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let value = self.value.take().unwrap_or(AttributeValue::Null(true));
        seed.deserialize(serde_dynamo::Deserializer::from_attribute_value(value.into()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde_dynamo::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
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
        assert!(said.contains("Field(\"keys\")") && !said.contains("1555"), "{said}");
        let error = from_item::<Customer>("customer", Item::new()).unwrap_err();
        assert!(format!("{:?}", error.source()).contains("Whole"), "{error:?}");
    }
}
