//! The limits that keep new work out: what each is called, and what whoever meets one is told.

/// A limit that keeps new work out.
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

    /// The limit in one word, for programs.
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

    /// What a caller reads.
    pub fn told(self) -> &'static str {
        match self {
            Self::AgentUnderWay => "too many of your actions are under way",
            Self::TenantUnderWay => "too many actions of your tenant are under way",
            Self::HostUnderWay => "the host carries as many actions as it can",
            Self::AgentWaiting => "too many of your actions wait for people",
            Self::TenantWaiting => "too many actions of your tenant wait for people",
            Self::HostWaiting => "the host keeps as many actions for people as it can",
        }
    }

    /// Whether it is the host's own, so that the caller can do nothing about it.
    pub fn is_hosts(self) -> bool {
        matches!(self, Self::HostUnderWay | Self::HostWaiting)
    }
}

/// New work that was not taken. Nothing was looked at, nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; come back in {retry_after_s} s", limit.told())]
pub struct Overload {
    pub limit: Limit,
    pub retry_after_s: u64,
}
