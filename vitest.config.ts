import { defineConfig } from 'vitest/config';

/** Boot tests that have one machine with one processor running nearly all the time. */
const ONE_MACHINE = ['adopt', 'engines', 'flight', 'relay', 'workload-faults'].map(
  name => `test/boot/${name}.test.ts`,
);

/**
 * Boot and interop tests start real machines and daemons: they run one file after the other, on two cores. Of those with
 * one machine two run at once.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/totals.ts'],
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/*.test.ts', 'test/{unit,golden,fuzz}/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'machines',
          include: ['test/{interop,boot}/**/*.test.ts'],
          exclude: ONE_MACHINE,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'machine',
          include: ONE_MACHINE,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
