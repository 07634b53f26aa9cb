//! Fresh sandbox runs and policy decisions that call the libraries directly, without this project's code.

use std::net::SocketAddr;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use deed_tests::services::Result;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Instance, InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use super::exchange;

/// The smallest component that makes one call to its host and returns the result.
const GUEST: &str = r#"(component
    (import "exchange" (func $exchange (result u32)))
    (core func $lowered (canon lower (func $exchange)))
    (core module $module
        (import "host" "exchange" (func $exchange (result i32)))
        (memory 17)
        (func (export "asks") (result i32) (call $exchange))
        (func (export "rests") (result i32) (i32.const 7)))
    (core instance $instance
        (instantiate $module (with "host" (instance (export "exchange" (func $lowered))))))
    (func (export "asks") (result u32) (canon lift (core func $instance "asks")))
    (func (export "rests") (result u32) (canon lift (core func $instance "rests"))))"#;

/// The number of concurrent runs, as in the host.
const SLOTS: usize = 64;

pub(super) struct Sandbox {
    pub(super) upstream: SocketAddr,
    engine: Engine,
    /// A semaphore with one permit for each instance of the pool.
    slots: Semaphore,
    pre: InstancePre<()>,
}

impl Sandbox {
    /// Uses the host's engine settings where they affect the cost.
    pub(super) fn new(upstream: SocketAddr) -> Result<Self> {
        let mut config = Config::new();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(64)
            .total_stacks(64)
            .max_memory_size(64 << 20)
            .linear_memory_keep_resident(128 << 10)
            .table_keep_resident(16 << 10);
        config
            .memory_reservation(64 << 20)
            .epoch_interruption(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, wat::parse_str(GUEST)?)?;
        let mut linker = Linker::new(&engine);
        linker.root().func_wrap_async("exchange", move |_store, (): ()| {
            Box::new(async move {
                let bytes =
                    exchange(upstream).await.map_err(|e| wasmtime::Error::msg(e.to_string()))?;
                Ok((u32::try_from(bytes)?,))
            })
        })?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Self { upstream, engine, slots: Semaphore::new(SLOTS), pre })
    }

    /// Calls a fresh instance once, with or without an exchange.
    pub(super) async fn run(&self, asks: bool) -> Result<u32> {
        let _slot = self.slots.acquire().await?;
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(1_000_000);
        let instance: Instance = self.pre.instantiate_async(&mut store).await?;
        let name = if asks { "asks" } else { "rests" };
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, name)?;
        Ok(function.call_async(&mut store, ()).await?.0)
    }
}

pub(super) struct Policy {
    policies: PolicySet,
    entities: Entities,
    request: Request,
}

const POLICIES: &str = r#"
    permit (principal in Role::"helpdesk", action in Action::"update", resource in Upstream::"idp")
    when { context.environment == "staging" };
    forbid (principal, action, resource) when { context.sources < 1 };"#;

const ENTITIES: &str = r#"[
    {"uid": {"type": "Agent", "id": "helpdesk"}, "attrs": {}, "parents": [{"type": "Role", "id": "helpdesk"}]},
    {"uid": {"type": "Action", "id": "idp.restore_access"}, "attrs": {}, "parents": [{"type": "Action", "id": "update"}]},
    {"uid": {"type": "User", "id": "1"}, "attrs": {}, "parents": [{"type": "Upstream", "id": "idp"}]}]"#;

impl Policy {
    pub(super) fn new() -> Result<Self> {
        let name = |text: &str| -> Result<EntityUid> { Ok(text.parse()?) };
        let context = r#"{"environment": "staging", "sources": 1}"#;
        let context = Context::from_json_str(context, None)?;
        Ok(Self {
            policies: POLICIES.parse()?,
            entities: Entities::from_json_str(ENTITIES, None)?,
            request: Request::new(
                name(r#"Agent::"helpdesk""#)?,
                name(r#"Action::"idp.restore_access""#)?,
                name(r#"User::"1""#)?,
                context,
                None,
            )?,
        })
    }

    pub(super) fn decide(&self) -> Result<()> {
        let answer = Authorizer::new().is_authorized(&self.request, &self.policies, &self.entities);
        if answer.decision() == Decision::Allow { Ok(()) } else { Err("denied".into()) }
    }
}
