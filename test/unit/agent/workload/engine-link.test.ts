import { expect, test } from 'vitest';
import type { Connecting, Control, Driver } from '../../../../src/agent/vm/driver.ts';
import { EngineLink } from '../../../../src/agent/workload/engine-link.ts';
import type { Life } from '../../../../src/agent/workload/life.ts';

/** A link with an engine that a test plays. */
class Played {
  readonly events: string[] = [];
  life: Life = { state: 'running' };
  refusal: Error | undefined;
  connecting: Connecting | undefined;
  end: () => void = () => {};
  readonly link: EngineLink;

  constructor() {
    const driver: Driver = {
      launch: () => Promise.reject(new Error('not here')),
      connect: async connecting => {
        this.connecting = connecting;
        if (this.refusal) throw this.refusal;
        return this.#control();
      },
      autopsy: async () => ({}),
      forget: async () => {},
    };
    this.link = new EngineLink({
      driver,
      name: 'web',
      called: 'QEMU',
      onChange: change => {
        this.life = change(this.life);
      },
      onLost: () => this.events.push('lost'),
      onTrouble: () => this.events.push(this.link.trouble ?? 'well'),
    });
  }

  #control(): Control {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.end = resolve;
    const well = async (): Promise<void> => {};
    return {
      look: async () => ({ state: 'running' }),
      pause: well,
      resume: well,
      pressPowerButton: well,
      quit: well,
      guestMemory: async () => 0,
      setGuestMemory: well,
      blockStats: async () => {
        if (this.refusal) throw this.refusal;
        return [];
      },
      closed,
      close: resolve,
    };
  }
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('without a connection there is nobody to command', async () => {
  const { link } = new Played();
  expect(link.isOpen).toBe(false);
  expect(() => link.control()).toThrow('web: QEMU does not answer');
  expect(await link.ask(control => control.blockStats())).toBeUndefined();
  expect(link.trouble).toBeUndefined();
});

test('what the engine tells unasked comes through', async () => {
  const played = new Played();
  await played.link.open(1000);
  expect(played.connecting).toMatchObject({ timeout: 1000, signal: undefined });
  played.connecting?.onChange(life => ({ ...life, problem: 'the guest panicked' }));
  expect(played.life).toEqual({ state: 'running', problem: 'the guest panicked' });
});

test('one that breaks off is told of, one that is closed is not', async () => {
  const played = new Played();
  await played.link.open(1000);
  played.end();
  await settle();
  expect([played.link.isOpen, played.events]).toEqual([false, ['lost']]);
  await played.link.open(1000);
  played.link.close();
  await settle();
  expect([played.link.isOpen, played.events]).toEqual([false, ['lost']]);
});

test('an engine that does not answer is a trouble until it does, and each is told once', async () => {
  const played = new Played();
  await played.link.open(1000);
  const stats = (): Promise<unknown> => played.link.ask(control => control.blockStats());
  expect(await stats()).toEqual([]);
  played.refusal = new Error('it took too long');
  expect([await stats(), await stats()]).toEqual([undefined, undefined]);
  expect(await played.link.attempt(() => played.link.open(1000))).toBeUndefined();
  expect(played.events).toEqual(['QEMU does not answer: it took too long']);
  played.refusal = undefined;
  expect(await stats()).toEqual([]);
  expect(played.events.at(-1)).toBe('well');
});

test('what is not answered because it was closed meanwhile is no trouble', async () => {
  const played = new Played();
  await played.link.open(1000);
  const asked = played.link.ask(async control => {
    await settle();
    control.close();
    throw new Error('closed');
  });
  played.link.close();
  expect(await asked).toBeUndefined();
  expect(played.events).toEqual([]);
});
