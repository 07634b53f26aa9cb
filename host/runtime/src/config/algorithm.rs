//! The algorithms of signatures of access tokens.

use serde::Deserialize;

/// An algorithm of a signature (RFC 7518 section 3.1, RFC 8037). Algorithms with a shared secret and `none` do not
/// exist here, so no configuration can permit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The name of the algorithm in tokens and key sets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this name. Upper and lower case differ, as RFC 7515 requires.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_has_one_name_everywhere() {
        for one in Algorithm::ALL {
            assert_eq!(Algorithm::from_word(one.word()), Some(one));
            let read: Algorithm = serde_json::from_value(one.word().into()).unwrap();
            assert_eq!(read, one);
        }
    }

    #[test]
    fn none_and_shared_secrets_are_no_algorithms() {
        for word in ["none", "None", "", "HS256", "HS384", "HS512", "rs256", "ES256 ", "dir"] {
            assert_eq!(Algorithm::from_word(word), None, "{word}");
        }
    }
}
