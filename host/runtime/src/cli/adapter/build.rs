//! `deed adapter build`: builds the component of a project, loads it as a host does, and says where its imports come
//! from.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_author::project::imports::{self, GRANT_LINE};
use deed_author::project::language::Language;
use deed_author::project::{self, component, contracts, files};
use deed_spec::text::safe;
use serde::Serialize;

use super::super::out::{self, Failure, Format, shell};
use super::super::text::line;
use super::check;
use super::loader::KEPT;

/// Build the component of a project, and report what it imports and whether a host would accept it
///
/// Recognizes the language by Cargo.toml (Rust), package.json (JavaScript), or requirements.txt and app.py (Python),
/// and runs the toolchain of this language. Exits with 1 if a host would refuse the component.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(in crate::cli) struct BuildArgs {
    /// The folder of the project, or a file FILE.wat of WebAssembly text
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where to write the component; by default NAME.wasm in the folder, by the name in the contracts
    #[arg(long, short, value_name = "FILE.wasm")]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// A component that was built and loaded.
#[derive(Debug, Serialize)]
pub(super) struct Built {
    #[serde(flatten)]
    pub(super) checked: check::Report,
    /// `None` for WebAssembly text.
    language: Option<Language>,
    origins: Vec<ImportReport>,
    /// The line that a grant of the component needs, if it needs one, and why.
    grant: Option<&'static str>,
    grant_because: Option<&'static str>,
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
}

/// Where an import comes from, if it is not the adapter's own interface.
#[derive(Debug, Serialize)]
struct ImportReport {
    import: String,
    /// The part of the toolchain that adds the import; `None` if no toolchain is known to add it.
    feature: Option<&'static str>,
    remove: Option<&'static str>,
}

pub(super) fn run(args: &BuildArgs) -> Result<ExitCode, Failure> {
    let built = build(&args.dir, args.output.as_deref())?;
    args.format.print(&built, summary)?;
    if built.checked.refused.is_some() {
        return Ok(ExitCode::FAILURE);
    }
    if built.language.is_some() {
        let output = args.output.as_deref();
        let component =
            output.map_or(String::new(), |file| format!(" --component {}", shell(file)));
        args.format.next(&format!("deed adapter test {}{component}", shell(&args.dir)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds a project, or a file of WebAssembly text, and writes the component. Fails when it cannot be built. A
/// component that a host would refuse is written and reported.
pub(super) fn build(source: &Path, output: Option<&Path>) -> Result<Built, Failure> {
    let (out, language) = plan(source, output)?;
    let bytes = match language {
        Some(language) => {
            let mut progress = |step: &str| out::note(&format!("{}: {step}", language.name()));
            project::build::build(source, language, &mut progress).map_err(Failure::failed)?
        }
        None => project::build::assemble(source).map_err(Failure::failed)?,
    };
    files::replace(&out, &bytes).map_err(Failure::failed)?;
    report(&out, bytes, language)
}

/// Where the component goes, and the language of its source; `None` for WebAssembly text.
fn plan(source: &Path, output: Option<&Path>) -> Result<(PathBuf, Option<Language>), Failure> {
    if source.extension().is_some_and(|end| end == "wat") {
        let out = output.map_or_else(|| source.with_extension("wasm"), Path::to_owned);
        return Ok((out, None));
    }
    let language = Language::detect(source).map_err(Failure::failed)?;
    let out = match output {
        Some(out) => out.to_owned(),
        None => by_name(source)?,
    };
    Ok((out, Some(language)))
}

/// The component in the folder of the project, by the name in its contracts.
fn by_name(dir: &Path) -> Result<PathBuf, Failure> {
    let name = contracts::adapter_name(dir).map_err(Failure::failed)?;
    Ok(dir.join(format!("{name}.wasm")))
}

fn report(out: &Path, bytes: Vec<u8>, language: Option<Language>) -> Result<Built, Failure> {
    let checked = check::report(out, &bytes)?;
    // The host may not compile what it refuses, and then does not say what the component imports.
    let imports = component::imports(&bytes).unwrap_or_else(|_| checked.imports.clone());
    let because = imports::why_wasi(&imports, language);
    let origins = imports.into_iter().filter(|import| !imports::is_own(import));
    let origins = origins.map(|import| of(import, language)).collect();
    let grant = because.map(|_| GRANT_LINE);
    Ok(Built { checked, language, origins, grant, grant_because: because, bytes })
}

fn of(import: String, language: Option<Language>) -> ImportReport {
    let origin = language.and_then(|language| imports::origin(&import, language));
    ImportReport {
        import,
        feature: origin.map(|origin| origin.feature),
        remove: origin.map(|origin| origin.remove),
    }
}

fn summary(built: &Built) -> String {
    let mut text = check::summary(&built.checked);
    for one in &built.origins {
        let import = safe(&one.import);
        match (one.feature, one.remove) {
            (Some(feature), Some(remove)) => {
                line(
                    &mut text,
                    format_args!("  {import} is there for {feature}; without it: {remove}"),
                );
            }
            _ if imports::is_linked(&one.import) => {
                line(&mut text, format_args!("  {import} is accepted with `{GRANT_LINE}`"));
            }
            _ => line(
                &mut text,
                format_args!("  {import} is not of a known toolchain; an adapter cannot import it"),
            ),
        }
    }
    if let (Some(grant), Some(because)) = (built.grant, built.grant_because) {
        line(&mut text, format_args!("  grant    needs the line `{grant}`: {because}"));
    }
    text
}
