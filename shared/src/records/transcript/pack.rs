//! A day's messages in as few notes as they fit into. Notes that somebody deleted in Pipedrive keep what was in them: it is
//! not written again.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::render::Scene;
use crate::{
    model::{
        day::Day,
        ids::Place,
        message::Message,
        record::{Note, NoteState},
    },
    records::zone::Zone,
};

/// Most bytes of a note: Pipedrive takes about 100 kB.
pub const MAX_NOTE: usize = 88_000;
/// The number of the note that holds what was written before a conversation was linked. Not one of a day's.
pub const HISTORY: u32 = 9_000;
/// Most bytes of a date above messages.
const HEADING: usize = 60;

/// A note as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which of the day's notes.
    pub part: u32,
    /// Its text.
    pub html: String,
    /// A hash of its text but for how far messages got: what a note is written for.
    pub digest: String,
    /// The first message in it.
    pub first: Place,
    /// The last message in it.
    pub last: Place,
    /// Its messages.
    pub places: Vec<Place>,
}

/// The notes of a day with these messages, in their order.
pub fn pack(scene: &Scene<'_>, day: &Day, messages: &[Message], known: &[Note]) -> Vec<Wanted> {
    let is_closed = |note: &&Note| note.state == NoteState::Deleted || note.part >= HISTORY;
    let closed: Vec<&Note> = known.iter().filter(is_closed).collect();
    let is_open = |message: &&Message| {
        let place = message.id.place();
        !closed.iter().any(|note| note.first <= place && place <= note.last)
    };
    let mut parts = (0..HISTORY).filter(|part| !closed.iter().any(|note| note.part == *part));
    let mut packed: Vec<Packing> = Vec::new();
    for message in messages.iter().filter(is_open) {
        let (line, place) = (scene.line(message), message.id.place());
        if packed.last().is_none_or(|packing| packing.html.len() + line.html.len() > MAX_NOTE) {
            let part = parts.next().unwrap_or(HISTORY - 1);
            packed.push(Packing { part, html: scene.head(&Zone::words(day), part), gist: String::new(), places: Vec::new() });
        }
        let Some(packing) = packed.last_mut() else { continue };
        packing.html.push_str(&line.html);
        packing.gist.push_str(&line.gist);
        packing.places.push(place);
    }
    packed.into_iter().filter_map(|packing| packing.wanted(scene, day)).collect()
}

/// One note of messages from before a conversation was linked, as many of the newest as fit. None if there are none.
pub fn history(scene: &Scene<'_>, day: &Day, messages: &[Message]) -> Option<Wanted> {
    let mut lines = Vec::new();
    let mut bytes = 0;
    for message in messages.iter().rev() {
        let (day, line) = (scene.zone.day(message.sent_at), scene.line(message).html);
        bytes += line.len() + HEADING;
        if bytes > MAX_NOTE {
            break;
        }
        lines.push((day, line, message.id.place()));
    }
    let mut html = scene.head("What was written before", 0);
    let (mut places, mut heading) = (Vec::new(), None);
    for (day, line, place) in lines.into_iter().rev() {
        if heading.as_ref() != Some(&day) {
            let _ = write!(html, "<p><i>{}</i></p>", Zone::words(&day));
            heading = Some(day);
        }
        html.push_str(&line);
        places.push(place);
    }
    Packing { part: HISTORY, gist: html.clone(), html, places }.wanted(scene, day)
}

struct Packing {
    part: u32,
    html: String,
    gist: String,
    places: Vec<Place>,
}

impl Packing {
    fn wanted(self, scene: &Scene<'_>, day: &Day) -> Option<Wanted> {
        let (first, last) = (self.places.first()?.clone(), self.places.last()?.clone());
        let digest = URL_SAFE_NO_PAD.encode(&digest(&SHA256, self.gist.as_bytes()).as_ref()[..16]);
        let html = self.html + &scene.foot(day, self.part);
        Some(Wanted { part: self.part, html, digest, first, last, places: self.places })
    }
}
