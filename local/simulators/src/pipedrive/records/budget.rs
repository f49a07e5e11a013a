//! Rate limits: what a call costs of the company's tokens for the day, and how many calls come at once (Pipedrive,
//! "Rate limiting"). What is refused costs nothing.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
};
use serde_json::json;
use shared::model::{
    ids::{CompanyId, UserId},
    time::Timestamp,
};

use super::{
    super::{Call, PipedriveSim, api},
    Action, Kind, Version,
};

/// The time in which calls are counted that come at once.
const WINDOW: Duration = Duration::from_secs(2);
const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

const LEFT: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const TOKENS: HeaderName = HeaderName::from_static("x-daily-ratelimit-token-limit");
/// How many of the day's tokens are left.
pub(in super::super) const TOKENS_LEFT: HeaderName = HeaderName::from_static("x-daily-ratelimit-token-remaining");

/// What a company may ask of the API. Nothing is refused, and no header tells about it, until a test sets a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens that a company has for a day, which begins at midnight, UTC.
    pub daily_tokens: Option<u64>,
    /// Requests that a user makes within two seconds.
    pub burst: Option<u64>,
    /// Searches that a user makes within two seconds.
    pub search_burst: Option<u64>,
}

impl Limits {
    /// What the smallest plan has with one seat.
    pub const LITE: Self = Self { daily_tokens: Some(30_000), burst: Some(80), search_burst: Some(10) };
}

/// What companies and their users have asked for.
#[derive(Default)]
pub(in super::super) struct Meter {
    day: i64,
    spent: HashMap<CompanyId, u64>,
    /// By user, and whether they are searches.
    recent: HashMap<(CompanyId, UserId, bool), VecDeque<Timestamp>>,
}

/// What a call costs of the day's tokens.
pub(in super::super) fn cost(call: Call) -> u64 {
    match call {
        Call::Token => 0,
        Call::Me => 2,
        Call::Register | Call::Receive | Call::Records(Kind::Webhooks, Action::List) => 10,
        Call::DeleteChannel | Call::DeleteConversation => 6,
        Call::Records(Kind::Pipelines | Kind::Stages, Action::List) => 5,
        Call::Records(kind, action) => match (kind.place().0, action) {
            (Version::V2, Action::Get) => 1,
            (Version::V1, Action::Get) => 2,
            (Version::V2, Action::Delete) => 3,
            (Version::V2, Action::Create | Action::Update) => 5,
            (Version::V1, Action::Delete) => 6,
            (Version::V2, Action::List) | (Version::V1, Action::Create | Action::Update) => 10,
            (Version::V2, Action::Search) | (Version::V1, Action::List) => 20,
            (Version::V1, Action::Search) => 40,
        },
    }
}

impl Meter {
    /// A new day has begun, if it has.
    fn roll(&mut self, now: Timestamp) {
        let today = now.secs() / SECONDS_OF_A_DAY;
        if self.day != today {
            (self.day, self.spent) = (today, HashMap::new());
        }
    }

    pub(in super::super) fn spent(&mut self, company: CompanyId, now: Timestamp) -> u64 {
        self.roll(now);
        self.spent.get(&company).copied().unwrap_or(0)
    }

    pub(in super::super) fn spend(&mut self, company: CompanyId, tokens: u64, now: Timestamp) {
        self.roll(now);
        *self.spent.entry(company).or_default() += tokens;
    }

    /// The company's day begins anew.
    pub(in super::super) fn refill(&mut self, company: CompanyId) {
        self.spent.remove(&company);
    }

    /// Takes a call, or refuses it. Either way there are headers to send.
    fn admit(&mut self, limits: Limits, owner: (CompanyId, UserId), call: Call, now: Timestamp) -> (HeaderMap, bool) {
        self.roll(now);
        let (mut headers, mut is_refused) = (HeaderMap::new(), false);
        let is_search = matches!(call, Call::Records(_, Action::Search));
        let recent = self.recent.entry((owner.0, owner.1, is_search)).or_default();
        recent.retain(|at| now.since(*at) < WINDOW);
        if let Some(limit) = if is_search { limits.search_burst } else { limits.burst } {
            is_refused = recent.len() as u64 >= limit;
            let oldest = recent.front().copied().unwrap_or(now);
            let seconds = oldest.plus(WINDOW).since(now).as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(LIMIT, limit.into());
            headers.insert(LEFT, limit.saturating_sub(recent.len() as u64 + 1).into());
            headers.insert(RESET, seconds.into());
            if is_refused {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
        }
        if let Some(tokens) = limits.daily_tokens {
            let spent = self.spent.entry(owner.0).or_default();
            let is_empty = *spent + cost(call) > tokens;
            let left = if is_empty { 0 } else { tokens - *spent - if is_refused { 0 } else { cost(call) } };
            headers.insert(TOKENS, tokens.into());
            headers.insert(TOKENS_LEFT, left.into());
            is_refused |= is_empty;
        }
        if !is_refused {
            recent.push_back(now);
            *self.spent.entry(owner.0).or_default() += cost(call);
        }
        (headers, is_refused)
    }
}

/// The answer to a call too many. Its body is not documented.
pub(in super::super) fn too_many(headers: HeaderMap) -> Response {
    let body = json!({"success": false, "error": "request over limit", "errorCode": 429});
    let mut answer = api::json(StatusCode::TOO_MANY_REQUESTS, &body);
    answer.headers_mut().extend(headers);
    answer
}

impl PipedriveSim {
    /// Counts a call of whoever's token comes with it. Gives back the headers that the answer has, or the refusal.
    pub(in super::super) fn meter(&self, call: Call, request: &HeaderMap) -> Result<HeaderMap, Box<Response>> {
        let now = self.now();
        let mut world = self.world();
        let Some(owner) = api::bearer(&world, request, now) else { return Ok(HeaderMap::new()) };
        let limits = world.settings.limits;
        let (headers, is_refused) = world.meter.admit(limits, owner, call, now);
        if is_refused { Err(Box::new(too_many(headers))) } else { Ok(headers) }
    }
}
