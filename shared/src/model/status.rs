//! What became of a message. A status only moves forward.

use serde::{Deserialize, Serialize};

/// The four statuses that Pipedrive's contract knows, in the order in which a message passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The provider accepted it.
    Sent,
    /// It reached the recipient's device.
    Delivered,
    /// The recipient saw it.
    Read,
    /// It will not arrive.
    Failed,
}

impl Status {
    /// The contract's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }

    /// Whether a message at `self` becomes `next`. Sent < delivered < read; a failure overrides sent alone, since what
    /// was delivered has not failed; proof of delivery overrides a failure, since it came from the recipient's device.
    pub fn may_become(self, next: Self) -> bool {
        use Status::{Delivered, Failed, Read, Sent};
        matches!((self, next), (Sent, Delivered | Read | Failed) | (Delivered, Read) | (Failed, Delivered | Read))
    }

    /// The statuses from which a message may become this one.
    pub fn earlier(self) -> impl Iterator<Item = Self> {
        [Self::Sent, Self::Delivered, Self::Read, Self::Failed].into_iter().filter(move |from| from.may_become(self))
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{self, *};

    #[test]
    fn only_forward() {
        let moves: Vec<(Status, Status)> = [Sent, Delivered, Read, Failed]
            .into_iter()
            .flat_map(|a| [Sent, Delivered, Read, Failed].map(|b| (a, b)))
            .filter(|(a, b)| a.may_become(*b))
            .collect();
        assert_eq!(
            moves,
            [(Sent, Delivered), (Sent, Read), (Sent, Failed), (Delivered, Read), (Failed, Delivered), (Failed, Read)]
        );
    }
}
