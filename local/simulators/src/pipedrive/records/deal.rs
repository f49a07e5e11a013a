//! A deal, and what changes it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use shared::model::{ids::UserId, time::Timestamp};

use super::{
    Ask,
    answer::Refusal,
    body::{Currency, CustomFields, Day, Given, Moment, Name, Visibility},
    paging::Row,
    time,
};

/// A deal.
#[derive(Clone, Debug, Serialize)]
pub struct Deal {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub title: String,
    creator_user_id: UserId,
    /// Whose deal it is.
    pub owner_id: UserId,
    /// What it is worth.
    pub value: Number,
    /// Who it is with.
    pub person_id: Option<u64>,
    /// Their organization.
    pub org_id: Option<u64>,
    /// Its stage.
    pub stage_id: u64,
    /// Its stage's pipeline.
    pub pipeline_id: u64,
    /// The value's currency.
    pub currency: String,
    #[serde(serialize_with = "time::write_option")]
    archive_time: Option<Timestamp>,
    /// When it was created.
    #[serde(serialize_with = "time::write")]
    pub add_time: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "time::write")]
    pub update_time: Timestamp,
    #[serde(serialize_with = "time::write_option")]
    stage_change_time: Option<Timestamp>,
    /// What became of it.
    pub status: DealStatus,
    pub(super) is_archived: bool,
    /// Whether it is deleted. Pipedrive purges deleted deals after 30 days.
    pub is_deleted: bool,
    probability: Option<Number>,
    lost_reason: Option<String>,
    visible_to: u8,
    #[serde(serialize_with = "time::write_option")]
    close_time: Option<Timestamp>,
    #[serde(serialize_with = "time::write_option")]
    won_time: Option<Timestamp>,
    #[serde(serialize_with = "time::write_option")]
    lost_time: Option<Timestamp>,
    local_won_date: Option<String>,
    local_lost_date: Option<String>,
    local_close_date: Option<String>,
    expected_close_date: Option<String>,
    /// Its labels.
    pub label_ids: Vec<u64>,
    origin: &'static str,
    origin_id: Option<String>,
    channel: Option<u64>,
    channel_id: Option<String>,
    acv: Option<Number>,
    arr: Option<Number>,
    mrr: Option<Number>,
    custom_fields: Map<String, Value>,
}

/// What became of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DealStatus {
    /// Nothing yet.
    Open,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
}

/// What a deal is created from and changed by.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    pub(super) title: Given<Name>,
    owner_id: Given<UserId>,
    pub(super) person_id: Given<u64>,
    pub(super) org_id: Given<u64>,
    pub(super) pipeline_id: Given<u64>,
    pub(super) stage_id: Given<u64>,
    value: Given<Number>,
    currency: Given<Currency>,
    pub(super) is_deleted: Given<bool>,
    is_archived: Given<bool>,
    archive_time: Given<Moment>,
    status: Given<DealStatus>,
    probability: Given<Option<Number>>,
    lost_reason: Given<Option<String>>,
    visible_to: Given<Visibility>,
    close_time: Given<Option<Moment>>,
    won_time: Given<Moment>,
    lost_time: Given<Moment>,
    expected_close_date: Given<Day>,
    label_ids: Given<Vec<u64>>,
    custom_fields: Given<CustomFields>,
}

impl Row for Deal {
    fn id(&self) -> u64 {
        self.id
    }
    fn added(&self) -> Timestamp {
        self.add_time
    }
    fn updated(&self) -> Timestamp {
        self.update_time
    }
}

impl Deal {
    pub(super) fn new(id: u64, ask: &Ask<'_>, (pipeline_id, stage_id): (u64, u64)) -> Self {
        Self {
            id,
            title: String::new(),
            creator_user_id: ask.user,
            owner_id: ask.user,
            value: 0.into(),
            person_id: None,
            org_id: None,
            stage_id,
            pipeline_id,
            currency: "EUR".to_owned(),
            archive_time: None,
            add_time: ask.now,
            update_time: ask.now,
            stage_change_time: None,
            status: DealStatus::Open,
            is_archived: false,
            is_deleted: false,
            probability: None,
            lost_reason: None,
            visible_to: 3,
            close_time: None,
            won_time: None,
            lost_time: None,
            local_won_date: None,
            local_lost_date: None,
            local_close_date: None,
            expected_close_date: None,
            label_ids: Vec::new(),
            origin: "API",
            origin_id: None,
            channel: None,
            channel_id: None,
            acv: None,
            arr: None,
            mrr: None,
            custom_fields: Map::new(),
        }
    }

    /// Takes a change whose references have been checked.
    pub(super) fn take(&mut self, change: Change, place: Option<(u64, u64)>, ask: &Ask<'_>) -> Result<(), Refusal> {
        if let Some(owner) = change.owner_id.0 {
            self.owner_id = ask.owner(owner)?;
        }
        if let Some((pipeline, stage)) = place {
            if self.stage_id != stage {
                self.stage_change_time = Some(ask.now);
            }
            (self.pipeline_id, self.stage_id) = (pipeline, stage);
        }
        if let Some(Name(title)) = change.title.0 {
            self.title = title;
        }
        change.person_id.put_some(&mut self.person_id);
        change.org_id.put_some(&mut self.org_id);
        change.value.put(&mut self.value);
        change.probability.put(&mut self.probability);
        change.label_ids.put(&mut self.label_ids);
        change.is_deleted.put(&mut self.is_deleted);
        if let Some(Currency(code)) = change.currency.0 {
            self.currency = code;
        }
        if let Some(Visibility(group)) = change.visible_to.0 {
            self.visible_to = group;
        }
        if let Some(Day(day)) = change.expected_close_date.0 {
            self.expected_close_date = Some(day);
        }
        if let Some(CustomFields(fields)) = change.custom_fields.0 {
            self.custom_fields.extend(fields);
        }
        if let Some(is_archived) = change.is_archived.0 {
            self.is_archived = is_archived;
            self.archive_time = is_archived.then(|| change.archive_time.0.map_or(ask.now, |Moment(at)| at));
        }
        if let Some(status) = change.status.0 {
            self.close(status, ask.now);
        }
        if let Some(Moment(at)) = change.won_time.0 {
            self.won_time = Some(at);
        }
        if let Some(Moment(at)) = change.lost_time.0 {
            self.lost_time = Some(at);
        }
        if let Some(at) = change.close_time.0 {
            self.close_time = at.map(|Moment(at)| at);
        }
        if let Some(reason) = change.lost_reason.0 {
            if reason.is_some() && self.status != DealStatus::Lost {
                return Err(Refusal::invalid("lost_reason", "is for lost deals"));
            }
            self.lost_reason = reason;
        }
        self.update_time = ask.now;
        Ok(())
    }

    fn close(&mut self, status: DealStatus, now: Timestamp) {
        let day = || Some(time::text(now)[..10].to_owned());
        let is = |wanted: DealStatus| status == wanted;
        self.status = status;
        self.close_time = (!is(DealStatus::Open)).then_some(now);
        self.won_time = is(DealStatus::Won).then_some(now);
        self.lost_time = is(DealStatus::Lost).then_some(now);
        self.local_close_date = if is(DealStatus::Open) { None } else { day() };
        self.local_won_date = if is(DealStatus::Won) { day() } else { None };
        self.local_lost_date = if is(DealStatus::Lost) { day() } else { None };
        if !is(DealStatus::Lost) {
            self.lost_reason = None;
        }
    }
}
