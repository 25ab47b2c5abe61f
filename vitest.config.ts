import { defineConfig } from 'vitest/config';

/** Boot and interop tests start real machines and daemons: they run one file after the other, on two cores. */
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
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
