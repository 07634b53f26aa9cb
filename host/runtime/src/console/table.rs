//! The table of the console's routes. The OpenAPI document describes them, and not the fields of their forms.

use super::answer::{AnswerRecorded, AnswerSigned, AnswerToSign, AnswerWanted, PageState};
use super::desk::Desk;
use super::enrol::{OfferedPasskey, PasskeyInvitation, PasskeyOptions, ReceivedPasskey};
use super::place::{
    ACTIONS, AGENTS, ENROL, ENROL_OFFER, ENROL_OPTIONS, HEALTH, INBOX, PASSKEYS, POLICIES, SIGN_IN,
    SIGN_OUT, SIGN_OUT_EVERYWHERE, VERIFY,
};
use super::{
    action, agents, answer, deferral, edit, enrol, health, inbox, passkeys, policies, search,
    sign_in, verifier,
};
use crate::http::{ACTION_ID, Route, attachment, get, post};

const ABOUT: &str = "A page for people with a browser. Without a session, the answer leads to the page for signing \
                     in. Scripts may send the token of a person instead. `Host` must be an IP address or `localhost` \
                     unless a proxy is in front of the host.";
const SCRIPT: &str = "For the script of the page of a waiting action. The request is JSON with the token of the session's \
                      forms, and is refused unless a page of the host sent it.";
const FORM: &str = "A form of the console, in `application/x-www-form-urlencoded`. It is refused unless a page of the \
                    host sent it.";

/// Every route of the console.
pub(super) fn all() -> Vec<Route<Desk>> {
    let inbox = ["showInbox", "console", "Show a person what waits"];
    let search = ["showActions", "console", "Show the actions that fit a search"];
    let action = ["showPage", "console", "Show one action to a person"];
    let agents = ["showAgents", "console", "Show the agents and what each can do"];
    let policies = ["showPolicies", "console", "Show the policies and their newest decisions"];
    let health = ["showHealth", "console", "Show queues, decisions, configuration and log"];
    let passkeys = ["showPasskeys", "console", "Show a person their own passkeys"];
    let pages = vec![
        paged(get(INBOX, inbox::show, inbox)),
        paged(get(ACTIONS, search::show, search)),
        paged(get("/actions/{id}", action::show, action).takes(&[&ACTION_ID]))
            .page(404, "There is no such action, or the person may not see it."),
        statement(),
        answer(),
        defer(),
        edit_form(),
        edit(),
        state(),
        download(),
        paged(get(AGENTS, agents::show, agents)),
        paged(get(POLICIES, policies::show, policies)),
        paged(get(HEALTH, health::show, health)),
        paged(get(PASSKEYS, passkeys::show, passkeys)),
        page_of_verifier(),
        entrance(),
        form(post(SIGN_IN, sign_in::enter, ["signIn", "console", "Sign a person in"]))
            .page(401, "There is no person with this name and this token."),
        form(post(SIGN_OUT, sign_in::leave, ["signOut", "console", "End the session"])),
        form(post(
            SIGN_OUT_EVERYWHERE,
            sign_in::leave_everywhere,
            ["signOutEverywhere", "console", "End all sessions of the person"],
        )),
    ];
    pages.into_iter().chain(enrolment()).collect()
}

/// The page on which an invited person makes a passkey, and the two requests of its script.
fn enrolment() -> [Route<Desk>; 3] {
    let options = ["showPasskeyOptions", "console", "Show for what a passkey is made"];
    let offer = ["offerPasskey", "console", "Offer a passkey, which an operator must accept"];
    [
        get(ENROL, enrol::show, ["showEnrolment", "console", "Show the page for a new passkey"])
            .described("The page has nothing of the host. Its script reads the invitation from the fragment.")
            .open()
            .page(200, "The page.")
            .page(403, "The request comes from another site, or the host does not know its address."),
        post(ENROL_OPTIONS, enrol::options, options)
            .described("The invitation is the credential. The request is refused unless a page of the host sent it.")
            .open()
            .body::<PasskeyInvitation>()
            .json::<PasskeyOptions>("What the browser needs to make a passkey.")
            .problems(&[400, 401, 403, 413, 415, 503]),
        post(ENROL_OFFER, enrol::offer, offer)
            .described(
                "The passkey signs a challenge over the person, the relying party and its own key. The invitation is \
                 used up. The key counts for nothing until an operator accepts it with `deed passkey accept`.",
            )
            .open()
            .body::<OfferedPasskey>()
            .json::<ReceivedPasskey>("The passkey waits for an operator.")
            .problems(&[400, 401, 403, 409, 413, 415, 503]),
    ]
}

/// The statement that a passkey signs.
fn statement() -> Route<Desk> {
    let named = ["makeStatement", "console", "Make the statement that a passkey signs"];
    post("/actions/{id}/statement", answer::statement, named)
        .described(SCRIPT)
        .open()
        .takes(&[&ACTION_ID])
        .body::<AnswerWanted>()
        .json::<AnswerToSign>("What the browser asks an authenticator to sign.")
        .problems(&[400, 401, 403, 404, 409, 413, 415, 429, 503])
}

/// The answer that a passkey signed.
fn answer() -> Route<Desk> {
    let named = ["answerByPasskey", "console", "Approve or deny, signed by a passkey"];
    post("/actions/{id}/answer", answer::take, named)
        .described(SCRIPT)
        .open()
        .takes(&[&ACTION_ID])
        .body::<AnswerSigned>()
        .json::<AnswerRecorded>("The answer was recorded.")
        .problems(&[400, 401, 403, 404, 409, 413, 415, 429, 503])
}

/// The form that puts a request for approval off.
fn defer() -> Route<Desk> {
    let named = ["deferOnPage", "console", "Put a request for approval off"];
    form(post("/actions/{id}/deferral", deferral::take, named).takes(&[&ACTION_ID]))
        .page(401, "Nobody is signed in.")
        .page(404, "There is no such action, or the person may not see it.")
        .page(409, "The person may not answer the request, or it does not wait.")
}

/// The form that changes a waiting action.
fn edit_form() -> Route<Desk> {
    let named = ["showEdit", "console", "Show the form that changes a waiting action"];
    paged(get("/actions/{id}/edit", edit::show, named).takes(&[&ACTION_ID]))
        .page(404, "There is no such action, or the person may not see it.")
}

/// The changed version of a waiting action.
fn edit() -> Route<Desk> {
    let named = ["editOnPage", "console", "Propose a changed version of a waiting action"];
    form(post("/actions/{id}/edit", edit::take, named).takes(&[&ACTION_ID]))
        .page(401, "Nobody is signed in.")
        .page(404, "There is no such action, or the person may not see it.")
        .page(
            409,
            "The person may not change the action, it does not wait, or nothing was changed.",
        )
        .page(422, "The changed version does not match the contract.")
}

fn state() -> Route<Desk> {
    let named =
        ["showState", "console", "Show whether an action changed since its page was loaded"];
    get("/actions/{id}/state", answer::state, named)
        .described("The request does not prolong the session.")
        .open()
        .takes(&[&ACTION_ID])
        .json::<PageState>("What the page of the action would show now.")
        .problems(&[401, 403, 404, 429, 503])
}

/// A page for people who are signed in.
fn paged(route: Route<Desk>) -> Route<Desk> {
    for_people(route.described(ABOUT).page(200, "The page."))
        .page(400, "The query has a name or a value that it cannot have.")
}

/// The bundle for people who are signed in.
fn download() -> Route<Desk> {
    let download = ["downloadBundle", "console", "Fetch the bundle of an ended action"];
    let file = "A `.deed` file, with the same bytes as on `/v1/actions/{id}/bundle`.";
    let route = get("/actions/{id}/bundle", verifier::download, download)
        .described(ABOUT)
        .takes(&[&ACTION_ID])
        .bytes(file, "application/zip")
        .headers(attachment);
    for_people(route)
        .page(404, "There is no such action, or the person may not see it.")
        .page(409, "The action has not ended.")
}

/// The page that checks bundles, which anybody may read.
fn page_of_verifier() -> Route<Desk> {
    get(VERIFY, verifier::show, ["showVerifier", "console", "Check bundles in a browser"])
        .described(
            "The page that `deed verify --html` writes. It shows nothing of the host, and sends nothing.",
        )
        .open()
        .page(200, "The page.")
        .page(404, "The build of the host has no verifier for browsers.")
}

/// The refusals of a route for people who are signed in.
fn for_people(route: Route<Desk>) -> Route<Desk> {
    route
        .open()
        .page(303, "Nobody is signed in.")
        .page(401, "The token is not that of a person.")
        .page(403, "The token is an agent's, or the request comes from another site.")
        .page(429, "Too many of the person's requests were refused or are in progress.")
        .page(503, "The host cannot process the request now.")
}

/// The page for signing in.
fn entrance() -> Route<Desk> {
    get(SIGN_IN, sign_in::show, ["showSignIn", "console", "Show the form for signing in"])
        .described("`next` in the query is a page of the console to which signing in leads.")
        .open()
        .page(200, "The form.")
        .page(303, "The person is signed in.")
        .page(400, "The query has a name that it cannot have.")
        .page(403, "The request comes from another site, or the host does not know its address.")
}

/// A form that changes something.
fn form(route: Route<Desk>) -> Route<Desk> {
    route
        .described(FORM)
        .open()
        .page(303, "It was done; the address of the next page.")
        .page(400, "The form cannot be parsed, or has a field that it cannot have.")
        .page(403, "Another site sent the form, or it is not of this session.")
        .page(413, "The form is too large.")
        .page(415, "The body is not a form.")
        .page(429, "Too many of the person's requests were refused or are in progress.")
        .page(503, "The host cannot process the request now.")
}
