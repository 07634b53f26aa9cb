//! The places of a text that matches a pattern.
//!
//! The size of a text is computed without making the text, because the search for a length that the schema allows may
//! try a thousand lengths.

use std::rc::Rc;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

use super::LENGTH_MAX;

/// One character of a text.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Fixed(char),
    Options(Rc<[char]>),
}

/// A pattern. The options of each class and the size of each literal are computed once.
#[derive(Debug)]
pub(super) enum Shape {
    Places(Vec<Place>, Size),
    Repeated {
        least: u32,
        most: Option<u32>,
        part: Box<Shape>,
    },
    All(Vec<Shape>),
    OneOf(Vec<Shape>),
    /// A part that no text has, or for which the host makes none.
    Never,
}

/// The size of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) length: u64,
    /// The number of combinations of options, at most 2^64 − 1.
    pub(super) room: u64,
}

impl Shape {
    fn fixed(places: Vec<Place>) -> Self {
        let length = u64::try_from(places.len()).unwrap_or(u64::MAX);
        let room = room(&places);
        Self::Places(places, Size { length, room })
    }

    /// Recursion is bounded by the parser's nesting limit.
    pub(super) fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::fixed(Vec::new()),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Self::fixed(text.chars().map(Place::Fixed).collect()),
                Err(_) => Self::Never,
            },
            HirKind::Class(Class::Unicode(class)) => match options(class) {
                Some(options) => Self::fixed(vec![Place::Options(options)]),
                None => Self::Never,
            },
            HirKind::Class(Class::Bytes(_)) => Self::Never,
            HirKind::Repetition(one) => {
                Self::Repeated { least: one.min, most: one.max, part: Box::new(Self::of(&one.sub)) }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(parts) => Self::All(parts.iter().map(Self::of).collect()),
            HirKind::Alternation(choices) => Self::OneOf(choices.iter().map(Self::of).collect()),
        }
    }

    /// The size of the text in which open-ended repetitions occur `extra` times more than they must; `None` if there is
    /// no such text, or it is too large. `left` is how many parts may still be visited.
    pub(super) fn size(&self, extra: u32, left: &mut u32) -> Option<Size> {
        *left = left.checked_sub(1)?;
        let size = match self {
            Self::Places(_, size) => *size,
            Self::Repeated { least, most, part } => match times(*least, *most, extra) {
                0 => Size::EMPTY,
                times => part.size(extra, left)?.repeated(times),
            },
            Self::All(parts) => {
                let mut parts = parts.iter();
                parts.try_fold(Size::EMPTY, |all, part| Some(all.and(part.size(extra, left)?)))?
            }
            Self::OneOf(choices) => {
                let sizes = choices.iter().filter_map(|choice| choice.size(extra, left));
                best(sizes, |size| size.room)?
            }
            Self::Never => return None,
        };
        (size.length <= u64::from(LENGTH_MAX)).then_some(size)
    }

    /// The places of the text of which [`Self::size`] gave the size.
    pub(super) fn places(&self, extra: u32) -> Option<Vec<Place>> {
        let places = match self {
            Self::Places(places, _) => places.clone(),
            Self::Repeated { least, most, part } => match times(*least, *most, extra) {
                0 => Vec::new(),
                times => {
                    let (part, times) = (part.places(extra)?, usize::try_from(times).ok()?);
                    if part.len().saturating_mul(times) > most_places() {
                        return None;
                    }
                    part.iter().cycle().take(part.len() * times).cloned().collect()
                }
            },
            Self::All(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.places(extra)?);
                    if all.len() > most_places() {
                        return None;
                    }
                }
                all
            }
            Self::OneOf(choices) => {
                let choices = choices.iter().filter_map(|choice| choice.places(extra));
                best(choices, |places| room(places))?
            }
            Self::Never => return None,
        };
        (places.len() <= most_places()).then_some(places)
    }
}

impl Size {
    const EMPTY: Self = Self { length: 0, room: 1 };

    fn and(self, other: Self) -> Self {
        Self {
            length: self.length.saturating_add(other.length),
            room: self.room.saturating_mul(other.room),
        }
    }

    fn repeated(self, times: u32) -> Self {
        Self {
            length: self.length.saturating_mul(u64::from(times)),
            room: self.room.saturating_pow(times),
        }
    }
}

fn most_places() -> usize {
    usize::try_from(LENGTH_MAX).unwrap_or(usize::MAX)
}

/// The number of combinations of options, at most 2^64 − 1.
pub(super) fn room(places: &[Place]) -> u64 {
    places.iter().fold(1, |all: u64, place| match place {
        Place::Fixed(_) => all,
        Place::Options(options) => {
            all.saturating_mul(u64::try_from(options.len()).unwrap_or(u64::MAX))
        }
    })
}

/// How often a part occurs.
fn times(least: u32, most: Option<u32>, extra: u32) -> u32 {
    let wanted = least.saturating_add(extra);
    most.map_or(wanted, |most| most.min(wanted))
}

/// The alternative with the most combinations, and of equal ones the first. The choice is not random, so that the
/// length of a text is known before the text is made.
fn best<T>(choices: impl IntoIterator<Item = T>, room: impl Fn(&T) -> u64) -> Option<T> {
    choices.into_iter().reduce(|best, one| if room(&one) > room(&best) { one } else { best })
}

/// The characters of a class from which a place takes one; `None` if the class is empty.
fn options(class: &ClassUnicode) -> Option<Rc<[char]>> {
    let has =
        |c: &char| class.ranges().iter().any(|range| range.start() <= *c && *c <= range.end());
    let letters: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').filter(has).collect();
    if letters.len() >= 8 {
        return Some(letters.into());
    }
    let visible: Vec<char> = ('!'..='~').filter(has).collect();
    if !visible.is_empty() {
        return Some(visible.into());
    }
    let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    let first: Vec<char> = all.take(64).collect();
    (!first.is_empty()).then(|| first.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pattern: &str) -> Shape {
        Shape::of(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn the_size_is_that_of_the_places() {
        for pattern in [
            "^$",
            "^[0-9a-f]{12}$",
            "^(prod|test)_[A-Za-z0-9]{24}$",
            "^(?:a+[01]*|[a-f]{2,3}|é)?(?:[0-9]|x{3,}){4}$",
            "^(?:(?:a?){8}){8}$",
            "^a*(?:[a&&b]|b)$",
        ] {
            let shape = shape(pattern);
            for extra in [0, 1, 5, 40] {
                let size = shape.size(extra, &mut 10_000).unwrap();
                let places = shape.places(extra).unwrap();
                let length = u64::try_from(places.len()).unwrap();
                assert_eq!((size.length, size.room), (length, room(&places)), "{pattern}");
            }
        }
        for pattern in ["^[a&&b]$", "^b{1025}$", "^(?:(?:a?){100}){100}$"] {
            assert_eq!(shape(pattern).size(1, &mut 10_000), None, "{pattern}");
            assert!(shape(pattern).places(1).is_none(), "{pattern}");
        }
    }

    #[test]
    fn the_search_visits_a_bounded_number_of_parts() {
        let parts = format!("^(?:{})$", vec!["(?:a|[bc]d)"; 50].concat());
        let (shape, mut left) = (shape(&parts), 100);
        assert_eq!(shape.size(0, &mut left), None);
        assert_eq!(left, 0);
    }
}
