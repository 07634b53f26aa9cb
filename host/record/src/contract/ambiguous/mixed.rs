//! Whether two texts, of which at least one has text around a placeholder, may be equal.
//!
//! Two texts may be equal unless the literals at their starts or at their ends differ, or one text always contains a
//! character that the other cannot contain.

use crate::action::id;
use crate::contract::Contract;
use crate::contract::narrow::Alphabet;
use crate::contract::template::text::{Piece, Source};

pub(super) fn meet(contract: &Contract, one: &[Piece<'_>], other: &[Piece<'_>]) -> bool {
    let ends = |pieces: &[Piece<'_>]| (literal(pieces.first()), literal(pieces.last()));
    let ((head, tail), (its_head, its_tail)) = (ends(one), ends(other));
    let heads = head.starts_with(&its_head) || its_head.starts_with(&head);
    let tails = tail.ends_with(&its_tail) || its_tail.ends_with(&tail);
    heads && tails && has_all(contract, one, other) && has_all(contract, other, one)
}

fn literal(piece: Option<&Piece<'_>>) -> String {
    match piece {
        Some(Piece::Literal(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// Whether the first text can contain every character that the second text always contains.
fn has_all(contract: &Contract, one: &[Piece<'_>], other: &[Piece<'_>]) -> bool {
    let Some(alphabet) = alphabet(contract, one) else { return true };
    let fixed = other.iter().filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text.chars()),
        Piece::Value(_) => None,
    });
    let literals: String = literals(one);
    fixed.flatten().all(|character| alphabet.has(character) || literals.contains(character))
}

fn literals(pieces: &[Piece<'_>]) -> String {
    pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_ref()),
            Piece::Value(_) => None,
        })
        .collect()
}

/// The characters that the values in a text can contain; `None` if these characters are not known.
fn alphabet(contract: &Contract, pieces: &[Piece<'_>]) -> Option<Alphabet> {
    let of = |source: &Source<'_>| match source {
        Source::Param { name, .. } => Alphabet::of(contract.params.properties.get(*name)?),
        Source::ActionId => Alphabet::of_text(id::CHARACTERS),
        Source::Pre(_) => None,
        Source::Answer(path) => Alphabet::of(contract.answer_at(path)?.1),
    };
    pieces.iter().try_fold(Alphabet::default(), |all, piece| match piece {
        Piece::Literal(_) => Some(all),
        Piece::Value(source) => Some(all.and(of(source)?)),
    })
}
