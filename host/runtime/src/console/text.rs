//! The values that pages show. Text from outside is a [`Text`], a [`Plain`], a [`Typed`] or a [`Block`], which escape
//! it: no text becomes markup, and characters that hide or reorder text become `\u{…}`.
//!
//! The functions of `parts`, of which pages consist, take only values that are [`Shown`]. A text of a record is none.

use deed_record::timeline::utc;
use deed_spec::text::deceives;
use maud::{Markup, PreEscaped, Render, html};

/// The maximum number of characters of a text within a line.
const TEXT_MAX: usize = 8_000;
/// The maximum number of characters of a title or of the value of an attribute.
const PLAIN_MAX: usize = 500;
/// The maximum number of characters of a block of text.
const BLOCK_MAX: usize = 100_000;

/// A value that a page may show.
pub(super) trait Shown {
    fn shown(&self) -> Markup;
}

/// A text from outside, within a line. Its direction does not affect the text around it. A long text is cut, and the
/// page says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    text: String,
    is_cut: bool,
}

/// A text from outside, for titles and values of attributes, in which there can be no elements. A long text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain(String);

/// A text from outside as the value of a field. It is not cut, because the form sends it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed(String);

/// A text from outside with its line breaks. A long text is cut, and the page says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    text: String,
    is_cut: bool,
}

/// A time in Unix milliseconds, shown in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) i64);

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let (text, is_cut) = beginning(text, TEXT_MAX);
        Self { text: text.to_owned(), is_cut }
    }

    /// Several texts, with commas between them.
    pub(super) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(|text| text.as_ref().to_owned()).collect();
        Self::new(&texts.join(", "))
    }
}

impl Plain {
    pub(super) fn new(text: &str) -> Self {
        Self(beginning(text, PLAIN_MAX).0.to_owned())
    }
}

impl Typed {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Block {
    /// Whether a block shows this text as a whole.
    pub(super) fn has_room_for(text: &str) -> bool {
        text.chars().nth(BLOCK_MAX).is_none()
    }

    pub(super) fn new(text: &str) -> Self {
        let (text, is_cut) = beginning(text, BLOCK_MAX);
        Self { text: text.to_owned(), is_cut }
    }
}

impl Render for Text {
    fn render(&self) -> Markup {
        html! {
            bdi { (escaped(&self.text)) }
            @if self.is_cut { " " em { "(the rest is not shown here)" } }
        }
    }
}

impl Render for Plain {
    fn render_to(&self, out: &mut String) {
        escape(&self.0, out);
    }
}

impl Render for Typed {
    fn render_to(&self, out: &mut String) {
        escape(&self.0, out);
    }
}

impl Render for Block {
    fn render(&self) -> Markup {
        html! {
            pre tabindex="0" { (escaped(&self.text)) }
            @if self.is_cut {
                p { strong { "The text is too long for this page; the rest is not shown here." } }
            }
        }
    }
}

impl Render for Time {
    fn render(&self) -> Markup {
        let text = utc(self.0);
        let machine = text.replacen(' ', "T", 1);
        html! { time datetime=(machine) { (text) } }
    }
}

impl Shown for Text {
    fn shown(&self) -> Markup {
        self.render()
    }
}

impl Shown for Block {
    fn shown(&self) -> Markup {
        self.render()
    }
}

impl Shown for Time {
    fn shown(&self) -> Markup {
        self.render()
    }
}

impl Shown for usize {
    fn shown(&self) -> Markup {
        html! { span class="number" { (self) } }
    }
}

impl Shown for u64 {
    fn shown(&self) -> Markup {
        html! { span class="number" { (self) } }
    }
}

/// Markup of the program, which was made from values that are shown.
impl Shown for Markup {
    fn shown(&self) -> Markup {
        self.clone()
    }
}

/// A constant of the program.
impl Shown for &'static str {
    fn shown(&self) -> Markup {
        html! { (*self) }
    }
}

/// A value that may be absent.
impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Markup {
        self.as_ref().map(Shown::shown).unwrap_or_default()
    }
}

/// The first characters of a text, and whether there are more.
fn beginning(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most).and_then(|(at, _)| text.get(..at)) {
        Some(beginning) => (beginning, true),
        None => (text, false),
    }
}

fn escaped(text: &str) -> Markup {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    PreEscaped(out)
}

/// Escapes a text for elements and for quoted attributes. Line breaks stay.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c != '\n' && deceives(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        for (text, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("</pre>", "&lt;/pre&gt;"),
            ("\" onload='x' a=\"", "&quot; onload=&#39;x&#39; a=&quot;"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("pay \u{202e}001\u{0}\u{1b}", "pay \\u{202e}001\\u{0}\\u{1b}"),
            ("a\nb\r\tc", "a\nb\\u{d}\\u{9}c"),
            ("Grüße 日本", "Grüße 日本"),
        ] {
            assert_eq!(Text::new(text).render().into_string(), format!("<bdi>{shown}</bdi>"));
            assert_eq!(Plain::new(text).render().into_string(), shown);
            assert_eq!(Typed::new(text).render().into_string(), shown);
            let block = format!("<pre tabindex=\"0\">{shown}</pre>");
            assert_eq!(Block::new(text).render().into_string(), block);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_the_page_says_so() {
        let text = |length: usize| Text::new(&"ä".repeat(length)).render().into_string();
        assert!(!text(TEXT_MAX).contains("<em>"));
        assert!(text(TEXT_MAX + 1).contains("<em>"));
        assert_eq!(text(TEXT_MAX + 1).matches('ä').count(), TEXT_MAX);
        let block = Block::new(&"<".repeat(BLOCK_MAX + 1)).render().into_string();
        assert_eq!(block.matches("&lt;").count(), BLOCK_MAX);
        assert!(block.contains("the rest is not shown here.</strong>"));
        let fits = |length: usize| Block::has_room_for(&"ä".repeat(length));
        assert!(fits(BLOCK_MAX) && !fits(BLOCK_MAX + 1));
        let plain = Plain::new(&"ä".repeat(PLAIN_MAX + 1)).render().into_string();
        assert_eq!(plain.matches('ä').count(), PLAIN_MAX);
    }

    #[test]
    fn a_time_is_in_utc_for_people_and_programs() {
        let shown = Time(0).render().into_string();
        let wanted = "<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00:00Z</time>";
        assert_eq!(shown, wanted);
    }
}
