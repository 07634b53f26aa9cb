//! Tokens of one kind for several parties, of which only those that were used last are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::history::CredentialStanding;
use super::token::Token;

/// For how many parties tokens are kept. With more, the one that was used longest ago is dropped, and is obtained again
/// when it is needed.
pub(super) const PARTIES: usize = 256;

/// Tokens by their party. The token that was used last is at the end.
pub(super) struct RecentTokens<P>(Mutex<VecDeque<(P, Arc<Token>)>>);

impl<P> Default for RecentTokens<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P> RecentTokens<P> {
    /// The token of the party for which `is_its` holds; of a new party, if there is none. Before the list is unlocked,
    /// `uses` gets the party.
    pub(super) fn of(
        &self,
        is_its: impl Fn(&P) -> bool,
        new: impl FnOnce() -> (P, Arc<Token>),
        uses: impl FnOnce(&P),
    ) -> Arc<Token> {
        let mut all = self.lock();
        let at = all.iter().position(|(party, _)| is_its(party));
        let (party, token) = at.and_then(|at| all.remove(at)).unwrap_or_else(new);
        uses(&party);
        while all.len() >= PARTIES {
            all.pop_front();
        }
        all.push_back((party, Arc::clone(&token)));
        token
    }

    /// The kept tokens.
    pub(super) fn all(&self) -> Vec<Arc<Token>> {
        self.lock().iter().map(|(_, token)| Arc::clone(token)).collect()
    }

    /// When the token that expires last expires, in Unix milliseconds, of those that the host holds.
    pub(super) fn expires_ms(&self) -> Option<i64> {
        self.all().iter().filter_map(|token| token.expires_ms()).max()
    }

    /// What the host has noticed about the kept tokens: the newest of each.
    pub(super) fn standing(&self) -> CredentialStanding {
        let each = self.all().into_iter().map(|token| token.standing());
        each.reduce(CredentialStanding::and).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(P, Arc<Token>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
