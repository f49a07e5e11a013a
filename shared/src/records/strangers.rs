//! What is made of a customer whom Pipedrive did not know, beside the person: nothing, an unread lead, or a deal.

use super::{
    creating::once,
    work::{Stop, Work, is_declined},
};
use crate::{
    model::{
        conversation::Conversation,
        ids::{PersonId, PipelineId, StageId},
        record::{AuditEntry, Deed, RecordRef, Records, Strangers, Why},
    },
    pipedrive::{Deal, DealFields, Lead, LeadFields},
    records::link::{known_deal, known_lead},
};

/// Leads and deals of one new person among which ours is looked for.
const FEW: usize = 20;

fn lead_name(conversation: &Conversation) -> [String; 1] {
    [format!("lead#{}", conversation.id)]
}

fn deal_name(conversation: &Conversation) -> [String; 1] {
    [format!("deal#{}", conversation.id)]
}

/// Makes it. What Pipedrive does not let us make is left out and told.
pub(super) async fn welcome(
    work: &Work<'_>,
    conversation: &Conversation,
    person: PersonId,
    entries: &mut Vec<AuditEntry>,
) -> Result<Records, Stop> {
    let made = match work.channel.settings.strangers {
        Strangers::Nothing => return Ok(Records::default()),
        Strangers::Lead => lead(work, conversation, person).await,
        Strangers::Deal { pipeline, stage } => deal(work, conversation, person, pipeline, stage).await,
    };
    match made {
        Ok(records) => {
            entries.extend(records.all().map(|record| work.entry(Deed::Created, Some(record), Why::Stranger)));
            Ok(records)
        }
        Err(Stop::Pipedrive(error)) if is_declined(&error) => {
            let why = Why::Declined { code: error.code().to_owned() };
            entries.push(work.entry(Deed::Skipped, None, why));
            Ok(Records::default())
        }
        Err(stop) => Err(stop),
    }
}

/// What was made is stored with the conversation: nobody has to look for it any more.
pub(super) async fn done(work: &Work<'_>, conversation: &Conversation) -> Result<(), Stop> {
    let intents = work.ports.intents;
    match work.channel.settings.strangers {
        Strangers::Nothing => {}
        Strangers::Lead => intents.done(conversation.company, &lead_name(conversation)).await?,
        Strangers::Deal { .. } => intents.done(conversation.company, &deal_name(conversation)).await?,
    }
    Ok(())
}

async fn lead(work: &Work<'_>, conversation: &Conversation, person: PersonId) -> Result<Records, Stop> {
    let (intent, title) = (lead_name(conversation), work.title(conversation));
    let origin = conversation.id.to_string();
    let earlier = match work.ports.intents.intent(conversation.company, &intent).await? {
        Some(_) => {
            let leads = work.ports.leads.leads_of(work.access, person, None, FEW).await?.items;
            leads.into_iter().find(|lead| lead.origin.as_deref() == Some(&origin))
        }
        None => None,
    };
    let fields = LeadFields {
        title: Some(title.clone()),
        person: Some(person),
        seen: Some(false),
        origin: Some(origin),
        ..LeadFields::default()
    };
    let made: Lead = match earlier {
        Some(lead) => lead,
        None => once(work, &intent, title, work.ports.leads.create_lead(work.access, &fields)).await?,
    };
    work.learn(&RecordRef::Lead(made.id.clone()), &known_lead(&made, work.now())).await?;
    Ok(Records { lead: Some(made.id), ..Records::default() })
}

async fn deal(
    work: &Work<'_>,
    conversation: &Conversation,
    person: PersonId,
    pipeline: PipelineId,
    stage: StageId,
) -> Result<Records, Stop> {
    let (intent, title) = (deal_name(conversation), work.title(conversation));
    // The person is new: a deal of theirs with this title is ours.
    let earlier = match work.ports.intents.intent(conversation.company, &intent).await? {
        Some(intent) => {
            let deals = work.ports.deals.open_deals_of(work.access, person, FEW).await?;
            deals.into_iter().find(|deal| deal.title == intent.called)
        }
        None => None,
    };
    let fields = DealFields {
        title: Some(title.clone()),
        person: Some(person),
        pipeline: Some(pipeline),
        stage: Some(stage),
        ..DealFields::default()
    };
    let made: Deal = match earlier {
        Some(deal) => deal,
        None => once(work, &intent, title, work.ports.deals.create_deal(work.access, &fields)).await?,
    };
    work.learn(&RecordRef::Deal(made.id), &known_deal(&made, work.now())).await?;
    Ok(Records { deal: Some(made.id), ..Records::default() })
}
