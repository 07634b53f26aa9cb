//! Finds the actions of a tenant that pass a filter, newest first. The search reads the lists for the agent, status,
//! resource and trace in the filter. If the filter has no agent, status, resource or trace, the search reads the list
//! of all actions of the tenant.
//!
//! Every list is sorted by action id. The search moves from list to list, always down to the smallest candidate so far,
//! until one action is in every list. The search therefore skips actions that are in only some of the lists.

use std::iter;

use super::{Index, IndexError, key};
use crate::store::{Filter, Page, Row, Span};

/// Alternative lists: an action passes if at least one of them contains it.
type Either = Vec<Vec<u8>>;

/// The greatest action id that may be found.
enum Limit {
    AtMost(String),
    Below(String),
}

/// The result of a search.
enum Found {
    Action(String),
    /// All steps were used. The search continues with this id, which was not looked at.
    Paused(String),
    Nothing,
}

impl Index {
    /// At most `limit` actions of a tenant that pass the filter, the greatest ids first.
    pub(in super::super) fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, IndexError> {
        let span = Span { from: None, rows: limit, steps: usize::MAX };
        Ok(self.page(tenant, filter, &span)?.rows)
    }

    /// A part of the list of a tenant's actions that pass the filter, the greatest ids first.
    pub(in super::super) fn page(
        &self,
        tenant: &str,
        filter: &Filter,
        span: &Span,
    ) -> Result<Page, IndexError> {
        let lists = lists(tenant, filter);
        let (mut page, mut steps) = (Page::default(), span.steps.max(1));
        let mut from = span.from.clone().map(Limit::AtMost);
        loop {
            let action = match self.next(&lists, from.as_ref(), &mut steps)? {
                Found::Action(action) if page.rows.len() < span.rows => action,
                Found::Action(action) | Found::Paused(action) => {
                    page.next = Some(action);
                    return Ok(page);
                }
                Found::Nothing => return Ok(page),
            };
            let row = self.row(&action)?.ok_or(IndexError::Value)?;
            from = Some(Limit::Below(action.clone()));
            // The row is checked against the filter too, because some lists contain actions that do not pass it.
            if row.summary.tenant == tenant && filter.takes(&row) {
                page.rows.push((action, row));
            }
        }
    }

    /// The greatest action id within `from` that is in all lists.
    fn next(
        &self,
        lists: &[Either],
        from: Option<&Limit>,
        steps: &mut usize,
    ) -> Result<Found, IndexError> {
        let Some((first, others)) = lists.split_first() else { return Ok(Found::Nothing) };
        let mut candidate = self.greatest(first, from)?;
        while let Some(action) = candidate {
            if *steps == 0 {
                return Ok(Found::Paused(action));
            }
            *steps -= 1;
            let mut least = action.clone();
            for list in others {
                match self.greatest(list, Some(&Limit::AtMost(least)))? {
                    Some(found) => least = found,
                    None => return Ok(Found::Nothing),
                }
            }
            if least == action {
                return Ok(Found::Action(action));
            }
            candidate = self.greatest(first, Some(&Limit::AtMost(least)))?;
        }
        Ok(Found::Nothing)
    }

    /// The greatest action id within `limit` in any of these lists.
    fn greatest(
        &self,
        lists: &Either,
        limit: Option<&Limit>,
    ) -> Result<Option<String>, IndexError> {
        let mut greatest = None;
        for list in lists {
            let last = match limit {
                Some(Limit::AtMost(action)) => {
                    self.last(list.clone()..=key::within(list, action))?
                }
                Some(Limit::Below(action)) => self.last(list.clone()..key::within(list, action))?,
                None => self.last(list.clone()..key::behind(list))?,
            };
            let Some(last) = last else { continue };
            let action = key::last_part(&last).ok_or(IndexError::Value)?;
            greatest = greatest.max(Some(action));
        }
        Ok(greatest)
    }
}

/// The lists that contain every action that passes the filter.
fn lists(tenant: &str, filter: &Filter) -> Vec<Either> {
    let Filter { agent, contract: _, status, resource, trace, since_ms: _, ended } = filter;
    let mut lists = Vec::new();
    // The first list is that of the agent, because a paused search says with an action of the first list where it goes
    // on, and an agent must not learn of the actions of others.
    lists.extend(agent.as_ref().map(|agent| vec![key::agent(tenant, agent)]));
    lists.extend(trace.as_ref().map(|trace| vec![key::trace(tenant, trace)]));
    lists.extend(resource.as_ref().map(|name| vec![key::resource(tenant, name)]));
    // Only ended actions are listed by status, because their status no longer changes. Open actions are few, so they
    // share one list for all statuses.
    let open = (!ended).then(|| key::open(tenant));
    lists.extend(
        status.as_ref().map(|status| iter::once(key::ended(tenant, status)).chain(open).collect()),
    );
    if lists.is_empty() {
        lists.push(vec![key::tenant(tenant)]);
    }
    lists
}
