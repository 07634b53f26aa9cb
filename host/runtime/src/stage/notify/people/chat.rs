//! A message as the body of a request to the webhook of a chat: a text for Slack and Mattermost, and an Adaptive Card
//! for Teams.
//!
//! In a text, each value is a span of code, in which no chat finds mentions, links or other markup. A text run of an
//! Adaptive Card has no markup.

use serde_json::{Value, json};

use super::letter::Letter;
use crate::config::raw::ChatFormat;

pub(super) fn body(letter: &Letter, format: ChatFormat) -> String {
    let body = match format {
        ChatFormat::Slack => text(letter, slack),
        ChatFormat::Mattermost => text(letter, mattermost),
        ChatFormat::Teams => card(letter),
    };
    body.to_string()
}

fn text(letter: &Letter, escape: fn(&str) -> String) -> Value {
    let mut lines = vec![escape(&letter.title)];
    let fact = |(name, value): &(&str, String)| format!("{name}: `{}`", escape(value));
    lines.extend(letter.facts.iter().map(fact));
    lines.extend(letter.link.iter().map(|link| escape(link)));
    json!({ "text": lines.join("\n") })
}

/// Slack reads `&`, `<` and `>` as the beginning or end of markup, also in spans of code.
fn slack(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('`', "'")
}

/// Mattermost accepts the markup of Slack in webhooks, but shows entities in spans of code as they are.
fn mattermost(text: &str) -> String {
    text.replace('<', "\\u{3c}").replace('>', "\\u{3e}").replace('`', "'")
}

fn card(letter: &Letter) -> Value {
    let line = |text: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text }] });
    let mut lines = vec![line(&letter.title)];
    lines.extend(letter.facts.iter().map(|(name, value)| line(&format!("{name}: {value}"))));
    let open =
        |link: &String| json!({ "type": "Action.OpenUrl", "title": "Open the page", "url": link });
    let actions: Vec<Value> = letter.link.iter().map(open).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": lines,
                "actions": actions,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "`<!channel> @all <https:x|y> [x](y) & *z*";

    fn shown(format: ChatFormat) -> Value {
        let letter = Letter {
            id: String::new(),
            at_ms: 0,
            title: "Approval requested: idp.restore_access".to_owned(),
            facts: vec![("resource", HOSTILE.to_owned())],
            link: Some("https://deed.example.com/actions/act_1".to_owned()),
            until_ms: None,
        };
        serde_json::from_str(&body(&letter, format)).unwrap()
    }

    #[test]
    fn a_text_from_outside_has_no_markup_of_slack() {
        let said = shown(ChatFormat::Slack)["text"].as_str().unwrap().to_owned();
        let expected = "Approval requested: idp.restore_access\n\
                        resource: `'&lt;!channel&gt; @all &lt;https:x|y&gt; [x](y) &amp; *z*`\n\
                        https://deed.example.com/actions/act_1";
        assert_eq!(said, expected);
    }

    #[test]
    fn a_text_from_outside_has_no_markup_of_mattermost() {
        let said = shown(ChatFormat::Mattermost)["text"].as_str().unwrap().to_owned();
        assert!(!said.contains(['<', '>']), "{said}");
        assert_eq!(said.matches('`').count(), 2, "{said}");
    }

    #[test]
    fn a_text_from_outside_is_a_text_run_of_a_card() {
        let card = &shown(ChatFormat::Teams)["attachments"][0]["content"];
        assert_eq!(card["body"][1]["inlines"][0]["type"], "TextRun");
        assert_eq!(card["body"][1]["inlines"][0]["text"], format!("resource: {HOSTILE}"));
        assert_eq!(card["actions"][0]["url"], "https://deed.example.com/actions/act_1");
    }
}
