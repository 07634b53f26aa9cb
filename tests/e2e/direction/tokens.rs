//! Finds paths in macros and attributes, where Rust has not parsed paths yet: a sequence `name::name` counts as a path.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::visit::Visit as _;
use syn::{LitStr, MetaList, Type};

use super::paths::{Reader, word};

/// The path that was read so far and may continue.
struct Run<'a> {
    /// The path before the current group, as in `use a::{b, c}`.
    prefix: &'a [String],
    path: Vec<String>,
    /// The number of colons read after the current path.
    colons: usize,
    /// The previous identifier or punctuation character.
    last: String,
}

impl Reader {
    /// Reads tokens; each path in them begins with `prefix`.
    pub(super) fn tokens(&mut self, prefix: &[String], tokens: TokenStream) {
        let mut run = Run { prefix, path: vec![], colons: 0, last: String::new() };
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    let is_macro = matches!(tokens.peek(), Some(TokenTree::Punct(next))
                        if next.as_char() == '!' && next.spacing() == Spacing::Alone);
                    self.ident(&mut run, word(&ident), is_macro);
                }
                TokenTree::Punct(punct) => self.sign(&mut run, punct.as_char()),
                TokenTree::Group(group) => {
                    // A group after `::` continues the path, as in a `use` that a macro generates.
                    let inner =
                        if run.colons == 2 { std::mem::take(&mut run.path) } else { vec![] };
                    self.end(&mut run);
                    let is_visibility =
                        run.last == "pub" && group.delimiter() == Delimiter::Parenthesis;
                    if !is_visibility {
                        self.tokens(&inner, group.stream());
                    }
                }
                TokenTree::Literal(_) => self.end(&mut run),
            }
        }
        self.end(&mut run);
    }

    fn ident(&mut self, run: &mut Run<'_>, name: String, is_macro: bool) {
        if run.colons != 2 {
            self.end(run);
        }
        run.colons = 0;
        let last = std::mem::replace(&mut run.last, name.clone());
        // In a group of a `use`, `as` and the new name are not paths.
        if !run.prefix.is_empty() && (name == "as" || last == "as") {
            return;
        }
        if run.path.is_empty() {
            run.path = run.prefix.to_vec();
        }
        if is_macro {
            self.calls(&name);
        }
        run.path.push(name);
    }

    fn sign(&mut self, run: &mut Run<'_>, sign: char) {
        if sign == ':' {
            run.colons += 1;
            return;
        }
        // `a::*`, and `*` in a group after `a::`.
        if sign == '*' && (run.colons == 2 || run.path.is_empty() && !run.prefix.is_empty()) {
            let path = if run.path.is_empty() { run.prefix } else { &run.path };
            run.path = [path, &["*".to_owned()]].concat();
        }
        self.end(run);
        run.last = sign.to_string();
    }

    /// Ends a path. A single name is ignored unless it is `crate` or `super`.
    fn end(&mut self, run: &mut Run<'_>) {
        let path = std::mem::take(&mut run.path);
        run.colons = 0;
        self.found.is_async |= path.iter().any(|name| name == "async");
        let is_module = path.first().is_some_and(|name| name == "crate" || name == "super");
        if path.len() > 1 || is_module {
            self.name(path);
        }
    }

    /// Visits an attribute with arguments. The attribute's tokens may contain paths, and so may its strings, as in
    /// `with = "a::b"`.
    pub(super) fn attribute(&mut self, list: &MetaList) {
        if list.path.is_ident("cfg_attr") && sets_path(&list.tokens) {
            self.found.hidden.push("`cfg_attr` has a module from elsewhere".to_owned());
        }
        self.tokens(&[], list.tokens.clone());
        self.texts(list.tokens.clone());
    }

    fn texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<LitStr>(&literal.to_string());
                    if let Ok(path) = text.and_then(|text| text.parse::<Type>()) {
                        self.visit_type(&path);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether the tokens contain `path = …`.
fn sets_path(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let is_path = |pair: &[TokenTree]| {
        matches!(pair, [TokenTree::Ident(name), TokenTree::Punct(sign)]
            if name == "path" && sign.as_char() == '=')
    };
    tokens.windows(2).any(is_path)
        || tokens.iter().any(|token| match token {
            TokenTree::Group(group) => sets_path(&group.stream()),
            _ => false,
        })
}
