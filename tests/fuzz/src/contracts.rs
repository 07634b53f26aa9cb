//! Fuzz targets for contracts as TOML files and as JSON in a bundle, and for proposals.

use deed_host::stage::contract;
use deed_record::action;
use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::contract::template::text::Format;
use deed_spec::json;

use crate::mixed::Values;
use crate::{served, template};

/// Contracts of format 2, which no served directory of the targets contains.
const FORMAT_2: &[(&str, &str)] = &[
    ("add_group_member", include_str!("../../../contracts/scim/add_group_member.toml")),
    ("create_user", include_str!("../../../contracts/scim/create_user.toml")),
    ("enroll_user", include_str!("../../support/src/enroll_user.toml")),
    ("refund_charge", include_str!("../../../contracts/stripe/refund_charge.toml")),
    ("replace_user", include_str!("../../support/src/replace_user.toml")),
];

/// An accepted contract must have the same digest if it is read again from its own canonical JSON.
pub(crate) fn contract(data: &[u8]) {
    let contract = if data.starts_with(b"{") {
        let Ok(value) = json::parse(data) else { return };
        Contract::from_json(value)
    } else {
        let Ok(text) = std::str::from_utf8(data) else { return };
        Contract::from_toml("fuzz.toml", text)
    };
    let Ok(contract) = contract else { return };
    let value = json::parse(&contract.canonical().unwrap()).unwrap();
    let again = Contract::from_json(value).unwrap();
    assert_eq!(again.digest(), contract.digest());
}

pub(crate) fn contract_seeds() -> Vec<Vec<u8>> {
    let all = || served::CONTRACTS.iter().chain(FORMAT_2);
    let files = all().map(|(_, text)| text.as_bytes().to_vec());
    let bundled =
        |(file, text): &(&str, &str)| Contract::from_toml(file, text).unwrap().canonical().unwrap();
    files.chain(all().map(bundled)).collect()
}

/// If a proposal is accepted, its values stay within the templates of its contract.
pub(crate) fn proposal(data: &[u8]) {
    let Ok(proposal) = contract::parse(data) else { return };
    let id = ActionId::new(1, [0; 10]);
    for (file, text) in served::CONTRACTS.iter().chain(FORMAT_2) {
        let contract = Contract::from_toml(file, text).unwrap();
        let Ok(rendering) = action::render(&contract, &proposal, &id) else { continue };
        let observe = contract.observe.http.iter().zip(&rendering.observe);
        for (rule, rendered) in observe.chain(contract.perform.http.iter().zip(&rendering.perform))
        {
            match contract.templates() {
                Format::One => template::stays(rule, &proposal.params, rendered),
                // The path contains the placeholder until the write was answered.
                Format::Two if rule.awaits_answer() => {}
                Format::Two => Values { params: &proposal.params, id: &id }.check(rule, rendered),
            }
        }
    }
}

pub(crate) fn proposal_seeds() -> Vec<Vec<u8>> {
    let whole = br#"{"contract":"idp.restore_access","params":{"user_id":"0123456789abcdef0123456789abcdef"},
        "intent":"i","reasoning":"r","on_behalf_of":"o","sources":[{"uri":"t:1"}],"environment":"production",
        "expect":{"/user/active":true}}"#;
    let form = br#"{"contract":"iam.tag_user","params":{"user":"a&b","team":"x=y"},"intent":"i"}"#;
    let mixed = br#"{"contract":"scim.create_user","params":{"user_name":"a@b+c"},"intent":"i"}"#;
    let nested = br#"{"contract":"stripe.refund_charge","params":{"charge":"ch_1","amount":3},"intent":"i"}"#;
    vec![whole.to_vec(), form.to_vec(), mixed.to_vec(), nested.to_vec()]
}
