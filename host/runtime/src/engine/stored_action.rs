//! An action as it was read from the journal or as a driver left it.

use deed_record::lifecycle::event::Entry;
use deed_record::lifecycle::story::Story;

/// The story of an action, and the journal entries that it was built from, oldest first.
#[derive(Debug)]
pub struct StoredAction {
    pub story: Story,
    pub entries: Vec<Entry>,
}
