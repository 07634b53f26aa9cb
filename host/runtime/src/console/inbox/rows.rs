//! The part of a long list that one page shows. The list is read once, however long it is.

/// The items of a group, of which one page shows the first ones.
#[derive(Debug)]
pub(super) struct Rows<T> {
    /// The number of all items of the group.
    pub(super) count: usize,
    pub(super) shown: Vec<T>,
    /// Whether more items follow those that are shown.
    pub(super) has_more: bool,
}

impl<T> Rows<T> {
    pub(super) fn empty() -> Self {
        Self { count: 0, shown: Vec::new(), has_more: false }
    }

    /// Counts an item, and shows it if it is on this page, which has at most `most` items. `holds` may read the store,
    /// so it is called only for items of this page and for one behind it.
    pub(super) fn add(
        &mut self,
        item: T,
        is_on_page: bool,
        most: usize,
        holds: impl FnOnce(&T) -> bool,
    ) {
        self.count += 1;
        if !is_on_page || self.has_more || !holds(&item) {
            return;
        }
        if self.shown.len() < most {
            self.shown.push(item);
        } else {
            self.has_more = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 50;

    /// The page behind this number of the numbers from 1 to `count`, and how many of them were looked up. The page
    /// leaves out numbers that are gone.
    fn page(count: usize, after: usize, is_gone: fn(usize) -> bool) -> (Rows<usize>, usize) {
        let (mut rows, mut lookups) = (Rows::empty(), 0);
        for number in 1..=count {
            rows.add(number, number > after, MOST, |number| {
                lookups += 1;
                !is_gone(*number)
            });
        }
        (rows, lookups)
    }

    #[test]
    fn a_page_of_a_long_list_has_its_first_items_and_the_count_of_all() {
        let (rows, lookups) = page(10_000, 0, |_| false);
        assert_eq!((rows.count, rows.shown.len(), rows.has_more), (10_000, MOST, true));
        assert_eq!(rows.shown.last(), Some(&50));
        assert_eq!(lookups, MOST + 1, "the store was asked about items of other pages");
    }

    #[test]
    fn the_pages_have_every_item_once() {
        for count in [0, 1, 49, 50, 51, 100, 101] {
            let mut all: Vec<usize> = Vec::new();
            loop {
                let (rows, _) = page(count, all.last().copied().unwrap_or_default(), |_| false);
                assert_eq!(rows.count, count);
                all.extend(rows.shown);
                if !rows.has_more {
                    break;
                }
            }
            assert_eq!(all, (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_item_that_no_longer_waits_takes_no_room_and_promises_no_page() {
        let (rows, _) = page(51, 0, |number| number == 51);
        assert_eq!((rows.shown.len(), rows.has_more), (MOST, false));
        let (rows, _) = page(51, 0, |number| number == 1);
        assert_eq!((rows.shown.first(), rows.shown.len(), rows.has_more), (Some(&2), MOST, false));
    }
}
