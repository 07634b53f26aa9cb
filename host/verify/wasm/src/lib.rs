//! The verifier of bundles as a WebAssembly module, for programs in other languages.
//!
//! The module has no imports: it cannot read a file, a clock or the network. The caller gets the address of each input
//! from [`deed_input`], writes the input into the memory of the module, calls [`deed_verify()`], and reads the output at
//! [`deed_output`]. The functions take and return numbers only, so this crate dereferences no pointer of a caller. An
//! instance is meant for one verification.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deed_spec::json;
use deed_spec::text::{plain_json, safe};
use deed_verify::{READ_MAX, Report, Trust, TrustError, page, verify};

/// The input that is the bundle.
const BUNDLE: u32 = 0;
/// The input that is the trust directory: a JSON object with the text of each file under the name of the file.
const TRUST: u32 = 1;
/// The input that is the name of the bundle's file, in UTF-8. The text for people has it if no trusted receipt names the
/// action.
const NAME: u32 = 2;

/// Maximum size of the trust directory in bytes. A directory with thousands of keys is smaller.
const TRUST_MAX: u32 = 16 << 20;

/// Maximum size of the name in bytes. File systems have shorter names.
const NAME_MAX: u32 = 4 << 10;

/// The result if the inputs cannot be read. The other results are the exit codes of `deed verify`.
const NOT_CHECKED: i32 = -1;

/// The inputs and the outputs. The caller writes the inputs while no function of the module runs.
struct Buffers {
    bundle: Vec<u8>,
    trust: Vec<u8>,
    name: Vec<u8>,
    output: Vec<u8>,
    text: Vec<u8>,
}

static BUFFERS: Mutex<Buffers> = Mutex::new(Buffers::empty());

fn buffers() -> MutexGuard<'static, Buffers> {
    BUFFERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for an input of `len` bytes, and returns its address. `kind` is 0 for the bundle, 1 for the trust
/// directory and 2 for the name of the bundle's file. Returns 0 if there is no such input, or if it would be too large.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_input(kind: u32, len: u32) -> u32 {
    buffers().input(kind, len).map_or(0, word)
}

/// Verifies the bundle. Returns the exit code of `deed verify` for the verdict, and the output is the report as JSON.
/// Returns -1 if the trust directory cannot be read, and the output says why.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_verify() -> i32 {
    buffers().verify()
}

/// The address of the output of the last verification.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_output() -> u32 {
    word(buffers().output.as_ptr().expose_provenance())
}

/// The length of the output of the last verification, in bytes.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_output_len() -> u32 {
    word(buffers().output.len())
}

/// The address of the report of the last verification as text for people, as `deed verify` prints it. The text is empty
/// if the trust directory cannot be read.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_text() -> u32 {
    word(buffers().text.as_ptr().expose_provenance())
}

/// The length of the text for people, in bytes.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the host of the module calls the function by its name")]
pub extern "C" fn deed_text_len() -> u32 {
    word(buffers().text.len())
}

/// On the target of the module, every address and length has 32 bits.
fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

impl Buffers {
    const fn empty() -> Self {
        Self {
            bundle: Vec::new(),
            trust: Vec::new(),
            name: Vec::new(),
            output: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Replaces an input by zeros, and returns its address.
    fn input(&mut self, kind: u32, len: u32) -> Option<usize> {
        let (input, max) = match kind {
            BUNDLE => (&mut self.bundle, READ_MAX),
            TRUST => (&mut self.trust, TRUST_MAX),
            NAME => (&mut self.name, NAME_MAX),
            _ => return None,
        };
        if len > max {
            return None;
        }
        *input = vec![0; usize::try_from(len).ok()?];
        // The caller writes through this address, which the compiler must expect.
        Some(input.as_mut_ptr().expose_provenance())
    }

    fn verify(&mut self) -> i32 {
        let (code, output, text) = report(&self.bundle, &self.trust)
            .and_then(|report| Ok((code(&report), as_json(&report)?, self.as_text(&report))))
            .unwrap_or_else(|error| (NOT_CHECKED, safe(&error.to_string()), String::new()));
        (self.output, self.text) = (output.into_bytes(), text.into_bytes());
        code
    }

    /// The report as `deed verify` prints it.
    fn as_text(&self, report: &Report) -> String {
        let name = || String::from_utf8_lossy(&self.name).into_owned();
        page::lines(report, &report.action.clone().unwrap_or_else(name))
    }
}

/// The report that `deed verify` makes of these inputs.
fn report(bundle: &[u8], trust: &[u8]) -> Result<Report, InputError> {
    Ok(verify(bundle, Some(&trusted(trust)?)))
}

fn code(report: &Report) -> i32 {
    i32::from(report.verdict.exit_code())
}

/// The report as `deed verify --json` prints it.
fn as_json(report: &Report) -> Result<String, InputError> {
    Ok(plain_json(&serde_json::to_string_pretty(report)?))
}

fn trusted(directory: &[u8]) -> Result<Trust, InputError> {
    let texts: BTreeMap<String, String> = json::from_value(json::parse(directory)?)?;
    let files = texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    Ok(Trust::parse(&files)?)
}

/// Why the inputs were not checked.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("the trust directory is not JSON: {0}")]
    Json(#[from] json::ParseError),
    #[error("the trust directory is not an object of texts by file name: {0}")]
    Shape(#[from] json::ShapeError),
    #[error("the trust directory: {0}")]
    Trust(#[from] TrustError),
    #[error("the report cannot be written as JSON: {0}")]
    Report(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests;
