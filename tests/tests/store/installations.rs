//! Installations: grants, renewals by one at a time, and what is left after an uninstallation.

use shared::{
    inbox::ports::{ChannelStore, DueWork, InstallationStore, Lease, OutboxStore},
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState},
    },
};

use crate::store::fixture::*;

async fn read(f: &Fixture) -> Installation {
    f.table.installation(COMPANY, USER).await.unwrap().unwrap()
}

fn renewed(old: &Installation) -> Installation {
    Installation { version: old.version + 1, access_until: later(old.access_until, 3600), ..installation(USER) }
}

#[tokio::test]
async fn a_grant_is_stored_over_what_was_there_and_releases_what_was_held() {
    let f = fixture();
    assert_eq!(f.table.installation(COMPANY, USER).await.unwrap(), None);
    let first = installation(USER);
    f.table.save_grant(&first, at(500)).await.unwrap();
    assert_eq!(read(&f).await, first);
    assert_eq!(f.table.due(at(0), 10).await.unwrap(), [DueWork::Release(COMPANY, USER)]);
    f.table.released(COMPANY, USER, at(0)).await.unwrap();
    assert_eq!(f.table.due(at(0), 10).await.unwrap().len(), 1, "one that was asked for since stays");
    f.table.released(COMPANY, USER, at(1)).await.unwrap();
    f.table.released(COMPANY, USER, at(1)).await.unwrap();
    assert!(f.table.due(at(1_000), 10).await.unwrap().is_empty());
    assert_eq!(f.table.tokens_due(at(499), 10).await.unwrap(), []);
    assert_eq!(f.table.tokens_due(at(500), 10).await.unwrap(), [(COMPANY, USER)]);

    f.table.take_lease(&first, "a", at(1), at(30)).await.unwrap();
    f.table.save_grant(&Installation { version: 2, ..first.clone() }, at(900)).await.unwrap();
    assert!(matches!(f.table.take_lease(&read(&f).await, "b", at(1), at(30)).await.unwrap(), Lease::Taken));
    f.table.save_grant(&first, at(900)).await.unwrap();
    assert_eq!(read(&f).await.version, 3, "a grant counts, however stale its version");
    assert_eq!(f.table.tokens_due(at(899), 10).await.unwrap(), []);
}

#[tokio::test]
async fn one_at_a_time_renews() {
    let f = fixture();
    let old = installation(USER);
    f.table.save_grant(&old, at(500)).await.unwrap();
    let owners = ["a", "b", "c", "d"];
    let leases = owners.map(|owner| f.table.take_lease(&old, owner, at(1), at(30)));
    let leases = futures_util::future::try_join_all(leases).await.unwrap();
    assert_eq!(leases.iter().filter(|lease| matches!(lease, Lease::Taken)).count(), 1, "{leases:?}");
    let winner = owners[leases.iter().position(|lease| matches!(lease, Lease::Taken)).unwrap()];

    assert!(matches!(f.table.take_lease(&old, winner, at(2), at(30)).await.unwrap(), Lease::Taken), "repeatable");
    f.table.end_lease(COMPANY, USER, "somebody else").await.unwrap();
    assert!(matches!(f.table.take_lease(&old, "e", at(2), at(30)).await.unwrap(), Lease::Missed));
    assert!(matches!(f.table.take_lease(&old, "e", at(31), at(60)).await.unwrap(), Lease::Taken), "it ended");
    f.table.end_lease(COMPANY, USER, "e").await.unwrap();
    assert!(matches!(f.table.take_lease(&old, "f", at(31), at(60)).await.unwrap(), Lease::Taken), "it was given back");

    let new = renewed(&old);
    f.table.set_delivery(COMPANY, USER, Delivery::Channels, at(0)).await.unwrap();
    assert!(f.table.save_renewed(&new, at(600)).await.unwrap());
    assert_eq!(read(&f).await, Installation { delivery: Some(Delivery::Channels), ..new.clone() });
    assert!(!f.table.save_renewed(&new, at(600)).await.unwrap(), "renewed already");
    assert!(matches!(f.table.take_lease(&old, "g", at(90), at(99)).await.unwrap(), Lease::Missed), "of older tokens");
    assert!(matches!(f.table.take_lease(&new, "g", at(32), at(99)).await.unwrap(), Lease::Taken), "the lease is over");
    assert_eq!(f.table.tokens_due(at(600), 10).await.unwrap(), [(COMPANY, USER)]);
    assert_eq!(f.table.tokens_due(at(599), 10).await.unwrap(), []);
}

#[tokio::test]
async fn uninstalling_drops_the_tokens_and_no_renewal_brings_them_back() {
    let f = fixture();
    let old = installation(USER);
    f.table.save_grant(&old, at(500)).await.unwrap();
    let stale = Installation { version: 9, ..old.clone() };
    assert!(!f.table.set_installation_state(&stale, InstallationState::Uninstalled).await.unwrap());
    assert!(f.table.set_installation_state(&old, InstallationState::Uninstalled).await.unwrap());
    assert!(f.table.set_installation_state(&old, InstallationState::Uninstalled).await.unwrap(), "repeatable");
    let stored = read(&f).await;
    assert_eq!((stored.state, stored.tokens), (InstallationState::Uninstalled, None));
    assert_eq!(f.table.tokens_due(at(10_000), 10).await.unwrap(), []);
    assert!(!f.table.save_renewed(&renewed(&old), at(600)).await.unwrap());
    assert_eq!(read(&f).await.tokens, None);
}

#[tokio::test]
async fn a_renewal_after_all_ends_the_need_to_reconnect() {
    let f = fixture();
    let old = installation(USER);
    f.table.save_grant(&old, at(500)).await.unwrap();
    f.table.released(COMPANY, USER, at(1)).await.unwrap();
    assert!(f.table.set_installation_state(&old, InstallationState::NeedsReconnect).await.unwrap());
    assert_eq!(f.table.tokens_due(at(10_000), 10).await.unwrap(), []);
    assert!(read(&f).await.tokens.is_some());

    assert!(f.table.save_renewed(&renewed(&old), at(600)).await.unwrap());
    assert_eq!(read(&f).await.state, InstallationState::Connected);
    assert_eq!(f.table.due(at(10_000), 10).await.unwrap(), [DueWork::Release(COMPANY, USER)]);
}

#[tokio::test]
async fn changes_of_an_unknown_installation_make_none() {
    let f = fixture();
    let unknown = installation(USER);
    f.table.set_delivery(COMPANY, USER, Delivery::Records, at(0)).await.unwrap();
    f.table.end_lease(COMPANY, USER, "a").await.unwrap();
    assert!(!f.table.save_renewed(&renewed(&unknown), at(1)).await.unwrap());
    assert!(!f.table.set_installation_state(&unknown, InstallationState::Uninstalled).await.unwrap());
    assert!(matches!(f.table.take_lease(&unknown, "a", at(1), at(2)).await.unwrap(), Lease::Missed));
    assert_eq!(f.items().await.len(), 0);
}

#[tokio::test]
async fn members_are_those_of_the_company_alone() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    f.table.save_grant(&installation(USER), at(500)).await.unwrap();
    f.table.save_grant(&installation(UserId(8)), at(500)).await.unwrap();
    f.table.save_grant(&Installation { company: CompanyId(421), ..installation(USER) }, at(500)).await.unwrap();

    let members = f.table.members(COMPANY).await.unwrap();
    assert_eq!(members.channels, [channel]);
    let users: Vec<UserId> = members.installations.iter().map(|installation| installation.user).collect();
    assert_eq!(users, [USER, UserId(8)]);
    assert_eq!(f.table.tokens_due(at(500), 10).await.unwrap().len(), 3);
    assert_eq!(f.table.tokens_due(at(500), 2).await.unwrap().len(), 2);
    assert!(f.table.members(CompanyId(4)).await.unwrap().installations.is_empty());
}
