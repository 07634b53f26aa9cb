//! The names of the limits on new work, and the texts that callers get when a limit is reached.

/// A limit on new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    AgentUnderWay,
    TenantUnderWay,
    HostUnderWay,
    AgentWaiting,
    TenantWaiting,
    HostWaiting,
    /// Access tokens of requests that the actions of a tenant hold.
    TenantTokens,
}

impl Limit {
    pub const ALL: [Self; 7] = [
        Self::AgentUnderWay,
        Self::TenantUnderWay,
        Self::HostUnderWay,
        Self::AgentWaiting,
        Self::TenantWaiting,
        Self::HostWaiting,
        Self::TenantTokens,
    ];

    /// The name of the limit in machine-readable output.
    pub fn word(self) -> &'static str {
        match self {
            Self::AgentUnderWay => "agent_under_way",
            Self::TenantUnderWay => "tenant_under_way",
            Self::HostUnderWay => "host_under_way",
            Self::AgentWaiting => "agent_waiting",
            Self::TenantWaiting => "tenant_waiting",
            Self::HostWaiting => "host_waiting",
            Self::TenantTokens => "tenant_tokens",
        }
    }

    /// The text that a caller gets when the limit is reached.
    pub fn told(self) -> &'static str {
        match self {
            Self::AgentUnderWay => "too many of your actions are under way",
            Self::TenantUnderWay => "too many actions of your tenant are under way",
            Self::HostUnderWay => "the host has reached its maximum number of actions under way",
            Self::AgentWaiting => "too many of your actions wait for people",
            Self::TenantWaiting => "too many actions of your tenant wait for people",
            Self::HostWaiting => {
                "the host has reached its maximum number of actions that wait for people"
            }
            Self::TenantTokens => {
                "the actions of your tenant hold too many access tokens of their requests"
            }
        }
    }

    /// Whether the limit applies to the whole host. The caller can do nothing about such a limit.
    pub fn is_hosts(self) -> bool {
        matches!(self, Self::HostUnderWay | Self::HostWaiting)
    }
}

/// New work was refused because a limit is reached. Nothing had been done for the work before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; retry in {retry_after_s} s", limit.told())]
pub struct Overload {
    pub limit: Limit,
    pub retry_after_s: u64,
}
