//! Guests that break the canonical ABI: what they hand over is refused at the border, and costs the
//! host no memory.

use deed_tests::guests::Guest;

use super::siege::Siege;

const STOPPED: &str = "the adapter was stopped: ";

fn stopped(guest: Guest, why: &str) {
    Siege::short(guest).stopped_while_observing(&format!("{STOPPED}{why}"));
}

pub(super) fn hands_out_of_bounds() {
    stopped(Guest::HandsOutOfBounds, "");
}

pub(super) fn hands_invalid_utf8() {
    stopped(Guest::HandsInvalidUtf8, "");
}

pub(super) fn hands_a_bad_tag() {
    stopped(Guest::HandsABadTag, "");
}

pub(super) fn hands_huge_strings() {
    stopped(Guest::HandsHugeStrings, "");
}

pub(super) fn hands_huge_lists() {
    stopped(Guest::HandsHugeLists, "");
}

pub(super) fn hands_overlapping_strings() {
    stopped(Guest::HandsOverlappingStrings, "");
}

pub(super) fn returns_huge_strings() {
    stopped(Guest::ReturnsHugeStrings, "");
}

pub(super) fn returns_invalid_utf8() {
    stopped(Guest::ReturnsInvalidUtf8, "");
}

pub(super) fn returns_out_of_bounds() {
    stopped(Guest::ReturnsOutOfBounds, "");
}

pub(super) fn returns_a_bad_tag() {
    stopped(Guest::ReturnsABadTag, "");
}

pub(super) fn allocates_out_of_bounds() {
    stopped(Guest::AllocatesOutOfBounds, "");
}

pub(super) fn calls_from_realloc() {
    stopped(Guest::CallsFromRealloc, "");
}
