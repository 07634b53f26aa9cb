//! The scripts of pages that need one. A script stands in its page, and the policy of the page permits it by its digest.
//! Pages can be read without scripts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;

/// A script that is a part of the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script(&'static str);

/// The script of the pages of actions, on which people answer, and of the inbox.
pub(super) const ANSWER: Script = Script(include_str!("script/answer.js"));

/// The script of the page on which an invited person makes a passkey.
pub(super) const ENROL: Script = Script(include_str!("script/enrol.js"));

impl Script {
    pub(super) fn text(self) -> &'static str {
        self.0
    }

    /// The directives that permit this script and nothing else. The script can send requests to the host only, and
    /// cannot turn text into markup (Trusted Types).
    pub(super) fn directives(self) -> String {
        let digest = STANDARD.encode(Digest::of(self.0.as_bytes()).as_bytes());
        format!("script-src 'sha256-{digest}'; connect-src 'self'; trusted-types 'none'; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_ends_with_its_element_and_makes_no_markup() {
        [ANSWER, ENROL].into_iter().for_each(check);
    }

    fn check(script: Script) {
        let text = script.text();
        for bad in
            ["</script", "<!--", "innerHTML", "outerHTML", "insertAdjacent", "eval(", "write("]
        {
            assert!(!text.contains(bad), "{bad}");
        }
        let directives = script.directives();
        assert!(directives.starts_with("script-src 'sha256-"), "{directives}");
        assert!(
            directives.ends_with("'; connect-src 'self'; trusted-types 'none'; "),
            "{directives}"
        );
    }
}
