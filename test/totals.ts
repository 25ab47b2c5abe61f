import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one plain line that people and CI read alike: `120 passed, 0 failed`, and `, 2 skipped` where that is so. */
export default class Totals implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const states = modules.flatMap(module =>
      [...module.children.allTests()].map(test => test.result().state),
    );
    const broken = modules.filter(module => module.state() === 'failed' && module.errors().length > 0).length;
    const count = (state: string): number => states.filter(s => s === state).length;
    const failed = count('failed') + broken + unhandledErrors.length;
    const skipped = count('skipped');
    process.stdout.write(
      `\n${count('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    );
  }
}
