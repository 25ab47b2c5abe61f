import { vi } from 'vitest';

/** How long a fuzz test may look for trouble, milliseconds: 2 s, or PXEN_FUZZ_SECONDS. */
export const FUZZ_TIME = Number(process.env['PXEN_FUZZ_SECONDS'] ?? 2) * 1000;

// Of every fuzz test that says nothing of its own: the long form of the night must not end as a timeout.
vi.setConfig({ testTimeout: FUZZ_TIME + 20_000 });

/** PXEN_FUZZ_SEED repeats a run; without it every run is another one. */
export const FUZZ_SEED = Number(process.env['PXEN_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** For fast-check: goes on until the time is up, and says how to repeat the run. */
export function budget(what: string): {
  seed: number;
  numRuns: number;
  interruptAfterTimeLimit: number;
  markInterruptAsFailure: false;
} {
  console.log(`fuzz ${what}: PXEN_FUZZ_SEED=${FUZZ_SEED} for ${FUZZ_TIME / 1000} s`);
  return {
    seed: FUZZ_SEED,
    numRuns: 10_000_000,
    interruptAfterTimeLimit: FUZZ_TIME,
    markInterruptAsFailure: false,
  };
}
