//! Keeps what a function asks its table, and what waited for what; and sends it again, by the SDK alone. That is the floor of a
//! function: a program that asks the same can hardly do less.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
    },
    error::BoxError,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use futures_util::future::join_all;

use crate::{
    error::BenchError,
    request::{Bare, Request},
};

/// What a call asked: waves of requests that were under way side by side, each with whether it was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan(Vec<Vec<(Request, bool)>>);

/// A plan that is ready to be sent.
pub(crate) struct BarePlan(Vec<Vec<(Bare, bool)>>);

/// An interceptor that keeps requests between [`Recorder::start`] and [`Recorder::end`], and does nothing else. Clones are the
/// same recorder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Option<Recording>>>);

#[derive(Debug, Default)]
struct Recording {
    asked: Vec<(Request, bool)>,
    waves: Waves,
}

/// Which wave each request belongs to. Nothing that leaves after an answer is in a wave with what was answered: it may have
/// waited for it.
#[derive(Debug, Default)]
struct Waves {
    of: Vec<usize>,
    is_answered: bool,
}

/// Which request of a recording it is.
#[derive(Clone, Copy, Debug)]
struct Number(usize);

impl Storable for Number {
    type Storer = StoreReplace<Self>;
}

impl Waves {
    /// The next request leaves; its number.
    fn leaves(&mut self) -> usize {
        let wave = self.of.last().map_or(0, |newest| newest + usize::from(self.is_answered));
        self.is_answered = false;
        self.of.push(wave);
        self.of.len() - 1
    }

    /// A request is answered.
    fn answered(&mut self, number: usize) {
        self.is_answered |= self.of.get(number).is_some_and(|wave| self.of.last() == Some(wave));
    }
}

impl Recorder {
    /// Begins a recording.
    pub(crate) fn start(&self) {
        *self.recording() = Some(Recording::default());
    }

    /// Ends it: what was asked meanwhile.
    pub(crate) fn end(&self) -> Plan {
        let Recording { asked, waves } = self.recording().take().unwrap_or_default();
        let mut plan: Vec<Vec<(Request, bool)>> = Vec::new();
        for (request, wave) in asked.into_iter().zip(waves.of) {
            match plan.get_mut(wave) {
                Some(together) => together.push(request),
                None => plan.push(vec![request]),
            }
        }
        Plan(plan)
    }

    fn recording(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(recording) = &mut *self.recording()
            && let Some(request) = Request::of(context.input())
        {
            recording.asked.push((request, false));
            bag.interceptor_state().store_put(Number(recording.waves.leaves()));
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(recording) = &mut *self.recording()
            && let Some(Number(number)) = bag.load::<Number>().copied()
        {
            recording.waves.answered(number);
            if let Some((_, is_done)) = recording.asked.get_mut(number) {
                *is_done = context.output_or_error().is_some_and(|outcome| outcome.is_ok());
            }
        }
        Ok(())
    }
}

impl Plan {
    /// How many requests it has.
    pub(crate) fn requests(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Made ready.
    pub(crate) fn bare(&self) -> Result<BarePlan, BenchError> {
        let wave = |wave: &Vec<(Request, bool)>| wave.iter().map(|(request, is_done)| Ok((request.bare()?, *is_done))).collect();
        self.0.iter().map(wave).collect::<Result<_, _>>().map(BarePlan)
    }
}

impl BarePlan {
    /// Sends each wave's requests side by side, one wave after the other, and drops the answers. Whether each request was done or
    /// refused as the first time.
    pub(crate) async fn send(self, client: &Client) -> bool {
        let mut is_same = true;
        for wave in self.0 {
            let sent = wave.into_iter().map(|(request, is_done)| async move { request.send(client).await == is_done });
            is_same &= join_all(sent).await.into_iter().all(|same| same);
        }
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests leave (+) and are answered (by number): their waves.
    fn waves(story: &[Option<usize>]) -> Vec<usize> {
        let mut waves = Waves::default();
        for event in story {
            match event {
                None => drop(waves.leaves()),
                Some(number) => waves.answered(*number),
            }
        }
        waves.of
    }

    #[test]
    fn a_wave_is_what_is_under_way_side_by_side() {
        assert_eq!(waves(&[None, Some(0), None, Some(1)]), [0, 1], "one after the other");
        assert_eq!(waves(&[None, None, Some(1), Some(0), None, None, None]), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn what_leaves_after_an_answer_may_have_waited_for_it() {
        // Two conversations side by side, each with three requests in sequence; the second one's are slower.
        let story = [None, None, Some(0), None, Some(2), None, Some(1), None, Some(3)];
        assert_eq!(waves(&story), [0, 0, 1, 2, 2]);
    }
}
