//! Finds the file in which a secret is stored, which `deed.toml` names.
//!
//! A secret that is not configured, or a file outside the served directory, is refused.

use std::path::{Component, Path, PathBuf};

use deed_sandbox::credentials::SecretSource;
use deed_spec::text::safe;
use deed_system::files::FileError;

use super::super::out::Failure;
use crate::config::{self, NamedSecret};

/// The file of a secret, relative to the served directory, and all other secrets that have a file.
pub(super) struct Place {
    pub(super) file: String,
    pub(super) others: Vec<Other>,
}

/// Another secret that is stored in a file.
pub(super) struct Other {
    pub(super) name: String,
    /// The tenant, if other tenants have a secret of the same name.
    pub(super) tenant: Option<String>,
    pub(super) file: String,
}

pub(super) fn of(dir: &Path, name: &str, tenant: Option<&str>) -> Result<Place, Failure> {
    let all = config::secrets(dir).map_err(Failure::failed)?;
    let is_it = |one: &&NamedSecret| {
        one.name == name && tenant.is_none_or(|tenant| one.tenant.as_deref() == Some(tenant))
    };
    let found: Vec<&NamedSecret> = all.iter().filter(is_it).collect();
    let mut files: Vec<&str> = Vec::new();
    for one in &found {
        let file = file(one)?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    match files.as_slice() {
        [] => Err(unknown(name, tenant, &all)),
        [file] => {
            inside(dir, file)?;
            Ok(Place { file: (*file).to_owned(), others: others(&all, file) })
        }
        _ => Err(Failure::usage(format!(
            "several tenants have a secret `{name}`: {}; choose one with --tenant",
            list(found.iter().copied())
        ))),
    }
}

fn file(one: &NamedSecret) -> Result<&str, Failure> {
    match &one.source {
        Ok(SecretSource::File(file)) => Ok(file),
        // The error omits the value of `env`, because an operator may have written the secret there instead of a
        // variable's name.
        Ok(SecretSource::Env(_)) => Err(Failure::Failed(format!(
            "secret `{}` is read from the environment variable that its `env` names; set it where the host is \
             started, or use `file` instead",
            one.name
        ))),
        Err(why) => Err(Failure::Failed(format!("deed.toml: {why}"))),
    }
}

fn others(all: &[NamedSecret], file: &str) -> Vec<Other> {
    let has_namesake = |one: &NamedSecret| {
        all.iter().any(|other| other.name == one.name && other.tenant != one.tenant)
    };
    let with_file = |one: &NamedSecret| match &one.source {
        Ok(SecretSource::File(other)) if other != file && one.shown == one.name => Some(Other {
            name: one.name.clone(),
            tenant: one.tenant.clone().filter(|_| has_namesake(one)),
            file: other.clone(),
        }),
        _ => None,
    };
    all.iter().filter_map(with_file).collect()
}

fn unknown(name: &str, tenant: Option<&str>, all: &[NamedSecret]) -> Failure {
    let whose = tenant.map_or(String::new(), |tenant| format!(" of tenant `{}`", safe(tenant)));
    let remedy = if all.is_empty() {
        "it names none; add [tenant.NAME.secret.SECRET] with `file`".to_owned()
    } else {
        format!("it names {}", list(all.iter()))
    };
    let name = safe(name);
    Failure::Failed(format!("deed.toml has no secret `{name}`{whose}; {remedy}"))
}

fn list<'a>(secrets: impl Iterator<Item = &'a NamedSecret>) -> String {
    let name = |one: &NamedSecret| {
        let whose =
            one.tenant.as_ref().map_or_else(|| format!("[{}]", safe(&one.shown)), |t| safe(t));
        format!("`{}` ({whose})", safe(&one.shown))
    };
    secrets.map(name).collect::<Vec<_>>().join(", ")
}

/// Refuses a file outside the directory or behind a symbolic link. A user who can create a link on the path could
/// otherwise make this command write the secret to a file that this user can read.
fn inside(dir: &Path, file: &str) -> Result<(), Failure> {
    let path = Path::new(file);
    let plain = |step: Component<'_>| matches!(step, Component::Normal(_));
    if file.is_empty() || !path.components().all(plain) {
        return Err(Failure::failed(FileError::Outside(file.to_owned())));
    }
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    let is_link =
        |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    match folders.map(|folder| dir.join(folder)).find(is_link) {
        Some(link) => {
            Err(Failure::Failed(format!("`{}` is a link; put a folder there", link.display())))
        }
        None => Ok(()),
    }
}
