//! A conditional change of one item, put together clause by clause. In a clause `#name` stands for the attribute `name`,
//! whether DynamoDB reserves the word or not; other placeholders are given by [`Change::name`].

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};

use super::{Item, Table, keys::Key};
use crate::inbox::ports::StoreError;

/// The clauses.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    delete: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Change {
    /// Sets attributes: `#path = value`.
    #[must_use]
    pub(super) fn set(mut self, clause: impl Into<String>) -> Self {
        self.set.push(clause.into());
        self
    }

    /// Removes an attribute.
    #[must_use]
    pub(super) fn remove(mut self, path: impl Into<String>) -> Self {
        self.remove.push(path.into());
        self
    }

    /// Adds to a number or a set, from nothing if need be: `#path :value`.
    #[must_use]
    pub(super) fn add(mut self, clause: impl Into<String>) -> Self {
        self.add.push(clause.into());
        self
    }

    /// Takes elements out of a set: `#path :value`.
    #[must_use]
    pub(super) fn take(mut self, clause: impl Into<String>) -> Self {
        self.delete.push(clause.into());
        self
    }

    /// Happens only if this holds, and all that was asked before.
    #[must_use]
    pub(super) fn when(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    /// Happens only if the item exists.
    #[must_use]
    pub(super) fn exists(self) -> Self {
        self.when("attribute_exists(#PK)")
    }

    /// Happens only if the item does not exist.
    #[must_use]
    pub(super) fn absent(self) -> Self {
        self.when("attribute_not_exists(#PK)")
    }

    /// What `placeholder` stands for, where it is not the attribute of the same name.
    #[must_use]
    pub(super) fn name(mut self, placeholder: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.names.insert(placeholder.into(), attribute.into());
        self
    }

    /// What `placeholder` stands for.
    #[must_use]
    pub(super) fn value(mut self, placeholder: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(placeholder.into(), value);
        self
    }

    /// See [`Change::value`].
    #[must_use]
    pub(super) fn text(self, placeholder: impl Into<String>, text: impl Into<String>) -> Self {
        self.value(placeholder, AttributeValue::S(text.into()))
    }

    /// Update expression.
    pub(super) fn update_expression(&self) -> String {
        let mut parts = Vec::new();
        if !self.set.is_empty() {
            parts.push(format!("SET {}", self.set.join(", ")));
        }
        if !self.remove.is_empty() {
            parts.push(format!("REMOVE {}", self.remove.join(", ")));
        }
        if !self.add.is_empty() {
            parts.push(format!("ADD {}", self.add.join(", ")));
        }
        if !self.delete.is_empty() {
            parts.push(format!("DELETE {}", self.delete.join(", ")));
        }
        parts.join(" ")
    }

    /// Condition expression.
    pub(super) fn condition(&self) -> Option<String> {
        let clauses: Vec<String> = self.conditions.iter().map(|clause| format!("({clause})")).collect();
        (!clauses.is_empty()).then(|| clauses.join(" AND "))
    }

    /// All names that the clauses hold.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let mut names = self.names.clone();
        let clauses = [&self.set, &self.remove, &self.add, &self.delete, &self.conditions];
        for clause in clauses.into_iter().flatten() {
            for rest in clause.split('#').skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                names.entry(format!("#{}", &rest[..end])).or_insert_with(|| rest[..end].to_owned());
            }
        }
        (!names.is_empty()).then_some(names)
    }

    /// All values.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    /// As part of a transaction: an update of the item at `key`.
    pub(super) fn update(&self, table: &Table, key: &Key) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .update_expression(self.update_expression())
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(self.names())
            .set_expression_attribute_values(self.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// As part of a transaction: `item` written whole, under the conditions.
    pub(super) fn put(&self, table: &Table, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item))
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(self.names())
            .set_expression_attribute_values(self.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// As part of a transaction: the conditions alone, on the item at `key`.
    pub(super) fn check(&self, table: &Table, key: &Key) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(self.names())
            .set_expression_attribute_values(self.values())
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// As part of a transaction: the item at `key` deleted, under the conditions.
    pub(super) fn delete(&self, table: &Table, key: &Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(self.names())
            .set_expression_attribute_values(self.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

pub(super) fn incomplete(error: BuildError) -> StoreError {
    StoreError::Unavailable { operation: "build a request", source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_clauses() {
        let change = Change::default()
            .exists()
            .when("size(#outbox) < :max OR attribute_exists(#outbox.#p)")
            .name("#p", "000a")
            .set("#state = :state")
            .remove("#due_at")
            .add("#count :one")
            .take("#keys :key");
        let mut names: Vec<(String, String)> = change.names().unwrap().into_iter().collect();
        names.sort();
        let expected = [
            ("#PK", "PK"),
            ("#count", "count"),
            ("#due_at", "due_at"),
            ("#keys", "keys"),
            ("#outbox", "outbox"),
            ("#p", "000a"),
            ("#state", "state"),
        ];
        assert_eq!(names, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(change.update_expression(), "SET #state = :state REMOVE #due_at ADD #count :one DELETE #keys :key");
        assert_eq!(
            change.condition().unwrap(),
            "(attribute_exists(#PK)) AND (size(#outbox) < :max OR attribute_exists(#outbox.#p))"
        );
    }
}
