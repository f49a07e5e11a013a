//! Every function of the bundle, by the name of its crate. Each is the very handler that its Lambda binary runs.

use std::{sync::Arc, time::Duration};

use shared::{
    environment::Environment,
    http::HttpFunction,
    start::{ScheduledFunction, StreamFunction},
};

use crate::{
    iam::Named,
    schedules::Scheduled,
    stream::Subscriber,
    template::{Template, routes::Routes},
};

/// The template and the functions do not agree.
#[derive(Debug, thiserror::Error)]
#[error("function {function} of the template {problem}")]
pub struct HostError {
    function: String,
    problem: &'static str,
}

/// A function, by what starts it.
pub enum Hosted {
    /// The HTTP API.
    Http(Arc<dyn HttpFunction>),
    /// The table's stream.
    Stream(Arc<dyn StreamFunction>),
    /// A schedule.
    Scheduled(Arc<dyn ScheduledFunction>),
}

macro_rules! registry {
    ($($kind:ident { $($name:literal => $crate_name:ident,)* })*) => {
        /// The crates' names.
        pub const NAMES: &[&str] = &[$($($name),*),*];

        /// Builds the function of a crate, as its `main` does. None if there is no such crate.
        pub fn build(name: &str, environment: &Environment) -> Option<Hosted> {
            match name {
                $($($name => Some(Hosted::$kind(Arc::new(Named::new(
                    $name,
                    $crate_name::Function::new(&environment.as_one_function()),
                )))),)*)*
                _ => None,
            }
        }
    };
}

registry! {
    Http {
        "api-keys" => api_keys,
        "channels" => channels,
        "contacts" => contacts,
        "deals" => deals,
        "delete-channel-by-id" => delete_channel_by_id,
        "get-conversation-by-id" => get_conversation_by_id,
        "get-conversations" => get_conversations,
        "get-message-by-id" => get_message_by_id,
        "get-sender-by-id" => get_sender_by_id,
        "get-templates" => get_templates,
        "inbox" => inbox,
        "manifest" => manifest,
        "media" => media,
        "oauth-callback" => oauth_callback,
        "oauth-install" => oauth_install,
        "pipedrive-webhook" => pipedrive_webhook,
        "post-message" => post_message,
        "provider-webhook" => provider_webhook,
        "session" => session,
    }
    Stream {
        "deliver" => deliver,
        "fetch-media" => fetch_media,
    }
    Scheduled {
        "import-history" => import_history,
        "keep-tokens" => keep_tokens,
        "redeliver" => redeliver,
    }
}

/// What a test puts between the functions and what is around them.
pub trait Interference: Send + Sync {
    /// What the functions are built from.
    fn environment(&self, environment: Environment) -> Environment {
        environment
    }

    /// A function, as whatever starts it sees it.
    fn function(&self, _name: &str, hosted: Hosted) -> Hosted {
        hosted
    }
}

/// Nothing in between.
#[derive(Debug, Clone, Copy)]
pub struct Untouched;

impl Interference for Untouched {}

/// Every function behind what starts it.
pub struct Functions {
    /// The HTTP API's routes.
    pub routes: Routes<Arc<dyn HttpFunction>>,
    /// The stream's subscribers.
    pub subscribers: Vec<Subscriber>,
    /// The scheduled ones, with how often they run.
    pub scheduled: Vec<(Arc<Scheduled>, Duration)>,
}

/// Builds every function of the template and puts it behind what starts it.
pub fn functions(template: &Template, environment: &Environment, between: &dyn Interference) -> Result<Functions, HostError> {
    let environment = &between.environment(environment.clone());
    let mut all = Functions { routes: Routes::default(), subscribers: Vec::new(), scheduled: Vec::new() };
    for function in &template.functions {
        let wrong = |problem| HostError { function: function.name.clone(), problem };
        let hosted = build(&function.name, environment).ok_or_else(|| wrong("has no crate"))?;
        let hosted = between.function(&function.name, hosted);
        let starts = (!function.routes.is_empty(), !function.streams.is_empty(), !function.schedules.is_empty());
        match (hosted, starts) {
            (Hosted::Http(hosted), (true, false, false)) => {
                function.routes.iter().for_each(|route| all.routes.add(route.clone(), hosted.clone()));
            }
            (Hosted::Stream(hosted), (false, true, false)) => {
                all.subscribers.extend(function.streams.iter().map(|subscription| Subscriber {
                    name: function.name.clone(),
                    function: hosted.clone(),
                    subscription: subscription.clone(),
                }));
            }
            (Hosted::Scheduled(hosted), (false, false, true)) => {
                let scheduled = Arc::new(Scheduled::new(function.name.clone(), hosted));
                all.scheduled.extend(function.schedules.iter().map(|every| (scheduled.clone(), *every)));
            }
            _ => return Err(wrong("is started by something else than its crate expects")),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::template::BUNDLE;

    #[test]
    fn template_folders_and_registry_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
        let crates: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("Cargo.toml").is_file())
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let template = Template::parse(BUNDLE).unwrap();
        let functions: BTreeSet<String> = template.functions.iter().map(|function| function.name.clone()).collect();
        let hosted: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(functions.len(), template.functions.len(), "a crate belongs to one function");
        assert_eq!(functions, crates, "functions in the template and crates in functions/");
        assert_eq!(hosted, crates, "functions that run here and crates in functions/");
    }
}
