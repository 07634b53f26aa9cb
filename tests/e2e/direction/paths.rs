//! The modules that a file names, in every way that Rust allows.

use std::path::Path;

use syn::visit::{self, Visit};
use syn::{
    Attribute, Ident, Item, ItemMod, ItemUse, Macro, Meta, UseTree, VisRestricted, Visibility,
};

/// A module, identified by the names in its path from the crate root.
#[derive(Clone, Debug)]
pub(super) struct Module(pub(super) Vec<String>);

impl Module {
    /// The module of a file, by its path below `src`.
    pub(super) fn of(file: &Path) -> Self {
        let name = file.with_extension("");
        let names = name.iter().map(|part| part.to_string_lossy().into_owned());
        let names = names.filter(|name| !matches!(name.as_str(), "lib" | "main"));
        Self(names.collect())
    }
}

/// The paths and macros that were found in a file, and the syntax that the import rules forbid.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Paths inside the crate, from its root.
    pub(super) inner: Vec<Vec<String>>,
    /// Paths that begin with another crate's name, or with a name in this file.
    pub(super) outer: Vec<Vec<String>>,
    /// Paths to the file's own crate in a form that no file of the host may use.
    pub(super) faults: Vec<String>,
    /// Syntax that would hide paths from these tests. No crate may use this syntax.
    pub(super) hidden: Vec<String>,
    /// The macros that are called, without the path before the name.
    pub(super) macros: Vec<String>,
    /// Whether the file contains asynchronous code.
    pub(super) is_async: bool,
}

/// The paths that a file of this module names, including its tests. Fails when the file does not parse.
pub(super) fn imports(module: &Module, source: &str) -> Result<Imports, String> {
    read(module, source, false)
}

/// The paths that a file of this module names, without its tests. Fails when the file does not parse.
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

/// A name without its raw prefix: `r#crate` and `crate` are the same.
pub(super) fn word(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or_else(|| text.clone(), str::to_owned)
}

pub(super) struct Reader {
    here: Vec<String>,
    without_tests: bool,
    pub(super) found: Imports,
}

impl Reader {
    /// Resolves a path that begins with `crate`, `self` or `super`. Returns `None` if the path leads out of the crate.
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

    pub(super) fn name(&mut self, path: Vec<String>) {
        match self.resolved(&path) {
            Some(inner) if inner.is_empty() => {
                self.found.faults.push(format!("`{}` is the root of the crate", path.join("::")));
            }
            Some(inner) => self.found.inner.push(inner),
            None => self.found.outer.push(path),
        }
    }

    /// Records a macro call. `include!` is a fault because it includes a file that is not parsed.
    pub(super) fn calls(&mut self, name: &str) {
        if name == "include" {
            self.found.hidden.push("`include!` brings in a file that is not read".to_owned());
        }
        self.found.macros.push(name.to_owned());
    }

    /// Visits every leaf of a `use` item. A leaf that imports the whole crate root, or that re-exports a module, is a
    /// fault.
    fn tree(&mut self, tree: &UseTree, mut path: Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(word(&step.ident));
                self.tree(&step.tree, path, is_public);
            }
            UseTree::Group(group) => {
                for one in &group.items {
                    self.tree(one, path.clone(), is_public);
                }
            }
            UseTree::Name(leaf) => {
                path.push(word(&leaf.ident));
                self.leaf(path, is_public);
            }
            UseTree::Rename(leaf) => {
                path.push(word(&leaf.ident));
                self.leaf(path, is_public);
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.leaf(path, is_public);
            }
        }
    }

    fn leaf(&mut self, path: Vec<String>, is_public: bool) {
        // `use a::{self}` has the same meaning as `use a`.
        let path = match path.split_last() {
            Some((last, rest)) if last == "self" && !rest.is_empty() => rest.to_vec(),
            _ => path,
        };
        let text = path.join("::");
        let Some(inner) = self.resolved(&path) else {
            if let [krate] = path.as_slice()
                && matches!(krate.as_str(), "std" | "core" | "alloc")
            {
                self.found.hidden.push(format!("`use {text}` gives a whole crate another name"));
            }
            if is_public && path.first().is_some_and(|krate| krate.starts_with("deed_")) {
                self.found.faults.push(format!("`pub use {text}` passes on what a crate has"));
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
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if matches!(item, Item::ExternCrate(_)) {
            self.found.hidden.push("`extern crate` gives a crate another name".to_owned());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if self.without_tests && module.attrs.iter().any(is_test) {
            return;
        }
        self.here.push(word(&module.ident));
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, vec![], is_public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| word(&segment.ident)).collect();
        self.name(names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let name = called.path.segments.last().map(|segment| word(&segment.ident));
        self.calls(&name.unwrap_or_default());
        self.tokens(&[], called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.attribute(list);
        } else if attribute.path().is_ident("path") {
            self.found.hidden.push("`path` has a module from elsewhere".to_owned());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.found.is_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expression: &'ast syn::ExprAsync) {
        self.found.is_async = true;
        visit::visit_expr_async(self, expression);
    }

    // `pub(super)` states the visibility of an item, and imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_ident(&mut self, _: &'ast Ident) {}
}
