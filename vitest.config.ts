import { defineConfig } from 'vitest/config';

/** Boot tests with one machine that wait more than they compute. */
const LIGHT = ['adopt', 'flight', 'relay'].map(name => `test/boot/${name}.test.ts`);

/** Milliseconds. */
const REAL = { testTimeout: 180_000, hookTimeout: 300_000 };

/**
 * Interop and boot tests start real daemons and machines, on two cores: two interop files run at once, boot files one
 * after the other, but for those that leave a core idle.
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
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          ...REAL,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'boot',
          include: ['test/boot/**/*.test.ts'],
          exclude: LIGHT,
          ...REAL,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'boot-light',
          include: LIGHT,
          ...REAL,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
