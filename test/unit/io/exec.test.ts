import { describe, expect, test } from 'vitest';
import { commandLine, exec, failureOf } from '../../../src/io/exec.ts';

const sh = (script: string, timeout = 5000, signal?: AbortSignal) =>
  exec('/bin/sh', ['-c', script], { timeout, maxOutput: 10, ...(signal ? { signal } : {}) });

describe('a program', () => {
  test('that ends well tells its output, cut at the limit', async () => {
    const run = await sh('echo out; echo 0123456789abcdef >&2');
    expect(run).toMatchObject({ exitCode: 0, stdout: 'out\n', stderr: '0123456789', timedOut: false });
    expect(failureOf(run)).toBeUndefined();
  });

  test.each([
    ['ends with a status', 'echo oh no >&2; exit 3', 'ended with status 3: oh no'],
    ['dies of a signal', 'kill -SEGV $$', 'was ended by SIGSEGV'],
  ])('that %s', async (_, script, sentence) => {
    expect(failureOf(await sh(script))).toBe(sentence);
  });

  test('that takes too long is killed, even when its children hold on to its output', async () => {
    const started = performance.now();
    expect(failureOf(await sh('sleep 4 & sleep 4', 100))).toBe('took too long and was ended');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('reads what is given to it, or nothing, and may end without reading it', async () => {
    const given = (script: string, input?: string): ReturnType<typeof exec> =>
      exec('/bin/sh', ['-c', script], { timeout: 5000, ...(input === undefined ? {} : { input }) });
    expect((await given('cat', 'some text')).stdout).toBe('some text');
    expect((await given('cat')).stdout).toBe('');
    expect((await given('true', 'x'.repeat(1_000_000))).exitCode).toBe(0);
  });

  test('is killed when the caller aborts', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect((await sh('sleep 4', 5000, controller.signal)).signal).toBe('SIGKILL');
  });

  test('that is not there says so', async () => {
    const run = await exec('/no/such/program', ['-x'], { timeout: 1000 });
    expect(failureOf(run)).toBe('cannot be started: spawn /no/such/program ENOENT');
  });
});

test('a command line can be pasted into a shell', () => {
  expect(commandLine('a', ['b c', "it's", '--x=1,2'])).toBe(`a 'b c' 'it'\\''s' --x=1,2`);
});
