//! Finds the actions of a tenant that pass a filter, newest first. The search reads the lists for the agent, status,
//! resource and trace in the filter. If the filter has no agent, status, resource or trace, the search reads the list
//! of all actions of the tenant.
//!
//! Every list is sorted by action id. The search moves from list to list, always down to the smallest candidate so far,
//! until one action is in every list. The search therefore skips actions that are in only some of the lists.

use super::{Index, IndexError, key};
use crate::store::{Filter, Row};

/// Alternative lists: an action passes if at least one of them contains it.
type Either = Vec<Vec<u8>>;

impl Index {
    /// At most `limit` actions of a tenant that pass the filter, the greatest ids first.
    pub(in super::super) fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, IndexError> {
        let lists = lists(tenant, filter);
        let mut found = Vec::new();
        let mut below: Option<String> = None;
        while found.len() < limit {
            let Some(action) = self.next(&lists, below.as_deref())? else { break };
            let row = self.row(&action)?.ok_or(IndexError::Value)?;
            below = Some(action.clone());
            // The row is checked against the filter too, because some lists contain actions that do not pass it.
            if row.summary.tenant == tenant && filter.takes(&row) {
                found.push((action, row));
            }
        }
        Ok(found)
    }

    /// The greatest action id that is below `below` and in all lists.
    fn next(&self, lists: &[Either], below: Option<&str>) -> Result<Option<String>, IndexError> {
        let Some((first, others)) = lists.split_first() else { return Ok(None) };
        let mut candidate = self.greatest(first, below, false)?;
        while let Some(action) = candidate {
            let mut least = action.clone();
            for list in others {
                match self.greatest(list, Some(&least), true)? {
                    Some(found) => least = found,
                    None => return Ok(None),
                }
            }
            if least == action {
                return Ok(Some(action));
            }
            candidate = self.greatest(first, Some(&least), true)?;
        }
        Ok(None)
    }

    /// The greatest action id in any of these lists that is below `limit`, or not above `limit` if `inclusive` is set.
    fn greatest(
        &self,
        lists: &Either,
        limit: Option<&str>,
        inclusive: bool,
    ) -> Result<Option<String>, IndexError> {
        let mut greatest = None;
        for list in lists {
            let end = limit.map_or_else(|| key::behind(list), |action| key::within(list, action));
            let last = if inclusive {
                self.last(list.clone()..=end)?
            } else {
                self.last(list.clone()..end)?
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
    let Filter { agent, status, resource, trace, since_ms: _ } = filter;
    let mut lists = Vec::new();
    lists.extend(trace.as_ref().map(|trace| vec![key::trace(tenant, trace)]));
    lists.extend(resource.as_ref().map(|name| vec![key::resource(tenant, name)]));
    // Only ended actions are listed by status, because their status no longer changes. Open actions are few, so they
    // share one list for all statuses.
    lists.extend(status.as_ref().map(|status| vec![key::ended(tenant, status), key::open(tenant)]));
    lists.extend(agent.as_ref().map(|agent| vec![key::agent(tenant, agent)]));
    if lists.is_empty() {
        lists.push(vec![key::tenant(tenant)]);
    }
    lists
}
