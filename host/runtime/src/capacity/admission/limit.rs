//! The limits on new work: their names, and the texts that callers get.

/// A limit that refuses new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    AgentUnderWay,
    TenantUnderWay,
    HostUnderWay,
    AgentWaiting,
    TenantWaiting,
    HostWaiting,
}

impl Limit {
    pub const ALL: [Self; 6] = [
        Self::AgentUnderWay,
        Self::TenantUnderWay,
        Self::HostUnderWay,
        Self::AgentWaiting,
        Self::TenantWaiting,
        Self::HostWaiting,
    ];

    /// The name of the limit, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::AgentUnderWay => "agent_under_way",
            Self::TenantUnderWay => "tenant_under_way",
            Self::HostUnderWay => "host_under_way",
            Self::AgentWaiting => "agent_waiting",
            Self::TenantWaiting => "tenant_waiting",
            Self::HostWaiting => "host_waiting",
        }
    }

    /// The text for the caller.
    pub fn told(self) -> &'static str {
        match self {
            Self::AgentUnderWay => "too many of your actions are under way",
            Self::TenantUnderWay => "too many actions of your tenant are under way",
            Self::HostUnderWay => "the host has its maximum of actions under way",
            Self::AgentWaiting => "too many of your actions wait for people",
            Self::TenantWaiting => "too many actions of your tenant wait for people",
            Self::HostWaiting => "the host has its maximum of actions that wait for people",
        }
    }

    /// Whether the limit is the host's own, so that the caller cannot do anything about it.
    pub fn is_hosts(self) -> bool {
        matches!(self, Self::HostUnderWay | Self::HostWaiting)
    }
}

/// New work was refused. Nothing was read or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; retry in {retry_after_s} s", limit.told())]
pub struct Overload {
    pub limit: Limit,
    pub retry_after_s: u64,
}
