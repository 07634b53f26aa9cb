//! Quotes a text as a literal of a query language, for the parts of a body that an adapter computes.
//!
//! A contract has no quoting functions, so a placeholder with text around it stands only for values that need none. An
//! adapter can quote any text, because people and policies see the finished request before it is sent. Each function
//! returns the literal with its quotation marks. The attribute, operator and syntax around the literal must be fixed
//! text of the adapter.

mod graphql;
mod jql;
mod odata;
mod scim_filter;

use std::fmt::Write as _;

pub use self::graphql::graphql;
pub use self::jql::jql;
pub use self::odata::odata;
pub use self::scim_filter::scim_filter;

/// Adds a character as `\uXXXX`; a character outside of the Basic Multilingual Plane as a surrogate pair.
fn escape(one: char, out: &mut String) {
    for unit in one.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        write!(out, "\\u{unit:04x}").ok();
    }
}
