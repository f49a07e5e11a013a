//! What companies' tokens of Pipedrive's daily budget go to: one item a company and day, to which every round adds.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    Item, Table,
    change::Change,
    keys::{Key, budget_partition},
    records::{from_item, number, to_value},
};
use crate::{
    inbox::ports::StoreError,
    model::{
        day::Day,
        ids::CompanyId,
        record::{Allowance, BudgetDay, SpentOn},
        time::Timestamp,
    },
    records::ports::{BUDGET_KEPT, BudgetStore},
};

const KIND: &str = "day's budget";
const SPEND: &str = "note what was spent";

fn attribute(on: SpentOn) -> String {
    format!("spent_{}", on.as_str())
}

fn read(item: &Item) -> Result<BudgetDay, StoreError> {
    #[derive(serde::Deserialize)]
    struct Record {
        allowance: Option<Allowance>,
    }
    let spent = |on: SpentOn| Some((on, item.get(&attribute(on))?.as_n().ok()?.parse().ok()?));
    let record: Record = from_item(KIND, item.clone())?;
    Ok(BudgetDay { spent: SpentOn::ALL.into_iter().filter_map(spent).collect(), allowance: record.allowance })
}

#[async_trait]
impl BudgetStore for Table {
    async fn spend(
        &self,
        company: CompanyId,
        day: &Day,
        spent: &[(SpentOn, u64)],
        allowance: Option<&Allowance>,
        now: Timestamp,
    ) -> Result<BudgetDay, StoreError> {
        let mut change = Change::default().set("#expires = :expires").value(":expires", number(now.plus(BUDGET_KEPT).secs()));
        for (on, tokens) in spent {
            let (name, value) = (attribute(*on), format!(":{}", on.as_str()));
            change = change.add(format!("#{name} {value}")).value(value, number(*tokens));
        }
        if let Some(allowance) = allowance {
            change = change.set("#allowance = :allowance").value(":allowance", to_value(KIND, allowance)?);
        }
        let written = self.update_and_read(SPEND, &Key::budget(company, day), &change, ReturnValue::AllNew).await?;
        read(&written.unwrap_or_else(Option::unwrap_or_default))
    }

    async fn budget(&self, company: CompanyId, day: &Day) -> Result<BudgetDay, StoreError> {
        let item = self.get("read a day's budget", &Key::budget(company, day)).await?;
        item.as_ref().map(read).transpose().map(Option::unwrap_or_default)
    }

    async fn budgets(&self, company: CompanyId, since: &Day) -> Result<Vec<(Day, BudgetDay)>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("PK = :company AND SK >= :since")
            .expression_attribute_values(":company", AttributeValue::S(budget_partition(company)))
            .expression_attribute_values(":since", AttributeValue::S(since.to_string()));
        let day = |item: Item| {
            let day = Key::of(&item).and_then(|key| Day::parse(key.sort()).ok());
            day.map(|day| Ok((day, read(&item)?)))
        };
        self.ask_all("read budgets", query).await?.into_iter().filter_map(day).collect()
    }
}
