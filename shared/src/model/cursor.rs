//! Places in a list, as opaque text for the reader. A cursor holds all it needs, so it stays good when the rows around it
//! are gone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    ids::{ConversationId, MessageId, Place},
    time::Timestamp,
};

/// The text is not a cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

/// After this conversation, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationCursor {
    /// Its newest message's time when the page was made.
    pub last_at: Timestamp,
    /// Its id, for conversations of the same moment.
    pub id: ConversationId,
}

impl ConversationCursor {
    /// As opaque text.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("c1 {} {}", self.last_at.millis(), self.id))
    }

    /// Reads what [`ConversationCursor::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let plain = decode(text)?;
        let (ms, id) = plain.strip_prefix("c1 ").and_then(|rest| rest.split_once(' ')).ok_or(InvalidCursor)?;
        Ok(Self { last_at: moment(ms)?, id: ConversationId::parse(id).map_err(|_| InvalidCursor)? })
    }
}

/// After this message of its conversation, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageCursor {
    /// Where the page ended.
    pub place: Place,
}

impl MessageCursor {
    /// As opaque text.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("m1 {}", self.place))
    }

    /// Reads what [`MessageCursor::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let plain = decode(text)?;
        let place = plain.strip_prefix("m1 ").ok_or(InvalidCursor)?;
        Ok(Self { place: Place::parse(place).map_err(|_| InvalidCursor)? })
    }
}

/// After this dead letter of its company's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadCursor {
    /// When it was given up.
    pub at: Timestamp,
    /// Which message it is, for those of the same moment.
    pub message: MessageId,
}

impl DeadCursor {
    /// As opaque text.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("d1 {} {}", self.at.millis(), self.message))
    }

    /// Reads what [`DeadCursor::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let plain = decode(text)?;
        let (ms, id) = plain.strip_prefix("d1 ").and_then(|rest| rest.split_once(' ')).ok_or(InvalidCursor)?;
        Ok(Self { at: moment(ms)?, message: MessageId::parse(id).map_err(|_| InvalidCursor)? })
    }
}

/// Milliseconds, if they are written in the one way in which we write them.
fn moment(ms: &str) -> Result<Timestamp, InvalidCursor> {
    let at = Timestamp::from_millis(ms.parse().map_err(|_| InvalidCursor)?);
    if at.millis().to_string() == ms { Ok(at) } else { Err(InvalidCursor) }
}

fn decode(text: &str) -> Result<String, InvalidCursor> {
    if text.len() > 200 {
        return Err(InvalidCursor);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
    String::from_utf8(bytes).map_err(|_| InvalidCursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,300}") {
            if let Ok(cursor) = ConversationCursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text.clone());
            }
            if let Ok(cursor) = MessageCursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text.clone());
            }
            if let Ok(cursor) = DeadCursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text);
            }
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let cursor = ConversationCursor { last_at: Timestamp::from_secs(1_767_225_600), id: ConversationId::new() };
        assert_eq!(ConversationCursor::decode(&cursor.encode()), Ok(cursor.clone()));
        assert_eq!(MessageCursor::decode(&cursor.encode()), Err(InvalidCursor), "of another list");
        let at = Timestamp::from_secs(1_767_225_600);
        let dead = DeadCursor { at, message: ConversationId::new().message(&Place::new(at, at, 0)) };
        assert_eq!(DeadCursor::decode(&dead.encode()), Ok(dead.clone()));
        assert_eq!(ConversationCursor::decode(&dead.encode()), Err(InvalidCursor), "of another list");
    }
}
