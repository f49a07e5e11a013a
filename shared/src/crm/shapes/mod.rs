//! Bodies of the contacts and deals API, in and out. The description at `/v2/openapi.json` is made from these types, so a
//! limit stands beside the code that keeps it. Members that are not named here are ignored; ids and amounts may be written as
//! text or as numbers.

mod contacts;
mod deals;
mod lists;
mod values;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::{
    contacts::{
        ContactAttributes, ContactAttributesView, ContactCreate, ContactSource, ContactStatus, ContactUpdate, ContactView,
        SavedContact,
    },
    deals::{
        DealAttributes, DealAttributesView, DealCreate, DealFilterQuery, DealStatus, DealUpdate, DealUpdated, DealView,
        PipelineView, SavedDeal, StageView,
    },
    lists::{ListContact, ListCreate, ListDeleted, ListView},
    values::{Amount, Day, GivenId, GivenOrigin, GivenPhone, Name, Object, RequiredName},
};

/// A page of a list, oldest entry first, a hundred on each.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageOf{T}s")]
pub struct Page<T> {
    /// Its number, from 0.
    #[schemars(range(min = 0))]
    pub page: usize,
    /// How many entries there are on all pages. Exact up to ten thousand; at least so many beyond that, until a listing has
    /// got there.
    pub total: u64,
    /// Whether there is a next page.
    pub has_more: bool,
    /// The entries.
    #[schemars(length(max = 100))]
    pub data: Vec<T>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Number, json};

    use super::*;
    use std::collections::BTreeMap;

    use crate::model::contact::Phone;

    #[test]
    fn ids_amounts_and_numbers_come_as_text_or_numbers() {
        let given = json!({
            "contactId": 8, "pipelineId": "1", "stageId": " 2 ", "more": {"is": "ignored"},
            "attributes": {"pb_amount": 2_300_000, "pb_name": "  ", "pb_closingDate": "2026-12-24T23:00:00-03:00", "custom": 1},
        });
        let deal: DealCreate = serde_json::from_value(given).unwrap();
        assert_eq!((deal.contact_id.number(), deal.stage_id.number()), (Some(8), Some(2)));
        assert_eq!(deal.attributes.name.and_then(Name::given), None);
        assert_eq!(deal.attributes.amount.map(Amount::number), Some(Number::from(2_300_000)));
        assert_eq!(deal.attributes.closing_date.map(String::from).as_deref(), Some("2026-12-25"));
        let contact: ContactCreate =
            serde_json::from_value(json!({"email": "a@b.co", "attributes": {"phone": 5_511_999_990_001_u64}, "origin": null}))
                .unwrap();
        assert_eq!(contact.attributes.phone.as_ref().map(Phone::as_str), Some("5511999990001"));
    }

    #[test]
    fn amounts_and_days_are_checked() {
        for (text, number) in [("0", "0"), ("2300000", "2300000"), ("12.5", "12.5"), ("12.50", "12.5"), ("7.00", "7")] {
            assert_eq!(Amount::try_from(text.to_owned()).unwrap().number().to_string(), number);
        }
        for text in ["", "-1", "1e5", "1,5", "1.234", ".5", "5.", "12345678901234", "R$ 5"] {
            assert!(Amount::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["", "2026-02-30", "24.12.2026", "2026-1-1", "soon"] {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_origins_have_limits() {
        assert!(Name::try_from("x".repeat(255)).is_ok() && Name::try_from("x".repeat(256)).is_err());
        assert!(RequiredName::try_from(" \t".to_owned()).is_err());
        let origin =
            |count: usize, value: usize| (0..count).map(|n| (n.to_string(), "x".repeat(value))).collect::<BTreeMap<_, _>>();
        assert!(GivenOrigin::try_from(origin(20, 2048)).is_ok());
        assert!(GivenOrigin::try_from(origin(21, 1)).is_err() && GivenOrigin::try_from(origin(1, 2049)).is_err());
    }
}
