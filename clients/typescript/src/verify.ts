// Verification of bundles by the project's own verifier, as a WebAssembly module.

/** A bundle has at most 64 MiB. One byte more is read, so that the verifier refuses a larger bundle. */
const READ_MAX = (64 << 20) + 1;
/** The inputs of the module. */
const BUNDLE = 0;
const TRUST = 1;
/** The exit codes of `deed verify`. */
const EXIT_CODES = [0, 1, 2, 3];

/**
 * What a reader may conclude. Only `verified` means that everything was checked. An agent's copy has no evidence, so
 * `signatures_only` is the best verdict for it: the outcome then rests on the statement of the host.
 */
export type Verdict = "verified" | "signatures_only" | "failed" | "unverifiable";

/** The report of `deed verify --json`. */
export interface Report {
  verdict: Verdict;
  /** The action's id, if a receipt with a trusted signature names it. */
  action: string | null;
  outcome: string | null;
  settled: string | null;
  checks: { name: string; status: "pass" | "fail" | "skip"; detail: string }[];
}

export interface Verification {
  verdict: Verdict;
  /** The exit code of `deed verify`: 0 verified, 1 failed, 2 unverifiable, 3 signatures only. */
  exitCode: number;
  report: Report;
}

/** The bundle was not checked, so there is no verdict. */
export class VerifierError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "VerifierError";
  }
}

interface Exports {
  memory: WebAssembly.Memory;
  deed_input(kind: number, length: number): number;
  deed_verify(): number;
  deed_output(): number;
  deed_output_len(): number;
}

/** Compiles the module `deed-verify.wasm`. */
export async function loadVerifier(wasm: BufferSource | WebAssembly.Module): Promise<Verifier> {
  return new Verifier(wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm));
}

export class Verifier {
  readonly #module: WebAssembly.Module;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /**
   * Checks a bundle against the files of a trust directory, by their names. The trust directory must not come from
   * where the bundle comes from. Each call has an instance of its own. Throws `VerifierError` if the trust directory
   * cannot be read or the module fails.
   */
  verify(bundle: Uint8Array, trust: Record<string, string>): Verification {
    let exitCode: number;
    let output: string;
    try {
      const module = new WebAssembly.Instance(this.#module).exports as unknown as Exports;
      put(module, BUNDLE, bundle.subarray(0, READ_MAX));
      put(module, TRUST, new TextEncoder().encode(JSON.stringify(trust)));
      exitCode = module.deed_verify();
      output = read(module);
    } catch (error) {
      if (error instanceof VerifierError) throw error;
      throw new VerifierError(`the verifier failed: ${String(error)}`, { cause: error });
    }
    if (!EXIT_CODES.includes(exitCode)) throw new VerifierError(output);
    const report = JSON.parse(output) as Report;
    return { verdict: report.verdict, exitCode, report };
  }
}

function put(module: Exports, kind: number, bytes: Uint8Array): void {
  // Addresses have 32 bits, and JavaScript reads them as signed.
  const address = module.deed_input(kind, bytes.length) >>> 0;
  if (address === 0) throw new VerifierError("the files of the trust directory are larger than 16 MiB");
  new Uint8Array(module.memory.buffer, address, bytes.length).set(bytes);
}

function read(module: Exports): string {
  const length = module.deed_output_len() >>> 0;
  return new TextDecoder().decode(new Uint8Array(module.memory.buffer, module.deed_output() >>> 0, length));
}
