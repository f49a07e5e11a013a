//! Files and faces (Telegram Bot API, `getFile`, `getUserProfilePhotos`, `getChat`). A file's address is good for an hour
//! and holds the bot's token, so it is asked for each time and kept nowhere.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{address::Address, api::Api, connect::Bot, content, files};
use crate::{
    model::ids::ContactKey,
    providers::{
        Fetched, Profile,
        download::{self, Downloads},
        error::{ProviderError, Refusal},
        lenient,
    },
};

/// Largest picture of a customer that is fetched. Telegram makes them 640 pixels wide.
const MAX_AVATAR_BYTES: usize = 5_000_000;

/// Gets a file by its id.
pub(super) async fn file(api: &Api, downloads: &Downloads, bot: &Bot, id: &str, max: usize) -> Result<Fetched, ProviderError> {
    let file = call(api, bot, "getFile", &json!({"file_id": id})).await?;
    let size = lenient::integer(&file, "/file_size").and_then(|size| usize::try_from(size).ok());
    if size.is_some_and(|size| size > max) {
        return Err(download::too_large(max));
    }
    let path = lenient::text(&file, "/file_path");
    let address = path.and_then(|path| api.file_url(&bot.token, path)).ok_or_else(|| ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "no_file_path".to_owned(),
        message: "Telegram does not have the file any more.".to_owned(),
    })?;
    let mut fetched = downloads.get(address.expose_secret(), None, max).await?;
    // Telegram's file server knows no types; the message told one.
    fetched.mime = fetched.mime.filter(|mime| !mime.to_ascii_lowercase().starts_with("application/octet-stream"));
    Ok(fetched)
}

/// Asks for the customer's picture: the one that they show to everybody, else the chat's. The chat also tells their name.
pub(super) async fn profile(
    api: &Api,
    downloads: &Downloads,
    bot: &Bot,
    customer: &ContactKey,
) -> Result<Profile, ProviderError> {
    let Some(Address { chat, .. }) = Address::parse(customer) else { return Ok(Profile::default()) };
    let photos = unless_refused(call(api, bot, "getUserProfilePhotos", &json!({"user_id": chat, "limit": 1})).await)?;
    let mut picture = photos.pointer("/photos/0").and_then(files::largest).and_then(|size| lenient::id(size, "/file_id"));
    let mut name = None;
    if picture.is_none() {
        let chat = unless_refused(call(api, bot, "getChat", &json!({"chat_id": chat})).await)?;
        picture = lenient::id(&chat, "/photo/big_file_id");
        name = content::full_name(&chat);
    }
    let avatar = match picture {
        Some(id) => unless_refused(file(api, downloads, bot, &id, MAX_AVATAR_BYTES).await.map(Some))?,
        None => None,
    };
    Ok(Profile { name, avatar })
}

async fn call(api: &Api, bot: &Bot, method: &str, parameters: &Value) -> Result<Value, ProviderError> {
    api.call(&bot.token, method, parameters).await.map_err(|failure| failure.error.nothing_at_stake())
}

/// Nothing, where a customer hides something or Telegram has it no longer.
fn unless_refused<T: Default>(answer: Result<T, ProviderError>) -> Result<T, ProviderError> {
    match answer {
        Err(ProviderError::Refused { refusal, .. }) if refusal != Refusal::Unauthorized => Ok(T::default()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests;
