//! Pages, customers, messages and conversations, as the Graph API shows them. Only fields that exist may be asked for.

use serde_json::{Map, Value, json};
use shared::model::channel::ProviderKind;

use super::{
    Messenger, MessengerError, Page,
    api::Call,
    messages::{File, Message, READABLE, created_time, described},
};
use crate::locked;

const PAGE: [&str; 4] = ["id", "name", "category", "link"];
const PROFILE: [&str; 5] = ["id", "first_name", "last_name", "name", "profile_pic"];
const MESSAGE: [&str; 8] = ["id", "created_time", "from", "to", "message", "attachments", "sticker", "reply_to"];
const CONVERSATION: [&str; 7] = ["id", "updated_time", "link", "participants", "unread_count", "can_reply", "messages"];
/// The id under which a customer's picture is kept.
const PICTURE: &str = "picture";

pub(super) fn read(messenger: &Messenger, page: &Page, id: &str, call: &Call) -> Result<Value, MessengerError> {
    let fields = call.parameter("fields");
    if id == page.id {
        let object = json!({"id": page.id, "name": page.name, "category": "Company", "link": "https://www.facebook.com/demo"});
        return pick(&object, &PAGE, fields);
    }
    if id.starts_with("m_") {
        let message = messenger.readable(page, id).ok_or_else(|| MessengerError::unknown_object(id))?;
        return pick(&messenger.described(page, &message), &MESSAGE, fields);
    }
    if messenger.messages_with(page, id).is_empty() {
        return Err(MessengerError::unknown_object(id));
    }
    if locked(&messenger.0.state).hidden.contains(id) {
        return Err(MessengerError::code(100, Some(2_018_218)));
    }
    let name = messenger.name_of(id);
    let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
    let object = json!({"id": id, "name": name, "first_name": first, "last_name": last, "profile_pic": messenger.picture()});
    pick(&object, &PROFILE, fields)
}

/// A page of conversations, newest first.
pub(super) fn conversations(messenger: &Messenger, page: &Page, call: &Call) -> Result<Value, MessengerError> {
    if call.parameter("platform").is_some_and(|platform| platform != "messenger") {
        return Err(MessengerError::parameter("Param platform must be one of {MESSENGER}"));
    }
    let number = |name, default| call.parameter(name).map_or(Some(default), |text| text.parse::<usize>().ok());
    let bad = || MessengerError::parameter("Invalid parameter");
    let (limit, after) = (number("limit", 25).ok_or_else(bad)?.clamp(1, 100), number("after", 0).ok_or_else(bad)?);
    let mut customers: Vec<String> = Vec::new();
    let messages = locked(&messenger.0.state).messages.clone();
    for message in messages.iter().rev().filter(|message| message.page == page.id) {
        if !customers.contains(&message.psid) {
            customers.push(message.psid.clone());
        }
    }
    let fields = call.parameter("fields").unwrap_or("id,updated_time,link");
    let shown = customers.iter().skip(after).take(limit);
    let data = shown.map(|psid| conversation(messenger, page, psid, fields)).collect::<Result<Vec<_>, _>>()?;
    let end = after + data.len();
    let mut paging = json!({"cursors": {"before": after.to_string(), "after": end.to_string()}});
    if end < customers.len() {
        paging["next"] =
            format!("https://graph.facebook.com/{}/conversations?access_token={}&after={end}", page.id, page.token).into();
    }
    Ok(json!({"data": data, "paging": paging}))
}

fn conversation(messenger: &Messenger, page: &Page, psid: &str, fields: &str) -> Result<Value, MessengerError> {
    let messages = messenger.messages_with(page, psid);
    let updated = messages.last().map(|message| created_time(message.at));
    let participants = json!({"data": [
        {"id": psid, "name": messenger.name_of(psid), "email": format!("{psid}@facebook.com")},
        {"id": page.id, "name": page.name, "email": format!("{}@facebook.com", page.id)},
    ]});
    let mut object = json!({
        "id": format!("t_{psid}"), "updated_time": updated, "link": format!("/demo/inbox/{psid}/"),
        "participants": participants, "unread_count": 0, "can_reply": true,
    });
    if let Some(asked) = split(fields).into_iter().find(|field| name(field) == "messages") {
        let inner = asked.split_once('{').map(|(_, inner)| inner.trim_end_matches('}'));
        let newest = messages.iter().rev().take(READABLE);
        let data =
            newest.map(|message| pick(&messenger.described(page, message), &MESSAGE, inner)).collect::<Result<Vec<_>, _>>()?;
        object["messages"] = json!({ "data": data });
    }
    pick(&object, &CONVERSATION, Some(fields))
}

/// The fields asked for; the id is always among them.
fn pick(object: &Value, known: &[&str], fields: Option<&str>) -> Result<Value, MessengerError> {
    let Some(fields) = fields else { return Ok(object.clone()) };
    let mut picked = Map::from_iter([("id".to_owned(), object["id"].clone())]);
    for field in split(fields).into_iter().map(name) {
        if !known.contains(&field) {
            return Err(MessengerError::parameter(format!("Tried accessing nonexisting field ({field})")));
        }
        if let Some(value) = object.get(field) {
            picked.insert(field.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(picked))
}

/// A field without its `.limit(…)` and `{…}`.
fn name(field: &str) -> &str {
    field.split(['.', '{']).next().unwrap_or_default().trim()
}

/// A list of fields at the commas that are not within braces.
fn split(fields: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    fields
        .split(|c: char| {
            match c {
                '{' | '(' => depth += 1,
                '}' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

impl Messenger {
    /// What was written with a customer of the page, oldest first.
    pub(super) fn messages_with(&self, page: &Page, psid: &str) -> Vec<Message> {
        let with = |message: &&Message| message.page == page.id && message.psid == psid;
        locked(&self.0.state).messages.iter().filter(with).cloned().collect()
    }

    /// A message, if it is among those that can be read.
    fn readable(&self, page: &Page, mid: &str) -> Option<Message> {
        let psid = locked(&self.0.state).messages.iter().find(|message| message.mid == mid)?.psid.clone();
        self.messages_with(page, &psid).into_iter().rev().take(READABLE).find(|message| message.mid == mid)
    }

    fn described(&self, page: &Page, message: &Message) -> Value {
        let file = |id: &str| {
            let file = locked(&self.0.state).files.get(id).cloned()?;
            Some((file, self.link(id)))
        };
        described(message, &page.name, &self.name_of(&message.psid), file)
    }

    fn name_of(&self, psid: &str) -> String {
        self.0.phones.chat(psid).map_or_else(|| psid.to_owned(), |chat| chat.name)
    }

    /// Everybody's picture.
    fn picture(&self) -> String {
        let file =
            File { name: "picture.png".to_owned(), mime: "image/png".to_owned(), bytes: ProviderKind::Messenger.icon().into() };
        locked(&self.0.state).files.insert(PICTURE.to_owned(), file);
        self.link(PICTURE)
    }
}
