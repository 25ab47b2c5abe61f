import { describe, expect, test } from 'vitest';
import type { Service } from '../../../src/base/ports.ts';
import { startAll, stopAll } from '../../../src/server/lifecycle.ts';
import { RecordingLog } from '../../fakes/log.ts';

/** Services that write down what happens to them; `trouble` replaces one of their verbs. */
function services(did: string[], trouble: Partial<Record<string, Partial<Service>>> = {}): Service[] {
  return ['a', 'b', 'c'].map(name => ({
    name,
    start: async () => void did.push(`start ${name}`),
    stop: async () => void did.push(`stop ${name}`),
    health: () => undefined,
    ...trouble[name],
  }));
}

const log = new RecordingLog();

describe('an appliance', () => {
  test('starts in order and stops in reverse', async () => {
    const did: string[] = [];
    const all = services(did);
    await startAll(all, log);
    await stopAll(all, log);
    expect(did).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  test('that cannot start everything stops what has started, what failed included, and says why', async () => {
    const did: string[] = [];
    const refuses = async (): Promise<void> => {
      throw new Error('the port is taken');
    };
    await expect(startAll(services(did, { b: { start: refuses } }), log)).rejects.toThrow(
      'the port is taken',
    );
    expect(did).toEqual(['start a', 'stop b', 'stop a']);
  });

  test('stops the others when one hangs or fails, within two seconds', async () => {
    const did: string[] = [];
    const hangs = (): Promise<void> => new Promise(() => {});
    const fails = async (): Promise<void> => {
      throw new Error('no');
    };
    const from = performance.now();
    await stopAll(services(did, { c: { stop: hangs }, b: { stop: fails } }), log);
    expect(did).toEqual(['stop a']);
    expect(performance.now() - from).toBeLessThan(2000);
  });
});
