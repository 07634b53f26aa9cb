//! Tokens of one kind for several persons: each person who is responsible for an agent has a token of his or her own.

use std::fmt;
use std::sync::Arc;

use deed_record::action::TokenRef;

use super::history::CredentialStanding;
use super::memory::Memory;
use super::recent::RecentTokens;
use super::secret::Secret;
use super::stored::Stored;
use super::token::{Mint, Token};

/// Makes the way to obtain the token of one person.
type Make = Box<dyn Fn(&str) -> Box<dyn Mint> + Send + Sync>;

pub struct Subjects {
    name: String,
    described: TokenRef,
    /// The secrets that are sent to obtain a token.
    secrets: Vec<Arc<Stored>>,
    make: Make,
    /// The memory of the tenant, so that the value of a token is known when another person's answer echoes it.
    memory: Arc<Memory>,
    kept: RecentTokens<String>,
}

impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subjects").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Subjects {
    pub fn new(
        name: &str,
        described: TokenRef,
        secrets: Vec<Arc<Stored>>,
        make: Make,
        memory: Arc<Memory>,
    ) -> Self {
        let (name, kept) = (name.to_owned(), RecentTokens::default());
        Self { name, described, secrets, make, memory, kept }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked for on behalf of this person.
    pub fn described(&self, person: &str) -> TokenRef {
        TokenRef { subject: Some(person.to_owned()), ..self.described.clone() }
    }

    /// The secrets that are sent to obtain a token.
    pub fn secrets(&self) -> Vec<Arc<Secret>> {
        self.secrets.iter().flat_map(|stored| stored.in_force()).collect()
    }

    /// When the token that expires last expires, in Unix milliseconds, of those that the host holds.
    pub fn expires_ms(&self) -> Option<i64> {
        self.kept.expires_ms()
    }

    /// What the host has noticed about the kept tokens: the newest of each.
    pub fn standing(&self) -> CredentialStanding {
        self.kept.standing()
    }

    /// The token of one person. Nothing is asked for until the value of the token is needed.
    pub fn of(&self, person: &str) -> Arc<Token> {
        let new = || {
            let mint = (self.make)(person);
            let memory = Arc::clone(&self.memory);
            let token = Token::new(&self.name, self.described(person), mint, memory);
            (person.to_owned(), Arc::new(token))
        };
        self.kept.of(|known| known == person, new, |_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;

    use deed_record::action::TokenKind;

    use super::super::recent::PARTIES;
    use super::super::token::{MintError, Minted};
    use super::*;

    #[derive(Debug)]
    struct Named(String);

    impl Mint for Named {
        fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
            let value = Secret::new("x", format!("token-of-{:>016}", self.0).as_bytes()).unwrap();
            Box::pin(async { Ok(Minted { value, lifetime: None }) })
        }
    }

    #[tokio::test]
    async fn each_person_has_a_token_and_their_number_is_bounded() {
        let make: Make = Box::new(|person| Box::new(Named(person.to_owned())));
        let described = TokenRef::new(TokenKind::TokenExchange);
        let memory = Arc::<Memory>::default();
        let all = Subjects::new("x", described, vec![], make, Arc::clone(&memory));
        let alice = all.of("alice");
        assert!(Arc::ptr_eq(&alice, &all.of("alice")));
        assert!(!Arc::ptr_eq(&alice, &all.of("bob")));
        let (one, two) = (alice.current().await.unwrap(), all.of("bob").current().await.unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(alice.described().subject.as_deref(), Some("alice"));
        for n in 0..PARTIES {
            all.of(&format!("person-{n}"));
        }
        assert_eq!(all.kept.all().len(), PARTIES);
        assert!(!Arc::ptr_eq(&alice, &all.of("alice")), "the oldest made room");
        drop((alice, all));
        for value in [one, two] {
            assert!(memory.forms().finds(value.reveal()), "it may still be echoed");
        }
    }
}
