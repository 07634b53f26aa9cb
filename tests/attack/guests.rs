//! Attacks from inside the sandbox, by every guest (hostile adapter) in `tests/guests/` and by files that are not
//! adapters.
//!
//! The `match` covers all files of `tests/guests/`, so the tests do not compile if a guest has no case.

mod asks;
mod floods;
mod malformed;
mod nonsense;
mod private;
mod rehearsal;
mod siege;
mod stops;
mod tells;
mod wasi;

use deed_tests::guests::Guest;

use crate::case::{Case, cases};

pub(crate) fn cases() -> Vec<Case> {
    let zoo = Guest::ALL.into_iter();
    let zoo = zoo.map(|guest| Case { name: guest.name(), attack: attack(guest) });
    let more = cases![
        "the-table-of-guests" => malformed::the_table_of_guests,
        "the-table-of-limits" => malformed::the_table_of_limits,
        "no-component" => malformed::no_component,
        "foreign-imports" => malformed::foreign_imports,
        "too-many-parts" => malformed::too_many_parts,
        "too-large-or-too-deep" => malformed::too_large_or_too_deep,
        "names-that-lie" => malformed::names_that_lie,
        "floods-answers" => floods::answers,
        "crowds-the-sandbox" => floods::the_sandbox,
    ];
    zoo.chain(more).collect()
}

fn attack(guest: Guest) -> fn() {
    match guest {
        Guest::ActsDifferentlyLive => rehearsal::acts_differently_live,
        Guest::AllocatesOutOfBounds => nonsense::allocates_out_of_bounds,
        Guest::AsksElsewhere => asks::elsewhere,
        Guest::BloatsRefusals => asks::bloats_refusals,
        Guest::CallsFromRealloc => nonsense::calls_from_realloc,
        Guest::ClaimsFailure => tells::claims_failure,
        Guest::ClaimsSuccess => tells::claims_success,
        Guest::ComputesOnAToken => rehearsal::computes_on_a_token,
        Guest::DeletesByGet => asks::deletes_by_get,
        Guest::DropsTheLastWrite => rehearsal::drops_the_last_write,
        Guest::EscapesPaths => asks::escapes_paths,
        Guest::FloodsByWasi => wasi::floods,
        Guest::FloodsExchanges => floods::exchanges,
        Guest::FloodsHostCalls => stops::floods_host_calls,
        Guest::FloodsLogs => floods::logs,
        Guest::ForgesBodies => asks::forges_bodies,
        Guest::ForgesHeaders => asks::forges_headers,
        Guest::GrowsMemories => stops::grows_memories,
        Guest::GrowsMemory => stops::grows_memory,
        Guest::GrowsTables => stops::grows_tables,
        Guest::HandsABadTag => nonsense::hands_a_bad_tag,
        Guest::HandsHugeLists => nonsense::hands_huge_lists,
        Guest::HandsHugeStrings => nonsense::hands_huge_strings,
        Guest::HandsInvalidUtf8 => nonsense::hands_invalid_utf8,
        Guest::HandsOutOfBounds => nonsense::hands_out_of_bounds,
        Guest::HandsOverlappingStrings => nonsense::hands_overlapping_strings,
        Guest::Hangs => stops::hangs,
        Guest::HoardsLooks => floods::looks,
        Guest::HoardsState => floods::state,
        Guest::Leaks => tells::leaks,
        Guest::Lies => tells::lies,
        Guest::MakesHandles => stops::makes_handles,
        Guest::MixesLooks => tells::mixes_looks,
        Guest::Panics => tells::panics,
        Guest::PlansDiffer => rehearsal::plans_differ,
        Guest::PlansWithManyValues => rehearsal::plans_with_many_values,
        Guest::PlansWithoutEnd => rehearsal::plans_without_end,
        Guest::PointsAstray => tells::points_astray,
        Guest::QueriesOtherwise => crate::contracts::queries_otherwise,
        Guest::QuotesStateToItsAgent => rehearsal::quotes_state_to_its_agent,
        Guest::Races => tells::races,
        Guest::ReachesOutByWasi => wasi::reaches_out,
        Guest::ReadsRefusals => tells::reads_refusals,
        Guest::ReadsWhilePerforming => tells::reads_while_performing,
        Guest::Recurses => stops::recurses,
        Guest::Remembers => tells::remembers,
        Guest::ReordersWrites => rehearsal::reorders_writes,
        Guest::RepeatsAWrite => rehearsal::repeats_a_write,
        Guest::ReturnsABadTag => nonsense::returns_a_bad_tag,
        Guest::ReturnsHugeStrings => nonsense::returns_huge_strings,
        Guest::ReturnsInvalidUtf8 => nonsense::returns_invalid_utf8,
        Guest::ReturnsOutOfBounds => nonsense::returns_out_of_bounds,
        Guest::Silent => tells::silent,
        Guest::SmugglesInAny => rehearsal::smuggles_in_any,
        Guest::SpendsAToken => rehearsal::spends_a_token,
        Guest::Spins => stops::spins,
        Guest::SpinsAfterReturn => stops::spins_after_return,
        Guest::SpinsInRealloc => stops::spins_in_realloc,
        Guest::SpinsInStart => stops::spins_in_start,
        Guest::SpinsWhileObserving => stops::spins_while_observing,
        Guest::TellsPrivate => private::tells,
        Guest::WaitsByWasi => wasi::waits_or_ends,
        Guest::WritesInRehearsalWhatPolicyForbids => {
            rehearsal::writes_in_rehearsal_what_policy_forbids
        }
        Guest::WritesWhileObserving => asks::writes_while_observing,
    }
}
