//! Who gets the unread badge: the owner of the deal, person or lead that a conversation is linked to, if they use the app;
//! else whoever the channel's settings name; else the channel's owner.

use std::collections::{BTreeSet, HashMap};

use crate::{
    inbox::ports::Members,
    model::{
        conversation::Conversation,
        ids::{ChannelId, UserId},
        installation::InstallationState,
    },
};

/// Where a company's conversations go.
pub struct Routes<'a> {
    users: BTreeSet<UserId>,
    channels: HashMap<&'a ChannelId, UserId>,
}

impl<'a> Routes<'a> {
    /// Of this company.
    pub fn new(members: &'a Members) -> Self {
        let installed = members.installations.iter().filter(|i| i.state != InstallationState::Uninstalled);
        let users: BTreeSet<UserId> = installed.map(|installation| installation.user).collect();
        let named = |user: &UserId| users.contains(user);
        let channels = members
            .channels
            .iter()
            .map(|channel| (&channel.id, channel.settings.assignee.filter(named).unwrap_or(channel.owner)))
            .collect();
        Self { users, channels }
    }

    /// Who gets the conversation's badge.
    pub fn assignee(&self, conversation: &Conversation) -> UserId {
        let of_record = conversation.record.owner.filter(|owner| self.users.contains(owner));
        let of_channel = || self.channels.get(&conversation.channel).copied();
        of_record.or_else(of_channel).unwrap_or(conversation.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        conversation::{ConversationState, Customer},
        ids::{AccountId, CompanyId, ConversationId},
        installation::Installation,
        record::{ChannelSettings, Link},
        time::Timestamp,
    };

    const COMPANY: CompanyId = CompanyId(7);

    fn user(id: u64, state: InstallationState) -> Installation {
        Installation {
            company: COMPANY,
            user: UserId(id),
            company_name: String::new(),
            user_name: String::new(),
            timezone: String::new(),
            api_domain: String::new(),
            public_url: String::new(),
            state,
            tokens: None,
            access_until: Timestamp::EPOCH,
            refreshed_at: Timestamp::EPOCH,
            version: 1,
            delivery: None,
            reviewed_at: None,
            halt: None,
        }
    }

    fn channel(assignee: Option<u64>) -> Channel {
        Channel {
            id: ChannelId::new(COMPANY),
            company: COMPANY,
            owner: UserId(1),
            provider: ProviderKind::Custom,
            account: AccountId::parse("a").unwrap(),
            group: None,
            name: String::new(),
            provider_type: String::new(),
            state: ChannelState::Active,
            delivery: Delivery::Records,
            settings: ChannelSettings { assignee: assignee.map(UserId), ..ChannelSettings::default() },
            problem: None,
            import: None,
            credentials: None,
            created_at: Timestamp::EPOCH,
        }
    }

    fn conversation(channel: &Channel, owner: Option<u64>) -> Conversation {
        Conversation {
            id: ConversationId::new(),
            channel: channel.id.clone(),
            company: COMPANY,
            owner: channel.owner,
            customer: Customer::new(Vec::new(), String::new()),
            state: ConversationState::Open,
            link: String::new(),
            last_at: Timestamp::EPOCH,
            unread: 0,
            reply_by: None,
            outbox: std::collections::BTreeMap::new(),
            pause: None,
            last: None,
            changed_at: None,
            answered_by: None,
            record: Link { owner: owner.map(UserId), ..Link::default() },
        }
    }

    #[test]
    fn the_records_owner_goes_before_the_channels_if_they_use_the_app() {
        for (of_record, of_channel, expected) in [
            (None, None, 1),
            (Some(2), None, 2),
            (Some(2), Some(3), 2),
            (None, Some(3), 3),
            (Some(9), Some(3), 3),
            (Some(4), None, 1),
        ] {
            let channel = channel(of_channel);
            let conversation = conversation(&channel, of_record);
            let installations = vec![
                user(1, InstallationState::Connected),
                user(2, InstallationState::NeedsReconnect),
                user(3, InstallationState::Connected),
                user(4, InstallationState::Uninstalled),
            ];
            let members = Members { installations, channels: vec![channel] };
            assert_eq!(Routes::new(&members).assignee(&conversation), UserId(expected), "{of_record:?} {of_channel:?}");
        }
    }
}
