//! The calls of the contacts and deals API. A test holds this table against the routes in template.yaml.

use serde_json::{Value, json};
use shared::{
    crm::shapes::{
        ContactCreate, ContactUpdate, ContactView, DealCreate, DealStatus, DealUpdate, DealUpdated, DealView, ListContact,
        ListCreate, ListDeleted, ListView, Page, PipelineView, SavedContact, SavedDeal, StageView,
    },
    http::v2::{error::ErrorCode, input::MAX_PAGE},
};

use super::{All, Operation, Parameter, answer, request};

const CONTACTS: &str = "Contacts";
const LISTS: &str = "Segmentation lists";
const DEALS: &str = "Deals";

const fn path(name: &'static str, about: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: "path", about, schema }
}

const fn query(name: &'static str, about: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: "query", about, schema }
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 320})
}

fn id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"\S"})
}

fn page() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": MAX_PAGE, "default": 0})
}

fn status() -> Value {
    json!({"type": "string", "enum": DealStatus::ALL})
}

const CONTACT: Parameter = path("contact", "Its id, its e-mail address, or its phone number with a plus, percent-encoded.", text);
const LIST: Parameter = path("list", "The list's id: `sl_…`.", id);
const DEAL: Parameter = path("deal", "The deal's id.", id);
const PIPELINE: Parameter = path("pipeline", "The pipeline's id.", id);
const PAGE: Parameter = query("page", "Which page, from 0.", page);

pub(super) const ALL: &[Operation] = &[
    Operation {
        route: "POST /v2/contacts",
        id: "createContact",
        tag: CONTACTS,
        summary: "Create a contact",
        parameters: &[],
        body: Some(request::<ContactCreate>),
        success: Some((201, answer::<SavedContact>)),
        errors: &[ErrorCode::ContactAlreadyExists],
    },
    Operation {
        route: "GET /v2/contacts",
        id: "listContacts",
        tag: CONTACTS,
        summary: "List contacts by page",
        parameters: &[PAGE],
        body: None,
        success: Some((200, answer::<Page<ContactView>>)),
        errors: &[],
    },
    Operation {
        route: "PUT /v2/contacts",
        id: "updateNoContact",
        tag: CONTACTS,
        summary: "Names no contact, and is refused",
        parameters: &[],
        body: None,
        success: None,
        errors: &[ErrorCode::InvalidParams],
    },
    Operation {
        route: "GET /v2/contacts/{contact}",
        id: "getContact",
        tag: CONTACTS,
        summary: "Get a contact",
        parameters: &[CONTACT],
        body: None,
        success: Some((200, answer::<ContactView>)),
        errors: &[ErrorCode::ContactNotFound, ErrorCode::InvalidParams],
    },
    Operation {
        route: "PUT /v2/contacts/{contact}",
        id: "updateContact",
        tag: CONTACTS,
        summary: "Update a contact",
        parameters: &[CONTACT],
        body: Some(request::<ContactUpdate>),
        success: Some((200, answer::<SavedContact>)),
        errors: &[ErrorCode::ContactNotFound, ErrorCode::ContactAlreadyExists, ErrorCode::InvalidParams],
    },
    Operation {
        route: "GET /v2/segmentation-lists",
        id: "listSegmentationLists",
        tag: LISTS,
        summary: "List the segmentation lists",
        parameters: &[],
        body: None,
        success: Some((200, answer::<All<ListView>>)),
        errors: &[],
    },
    Operation {
        route: "POST /v2/segmentation-lists",
        id: "createSegmentationList",
        tag: LISTS,
        summary: "Create a segmentation list",
        parameters: &[],
        body: Some(request::<ListCreate>),
        success: Some((201, answer::<ListView>)),
        errors: &[],
    },
    Operation {
        route: "DELETE /v2/segmentation-lists/{list}",
        id: "deleteSegmentationList",
        tag: LISTS,
        summary: "Delete a segmentation list; its contacts stay",
        parameters: &[LIST],
        body: None,
        success: Some((200, answer::<ListDeleted>)),
        errors: &[ErrorCode::SegmentationListNotFound],
    },
    Operation {
        route: "POST /v2/segmentation-lists/{list}/contacts",
        id: "addNoContact",
        tag: LISTS,
        summary: "Names no contact, and is refused",
        parameters: &[LIST],
        body: None,
        success: None,
        errors: &[ErrorCode::InvalidParams],
    },
    Operation {
        route: "DELETE /v2/segmentation-lists/{list}/contacts",
        id: "removeNoContact",
        tag: LISTS,
        summary: "Names no contact, and is refused",
        parameters: &[LIST],
        body: None,
        success: None,
        errors: &[ErrorCode::InvalidParams],
    },
    Operation {
        route: "POST /v2/segmentation-lists/{list}/contacts/{contact}",
        id: "addContactToSegmentationList",
        tag: LISTS,
        summary: "Put a contact on a segmentation list",
        parameters: &[LIST, CONTACT],
        body: None,
        success: Some((200, answer::<ListContact>)),
        errors: &[ErrorCode::SegmentationListNotFound, ErrorCode::ContactNotFound, ErrorCode::InvalidParams],
    },
    Operation {
        route: "DELETE /v2/segmentation-lists/{list}/contacts/{contact}",
        id: "removeContactFromSegmentationList",
        tag: LISTS,
        summary: "Take a contact off a segmentation list",
        parameters: &[LIST, CONTACT],
        body: None,
        success: Some((200, answer::<ListContact>)),
        errors: &[ErrorCode::SegmentationListNotFound, ErrorCode::ContactNotFound, ErrorCode::InvalidParams],
    },
    Operation {
        route: "POST /v2/deals",
        id: "createDeal",
        tag: DEALS,
        summary: "Create a deal",
        parameters: &[],
        body: Some(request::<DealCreate>),
        success: Some((201, answer::<SavedDeal>)),
        errors: &[
            ErrorCode::ContactNotFound,
            ErrorCode::PipelineNotFound,
            ErrorCode::StageNotFound,
            ErrorCode::ContactAssociatedWithADeal,
        ],
    },
    Operation {
        route: "GET /v2/deals",
        id: "listDeals",
        tag: DEALS,
        summary: "List deals by page",
        parameters: &[
            PAGE,
            query("contactId", "Of this contact alone.", id),
            query("pipelineId", "Of this pipeline alone.", id),
            query("stageId", "Of this stage alone.", id),
            query("status", "Of this status alone.", status),
        ],
        body: None,
        success: Some((200, answer::<Page<DealView>>)),
        errors: &[ErrorCode::ContactNotFound, ErrorCode::PipelineNotFound, ErrorCode::StageNotFound],
    },
    Operation {
        route: "PUT /v2/deals",
        id: "updateNoDeal",
        tag: DEALS,
        summary: "Names no deal, and is refused",
        parameters: &[],
        body: None,
        success: None,
        errors: &[ErrorCode::InvalidParams],
    },
    Operation {
        route: "GET /v2/deals/{deal}",
        id: "getDeal",
        tag: DEALS,
        summary: "Get a deal",
        parameters: &[DEAL],
        body: None,
        success: Some((200, answer::<DealView>)),
        errors: &[ErrorCode::DealNotFound, ErrorCode::InvalidParams],
    },
    Operation {
        route: "PUT /v2/deals/{deal}",
        id: "updateDeal",
        tag: DEALS,
        summary: "Update a deal",
        parameters: &[DEAL],
        body: Some(request::<DealUpdate>),
        success: Some((200, answer::<DealUpdated>)),
        errors: &[
            ErrorCode::DealNotFound,
            ErrorCode::ContactNotFound,
            ErrorCode::StageNotFound,
            ErrorCode::ContactAssociatedWithADeal,
            ErrorCode::InvalidParams,
        ],
    },
    Operation {
        route: "GET /v2/pipelines",
        id: "listPipelines",
        tag: DEALS,
        summary: "List the pipelines",
        parameters: &[],
        body: None,
        success: Some((200, answer::<All<PipelineView>>)),
        errors: &[],
    },
    Operation {
        route: "GET /v2/pipelines/{pipeline}/stages",
        id: "listStages",
        tag: DEALS,
        summary: "List a pipeline's stages",
        parameters: &[PIPELINE],
        body: None,
        success: Some((200, answer::<All<StageView>>)),
        errors: &[ErrorCode::PipelineNotFound],
    },
];
