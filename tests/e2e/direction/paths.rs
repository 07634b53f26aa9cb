//! Which modules a file names, in any way that Rust allows.

use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, ItemMod, ItemUse, Macro, UseTree, VisRestricted, Visibility};

/// A module by the names that lead to it from the root of its crate.
#[derive(Clone, Debug)]
pub(super) struct Module(pub(super) Vec<String>);

impl Module {
    /// The module that a file is, by its path below `src`.
    pub(super) fn of(file: &Path) -> Self {
        let name = file.with_extension("");
        let names = name.iter().map(|part| part.to_string_lossy().into_owned());
        let names = names.filter(|name| !matches!(name.as_str(), "lib" | "main"));
        Self(names.collect())
    }
}

/// What a file names.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Paths inside of the crate, from its root.
    pub(super) inner: Vec<Vec<String>>,
    /// Paths that begin with another crate's name, or with a name of this file.
    pub(super) outer: Vec<Vec<String>>,
    /// Ways of writing that would hide what is named.
    pub(super) faults: Vec<String>,
    /// Whether anything is asynchronous.
    pub(super) is_async: bool,
}

/// What a file of this module names, its tests included; an error where it does not parse.
pub(super) fn imports(module: &Module, source: &str) -> Result<Imports, String> {
    read(module, source, false)
}

/// The same without its tests.
pub(super) fn imports_of_product(module: &Module, source: &str) -> Result<Imports, String> {
    read(module, source, true)
}

fn read(module: &Module, source: &str, without_tests: bool) -> Result<Imports, String> {
    let file = syn::parse_file(source).map_err(|e| format!("it does not parse: {e}"))?;
    let mut reader = Reader { here: module.0.clone(), without_tests, found: Imports::default() };
    reader.visit_file(&file);
    Ok(reader.found)
}

/// Whether an attribute is `cfg(test)`.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
}

struct Reader {
    here: Vec<String>,
    without_tests: bool,
    found: Imports,
}

impl Reader {
    /// A path, resolved where it begins with `crate`, `self` or `super`; `None` leads out of the crate.
    fn resolved(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => vec![],
            "self" | "super" => self.here.clone(),
            _ => return None,
        };
        let mut rest = path.iter();
        for name in rest.by_ref() {
            match name.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                _ => {
                    base.push(name.clone());
                    break;
                }
            }
        }
        base.extend(rest.cloned());
        Some(base)
    }

    fn name(&mut self, path: Vec<String>) {
        match self.resolved(&path) {
            Some(inner) => self.found.inner.push(inner),
            None => self.found.outer.push(path),
        }
    }

    /// Every leaf of a `use`; what would bring in the whole root, or pass a module on, is a fault.
    fn tree(&mut self, tree: &UseTree, mut path: Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.tree(&step.tree, path, is_public);
            }
            UseTree::Group(group) => {
                for one in &group.items {
                    self.tree(one, path.clone(), is_public);
                }
            }
            UseTree::Name(leaf) => {
                path.push(leaf.ident.to_string());
                self.leaf(path, is_public);
            }
            UseTree::Rename(leaf) => {
                path.push(leaf.ident.to_string());
                self.leaf(path, is_public);
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.leaf(path, is_public);
            }
        }
    }

    fn leaf(&mut self, path: Vec<String>, is_public: bool) {
        // `use a::{self}` is `use a`.
        let path = match path.split_last() {
            Some((last, rest)) if last == "self" && !rest.is_empty() => rest.to_vec(),
            _ => path,
        };
        let text = path.join("::");
        let Some(inner) = self.resolved(&path) else {
            if let [krate] = path.as_slice()
                && matches!(krate.as_str(), "std" | "core" | "alloc")
            {
                self.found.faults.push(format!("`use {text}` gives a whole crate another name"));
            }
            return self.found.outer.push(path);
        };
        if inner.is_empty() || inner.first().is_some_and(|first| first == "*") {
            self.found.faults.push(format!("`use {text}` brings in the root of the crate"));
        }
        if is_public && inner.first() != self.here.first() {
            self.found.faults.push(format!("`pub use {text}` passes on what another module has"));
        }
        self.found.inner.push(inner);
    }

    /// Tokens of a macro are no paths yet: every run of `name::name` counts as one.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    // A group behind `::` goes on with the path, as in a `use` that a macro makes.
                    let prefix = if colons == 2 { path.clone() } else { vec![] };
                    self.end(&mut path);
                    self.group(&prefix, group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn group(&mut self, prefix: &[String], tokens: TokenStream) {
        if !prefix.is_empty() {
            for token in tokens.clone() {
                if let TokenTree::Ident(ident) = token {
                    self.name([prefix, &[ident.to_string()]].concat());
                }
            }
        }
        self.tokens(tokens);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.iter().any(|name| name == "async") {
            self.found.is_async = true;
        }
        if path.len() > 1 {
            self.name(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if matches!(item, Item::ExternCrate(_)) {
            self.found.faults.push("`extern crate` gives a crate another name".to_owned());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            self.found.faults.push(format!("`mod {}` is a file from elsewhere", module.ident));
        }
        if self.without_tests && module.attrs.iter().any(is_test) {
            return;
        }
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, vec![], is_public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.found.is_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expression: &'ast syn::ExprAsync) {
        self.found.is_async = true;
        visit::visit_expr_async(self, expression);
    }

    // `pub(super)` names who may see an item, and imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_ident(&mut self, _: &'ast Ident) {}
}
