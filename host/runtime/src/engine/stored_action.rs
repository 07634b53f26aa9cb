//! An action as it was read from the journal or as a driver left it.

use deed_record::lifecycle::event::Entry;
use deed_record::lifecycle::story::Story;

/// A story and the entries that it was folded from, oldest first.
#[derive(Debug)]
pub struct StoredAction {
    pub story: Story,
    pub entries: Vec<Entry>,
}
