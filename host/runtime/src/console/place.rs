//! The pages of the console as targets of links. A browser is sent only to a page of this table, so no address from
//! outside can lead to another site.

use deed_record::action::id::ActionId;
use maud::Render;

use super::base;

pub(super) const INBOX: &str = "/";
pub(super) const ACTIONS: &str = "/actions";
pub(super) const AGENTS: &str = "/agents";
pub(super) const POLICIES: &str = "/policies";
pub(super) const HEALTH: &str = "/health";
pub(super) const PASSKEYS: &str = "/passkeys";
pub(super) const ENROL: &str = "/passkeys/new";
pub(super) const ENROL_OPTIONS: &str = "/passkeys/options";
pub(super) const ENROL_OFFER: &str = "/passkeys/offer";
pub(super) const SIGN_IN: &str = "/sign-in";
pub(super) const VERIFY: &str = "/verify";
pub(super) const SIGN_OUT: &str = "/sign-out";
pub(super) const SIGN_OUT_EVERYWHERE: &str = "/sign-out-everywhere";

/// The pages of the navigation, with their titles.
pub(super) const PAGES: [(&str, &str); 5] = [
    (INBOX, "Inbox"),
    (ACTIONS, "Actions"),
    (AGENTS, "Agents"),
    (POLICIES, "Policies"),
    (HEALTH, "Health"),
];

/// The maximum number of bytes of a query.
const QUERY_MAX: usize = 1_024;

/// The path and the query of a page, in ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    /// A page of the program, or a route to which its pages send something.
    pub(super) fn of(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn inbox() -> Self {
        Self::of(INBOX)
    }

    pub(super) fn action(id: &ActionId) -> Self {
        Self(format!("{ACTIONS}/{id}"))
    }

    /// The download of the bundle of an action.
    pub(super) fn bundle(id: &ActionId) -> Self {
        Self(format!("{ACTIONS}/{id}/bundle"))
    }

    /// The form that changes an action.
    pub(super) fn edit(id: &ActionId) -> Self {
        Self::action(id).below("edit")
    }

    /// The route of this name below the page of an action.
    pub(super) fn below(&self, name: &'static str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// A page of the program, with the parameters that have a value.
    pub(super) fn with(path: &'static str, pairs: &[(&'static str, Option<&str>)]) -> Self {
        let given = pairs.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let query: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        if query.is_empty() {
            return Self::of(path);
        }
        Self(format!("{path}?{}", query.join("&")))
    }

    /// The page for signing in, which then leads to this page.
    pub(super) fn through_sign_in(&self) -> Self {
        let next = Some(self.0.as_str()).filter(|path| *path != INBOX);
        Self::with(SIGN_IN, &[("next", next)])
    }

    /// The page with this path and query; `None` if it is not a page of the console.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_fixed = path == PASSKEYS || PAGES.iter().any(|(page, _)| *page == path);
        let id = path.strip_prefix(ACTIONS).and_then(|rest| rest.strip_prefix('/'));
        let id = id.map(|id| id.strip_suffix("/edit").unwrap_or(id));
        let is_action = id.is_some_and(|id| id.parse::<ActionId>().is_ok());
        let fits = query.len() <= QUERY_MAX && query.bytes().all(is_of_query);
        ((is_fixed || is_action) && fits).then(|| Self(text.to_owned()))
    }

    /// The path and the query, without the base path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address for browsers, with the base path.
    pub(super) fn address(&self) -> String {
        base::address(&self.0)
    }
}

/// The address as the value of an attribute.
impl Render for Place {
    fn render_to(&self, out: &mut String) {
        self.address().render_to(out);
    }
}

/// Whether a byte can occur in the query of a page.
fn is_of_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%=&+:/*!$,;@".contains(&byte)
}

fn percent_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "act_00000000000000000000000000";

    #[test]
    fn only_pages_of_the_console_are_places() {
        let action = format!("/actions/{ID}");
        let edit = format!("{action}/edit");
        for good in [
            "/",
            "/actions",
            "/actions?status=waiting&agent=a%20b",
            "/health",
            PASSKEYS,
            &action,
            &edit,
        ] {
            assert_eq!(Place::parse(good).map(|place| place.0).as_deref(), Some(good));
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "https:/evil.example",
            "javascript:alert(1)",
            "/%2f/evil.example",
            "/actions/../../evil",
            "/actions/act_x",
            "/actions/act_x/edit",
            "/actions/edit",
            "/actions//evil.example",
            "/sign-out",
            ENROL,
            "/v1/actions",
            "/\r\nlocation: https://evil.example",
            "/?a=\r\nb",
            "/?a=\"><script>",
            "/?a=\\evil",
            "/ ",
            " /",
            "/?a=ä",
            "/#x",
        ] {
            assert_eq!(Place::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Place::parse(&format!("/?{}", "a".repeat(QUERY_MAX + 1))), None);
    }

    #[test]
    fn a_place_comes_back_from_the_page_for_signing_in() {
        let place = Place::with(ACTIONS, &[("agent", Some("a b&c")), ("trace", None)]);
        assert_eq!(place.as_str(), "/actions?agent=a%20b%26c");
        let through = place.through_sign_in();
        assert_eq!(through.as_str(), "/sign-in?next=%2Factions%3Fagent%3Da%2520b%2526c");
        assert_eq!(Place::parse(place.as_str()), Some(place));
        assert_eq!(Place::inbox().through_sign_in().as_str(), "/sign-in");
    }
}
