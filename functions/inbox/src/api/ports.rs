//! All that the API is made of, and from it what each use case needs.

use std::sync::Arc;

use shared::{
    clock::Clock,
    config::Config,
    crm::ports::LockStore,
    environment::Environment,
    inbox::{
        dead::DeadStore,
        error::InboxError,
        page::{answer::AnswerPorts, start::StartPorts},
        ports::{ChannelStore, InboxReader, InboxWriter, InstallationStore, ReceiveStore, SendStore, TemplateStore},
        send::SendPorts,
        sight::SharingStore,
        templates::TemplatePorts,
        tokens::Tokens,
    },
    media::{bucket::Bucket, links::Links},
    pipedrive::{ChannelsApi, DealsApi, LeadsApi, OAuth, PersonsApi, PipelinesApi},
    providers::Registry,
    records::{
        link::{LinkPorts, relink::RelinkPorts},
        ports::{AuditStore, BudgetStore, IntentStore, LinkStore, NoteStore},
        watch::ports::KnownStore,
    },
    secrets::SecretCache,
};

use super::Call;

/// All that the API is made of.
pub(crate) struct Api {
    pub(super) config: Arc<Config>,
    pub(super) reader: Arc<dyn InboxReader>,
    pub(super) writer: Arc<dyn InboxWriter>,
    pub(super) known_customers: Arc<dyn ReceiveStore>,
    pub(super) sends: Arc<dyn SendStore>,
    pub(super) templates: Arc<dyn TemplateStore>,
    pub(super) channels: Arc<dyn ChannelStore>,
    pub(super) sharing: Arc<dyn SharingStore>,
    pub(super) dead: Arc<dyn DeadStore>,
    pub(super) installations: Arc<dyn InstallationStore>,
    pub(super) links: Arc<dyn LinkStore>,
    pub(super) notes: Arc<dyn NoteStore>,
    pub(super) known: Arc<dyn KnownStore>,
    pub(super) audit: Arc<dyn AuditStore>,
    pub(super) budget: Arc<dyn BudgetStore>,
    pub(super) locks: Arc<dyn LockStore>,
    pub(super) intents: Arc<dyn IntentStore>,
    pub(super) bucket: Arc<dyn Bucket>,
    pub(super) oauth: Arc<dyn OAuth>,
    pub(super) inbox: Arc<dyn ChannelsApi>,
    pub(super) persons: Arc<dyn PersonsApi>,
    pub(super) deals: Arc<dyn DealsApi>,
    pub(super) leads: Arc<dyn LeadsApi>,
    pub(super) pipelines: Arc<dyn PipelinesApi>,
    pub(super) providers: Registry,
    pub(super) secrets: Arc<SecretCache>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Api {
    /// With what it needs of the environment.
    pub(crate) fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            config: environment.config.clone(),
            reader: table.clone(),
            writer: table.clone(),
            known_customers: table.clone(),
            sends: table.clone(),
            templates: table.clone(),
            channels: table.clone(),
            sharing: table.clone(),
            dead: table.clone(),
            installations: table.clone(),
            links: table.clone(),
            notes: table.clone(),
            known: table.clone(),
            audit: table.clone(),
            budget: table.clone(),
            locks: table.clone(),
            intents: table,
            bucket: environment.bucket(),
            oauth: pipedrive.clone(),
            inbox: pipedrive.clone(),
            persons: pipedrive.clone(),
            deals: pipedrive.clone(),
            leads: pipedrive.clone(),
            pipelines: pipedrive,
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }
}

impl Call<'_> {
    pub(super) async fn links(&self) -> Result<Links, InboxError> {
        let secrets = self.api.secrets.get().await?;
        Ok(Links::new(&secrets.vault, &self.public_url, self.api.clock.now())?)
    }

    pub(super) fn tokens(&self) -> Tokens<'_> {
        let Api { installations, oauth, secrets, clock, .. } = self.api;
        Tokens { store: &**installations, oauth: &**oauth, secrets, clock: &**clock }
    }

    pub(super) fn start_ports(&self) -> StartPorts<'_> {
        let Api { reader, installations, providers, secrets, clock, .. } = self.api;
        StartPorts { reader: &**reader, installations: &**installations, providers, secrets, clock: &**clock }
    }

    pub(super) fn template_ports(&self) -> TemplatePorts<'_> {
        let Api { templates, providers, secrets, clock, .. } = self.api;
        TemplatePorts { store: &**templates, providers, secrets, clock: &**clock }
    }

    pub(super) fn answer_ports(&self) -> AnswerPorts<'_> {
        let Api { reader, sends, templates, bucket, providers, secrets, clock, .. } = self.api;
        AnswerPorts {
            reader: &**reader,
            send: SendPorts {
                store: &**sends,
                templates: &**templates,
                bucket: &**bucket,
                providers,
                secrets,
                clock: &**clock,
                public_url: &self.public_url,
            },
        }
    }

    pub(super) fn link_ports(&self) -> LinkPorts<'_> {
        let api = self.api;
        LinkPorts {
            sight: &self.sight,
            relink: RelinkPorts { links: &*api.links, known: &*api.known, users: &*api.installations },
            known: &*api.known,
            audit: &*api.audit,
            locks: &*api.locks,
            intents: &*api.intents,
            installations: &*api.installations,
            tokens: self.tokens(),
            persons: &*api.persons,
            deals: &*api.deals,
            leads: &*api.leads,
            providers: &api.providers,
            spend: self.spend.clone(),
            clock: &*api.clock,
        }
    }
}
