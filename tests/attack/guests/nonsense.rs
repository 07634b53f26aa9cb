//! Guests that violate the canonical ABI. The host refuses invalid values at the boundary and allocates no memory for
//! them.

use deed_tests::guests::Guest;

use super::siege::Siege;

const STOPPED: &str = "the adapter was stopped: ";
const TOO_MUCH: &str = "too much data is being copied between the host and the guest";

fn stopped(guest: Guest, why: &str) {
    Siege::of(guest).stopped_while_observing(&format!("{STOPPED}{why}"));
}

pub(super) fn hands_out_of_bounds() {
    stopped(Guest::HandsOutOfBounds, "string pointer/length out of bounds");
}

pub(super) fn hands_invalid_utf8() {
    stopped(Guest::HandsInvalidUtf8, "invalid utf-8");
}

pub(super) fn hands_a_bad_tag() {
    stopped(Guest::HandsABadTag, "unexpected discriminant: 9");
}

pub(super) fn hands_huge_strings() {
    stopped(Guest::HandsHugeStrings, TOO_MUCH);
}

pub(super) fn hands_huge_lists() {
    stopped(Guest::HandsHugeLists, TOO_MUCH);
}

pub(super) fn hands_overlapping_strings() {
    stopped(Guest::HandsOverlappingStrings, TOO_MUCH);
}

pub(super) fn returns_huge_strings() {
    stopped(Guest::ReturnsHugeStrings, TOO_MUCH);
}

pub(super) fn returns_invalid_utf8() {
    stopped(Guest::ReturnsInvalidUtf8, "invalid utf-8");
}

pub(super) fn returns_out_of_bounds() {
    stopped(Guest::ReturnsOutOfBounds, "pointer out of bounds");
}

pub(super) fn returns_a_bad_tag() {
    stopped(Guest::ReturnsABadTag, "unexpected discriminant: 9");
}

pub(super) fn allocates_out_of_bounds() {
    stopped(Guest::AllocatesOutOfBounds, "realloc return: beyond end of memory");
}

pub(super) fn calls_from_realloc() {
    stopped(Guest::CallsFromRealloc, "wasm trap: cannot leave component instance");
}
