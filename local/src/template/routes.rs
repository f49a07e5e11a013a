//! Which route a request takes, decided as API Gateway's HTTP APIs do: a full match before one with a greedy parameter,
//! static segments before parameters, a named method before ANY (API Gateway, "Create routes for HTTP APIs").

use std::{collections::HashMap, fmt};

use http::Method;
use percent_encoding::percent_decode_str;

use super::Route;

/// A route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Static(String),
    Parameter(String),
    Greedy(String),
}

/// The values of a route's parameters, percent-decoded.
pub type Parameters = HashMap<String, String>;

impl Pattern {
    /// Reads a path like `/media/{token}` or `/inbox/{proxy+}`.
    pub fn parse(path: &str) -> Result<Self, String> {
        let rest = path.strip_prefix('/').ok_or_else(|| format!("path \"{path}\" does not begin with a slash"))?;
        let segments: Vec<Segment> = rest
            .split('/')
            .map(|text| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
                Some(name) => match name.strip_suffix('+') {
                    Some(name) => Segment::Greedy(name.to_owned()),
                    None => Segment::Parameter(name.to_owned()),
                },
                None => Segment::Static(text.to_owned()),
            })
            .collect();
        if segments.iter().rev().skip(1).any(|segment| matches!(segment, Segment::Greedy(_))) {
            return Err(format!("path \"{path}\" has a greedy parameter before its end"));
        }
        Ok(Self(segments))
    }

    /// The parameters of `path`, which is still percent-encoded, if it matches.
    pub fn parameters(&self, path: &str) -> Option<Parameters> {
        let mut rest = path.strip_prefix('/')?.split('/');
        let mut parameters = Parameters::new();
        for segment in &self.0 {
            match segment {
                Segment::Static(text) => {
                    if decoded(rest.next()?) != *text {
                        return None;
                    }
                }
                Segment::Parameter(name) => {
                    let value = rest.next().filter(|value| !value.is_empty())?;
                    parameters.insert(name.clone(), decoded(value));
                }
                Segment::Greedy(name) => {
                    let values: Vec<String> = rest.by_ref().map(decoded).collect();
                    let value = Some(values.join("/")).filter(|value| !value.is_empty())?;
                    parameters.insert(name.clone(), value);
                }
            }
        }
        rest.next().is_none().then_some(parameters)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Static(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Greedy(name) => write!(f, "/{{{name}+}}"),
        })
    }
}

/// Undoes percent-encoding; what is no UTF-8 then is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Routes and where they lead.
#[derive(Debug)]
pub struct Routes<T>(Vec<(Route, T)>);

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Routes<T> {
    /// Adds one.
    pub fn add(&mut self, route: Route, target: T) {
        self.0.push((route, target));
    }

    /// The route that a request takes.
    pub fn find(&self, method: &Method, path: &str) -> Option<(&Route, Parameters, &T)> {
        self.0
            .iter()
            .filter(|(route, _)| route.method.as_ref().is_none_or(|wanted| wanted == method))
            .filter_map(|(route, target)| Some((route, route.pattern.parameters(path)?, target)))
            .min_by(|(a, ..), (b, ..)| {
                let preference = |route: &Route| (kinds(&route.pattern), route.method.is_none());
                preference(a).cmp(&preference(b))
            })
    }
}

/// A full match comes before a greedy one; then the first segment that differs in kind decides.
fn kinds(pattern: &Pattern) -> (bool, Vec<u8>) {
    let kinds: Vec<u8> = pattern
        .0
        .iter()
        .map(|segment| match segment {
            Segment::Static(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 2,
        })
        .collect();
    (kinds.contains(&2), kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[&str]) -> Routes<String> {
        let mut routes = Routes::default();
        for entry in list {
            let (method, path) = entry.split_once(' ').unwrap();
            let method = (method != "ANY").then(|| method.parse().unwrap());
            routes.add(Route { method, pattern: Pattern::parse(path).unwrap() }, (*entry).to_owned());
        }
        routes
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes =
            routes(&["ANY /{proxy+}", "GET /setup", "GET /{page}", "ANY /{page}", "GET /setup/{asset}", "GET /setup/{rest+}"]);
        let found = |method: &str, path: &str| routes.find(&method.parse().unwrap(), path).map(|(_, _, target)| target.as_str());
        assert_eq!(found("GET", "/setup"), Some("GET /setup"));
        assert_eq!(found("GET", "/other"), Some("GET /{page}"));
        assert_eq!(found("POST", "/other"), Some("ANY /{page}"));
        assert_eq!(found("GET", "/setup/a"), Some("GET /setup/{asset}"));
        assert_eq!(found("GET", "/setup/a/b"), Some("GET /setup/{rest+}"));
        assert_eq!(found("POST", "/setup/a/b"), Some("ANY /{proxy+}"));
        assert_eq!(found("GET", "/"), None);
    }

    #[test]
    fn parameters_are_decoded_within_their_segment() {
        let routes = routes(&["GET /c/{a}/m/{b}"]);
        let (_, parameters, _) = routes.find(&Method::GET, "/c/x%2Fy%20z/m/%C3%A4").unwrap();
        assert_eq!((parameters["a"].as_str(), parameters["b"].as_str()), ("x/y z", "ä"));
        for other in ["/c//m/b", "/c/a/m", "/c/a/m/b/", "/c/a/n/b"] {
            assert!(routes.find(&Method::GET, other).is_none(), "{other}");
        }
        assert!(routes.find(&Method::DELETE, "/c/a/m/b").is_none());
        assert!(Pattern::parse("no").is_err() && Pattern::parse("/{a+}/b").is_err());
    }
}
