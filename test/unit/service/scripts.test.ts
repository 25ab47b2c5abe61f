import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../src/base/ipv4.ts';
import type { Mac } from '../../../src/base/mac.ts';
import { silentLog } from '../../../src/base/ports.ts';
import { entryScript, machineScript, refusalScript, waitScript } from '../../../src/domain/boot/script.ts';
import { scriptRequestFromQuery } from '../../../src/domain/boot/scriptrequest.ts';
import type { Lease } from '../../../src/domain/lease/lease.ts';
import { type MachineId, machineId } from '../../../src/domain/machine/genid.ts';
import type { BootEvent } from '../../../src/domain/node/timeline.ts';
import { BootScripts, type BootScriptsOptions } from '../../../src/service/scripts.ts';
import { ManualClock } from '../../fakes/clock.ts';

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
const POLICY: BootScriptsOptions['policy'] = {
  httpBase: 'http://10.77.0.1',
  tftpBase: 'tftp://10.77.0.1',
  transport: 'http',
  kernel: 'vmlinuz',
  initramfs: 'initramfs',
  modloop: 'root.squashfs',
  consoles: ['ttyS0'],
  arguments: 'quiet',
};
const QUERY = 'uuid=11223344-5566-7788-99aa-bbccddeeff00&mac=52-54-00-12-34-56&serial=S1&platform=efi';
const REQUEST = scriptRequestFromQuery(new URLSearchParams(QUERY))!;
const TOKEN = 'AAAAAAAAAAAAAAAAAAAAAA';
const BARE = { id: machineId(REQUEST, sha256), mac: REQUEST.mac };
const MACHINE = { ...BARE, token: TOKEN };
const FROM = '10.77.0.100' as Ipv4;

function scripts(options: Partial<BootScriptsOptions> = {}): { scripts: BootScripts; events: BootEvent[] } {
  const events: BootEvent[] = [];
  const timeline = { record: (event: BootEvent) => void events.push(event) };
  const isKnown = async (): Promise<boolean> => true;
  const conflict = (): undefined => undefined;
  const clock = new ManualClock(1000);
  return {
    scripts: new BootScripts({
      policy: POLICY,
      unknown: 'default',
      isKnown,
      conflict,
      leaseOf: undefined,
      issueToken: async () => TOKEN,
      timeline,
      clock,
      log: silentLog,
      sha256,
      ...options,
    }),
    events,
  };
}

const isUnknown = async (): Promise<boolean> => false;
const dispute = '2 machines go by id 91d5815f: a, b';
const again = `http://10.77.0.1/boot.ipxe?uuid=${REQUEST.uuid}&mac=52-54-00-12-34-56`;
const tftpAgain = `tftp://10.77.0.1/boot.ipxe/${REQUEST.uuid}/52-54-00-12-34-56`;

describe('who gets which script, and what stands on the timeline', () => {
  test.each<[string, Partial<BootScriptsOptions>, string, string]>([
    ['a machine with a folder', {}, machineScript(MACHINE, POLICY), 'boots its own overlay'],
    ['one without', { isKnown: isUnknown }, machineScript(MACHINE, POLICY), 'boots the default overlay'],
    [
      'one that has to wait',
      { isKnown: isUnknown, unknown: 'wait' },
      waitScript(BARE, again),
      'unknown, has to wait',
    ],
    [
      'one that has to wait, over TFTP',
      { isKnown: isUnknown, unknown: 'wait', policy: { ...POLICY, transport: 'tftp' } },
      waitScript(BARE, tftpAgain),
      'unknown, has to wait',
    ],
    ['one in dispute', { conflict: () => dispute }, refusalScript(BARE, dispute), `boot refused: ${dispute}`],
  ])('%s', async (_, options, script, text) => {
    const { scripts: service, events } = scripts(options);
    expect(await service.answer(REQUEST, FROM)).toBe(script);
    expect(events).toMatchObject([
      {
        at: 1000,
        stage: 'script',
        text: `${text}, efi, serial S1`,
        machineId: MACHINE.id,
        mac: MACHINE.mac,
        address: FROM,
        uuid: REQUEST.uuid,
        idFrom: 'script',
        bytes: script.length,
      },
    ]);
  });

  test('the first question gets the entry script and leaves no event: nobody knows yet who asks', async () => {
    const { scripts: service, events } = scripts();
    expect(await service.answer(undefined, FROM)).toBe(entryScript(POLICY));
    expect(events).toEqual([]);
  });

  test('a machine without a UUID is told by its card', async () => {
    const { scripts: service, events } = scripts();
    await service.answer({ ...REQUEST, uuid: '', serial: '', platform: '' }, FROM);
    expect(events).toMatchObject([
      { text: 'boots its own overlay', machineId: '58901eb1', uuid: undefined, address: FROM },
    ]);
  });
});

describe('who gets a token, where host0 leases the addresses', () => {
  const OTHER = '52:54:00:00:00:09' as Mac;
  const leaseOf =
    (machineId: string | undefined, mac = REQUEST.mac) =>
    (): Lease => ({
      mac,
      address: FROM,
      machineId: machineId as MachineId | undefined,
      uuid: undefined,
      expiresAt: 2000,
    });
  const withoutToken = machineScript(BARE, POLICY);
  const refused = (why: string): string =>
    `its boot script went out without a token, so its own overlay is refused: ${why}`;

  test('the machine itself, for its own address', async () => {
    const asked: unknown[] = [];
    const { scripts: service, events } = scripts({
      leaseOf: leaseOf(BARE.id),
      issueToken: async (...call) => {
        asked.push(call);
        return TOKEN;
      },
    });
    expect(await service.answer(REQUEST, FROM)).toBe(machineScript(MACHINE, POLICY));
    expect(asked).toEqual([[BARE.id, FROM]]);
    expect(events).toMatchObject([{ stage: 'script', text: 'boots its own overlay, efi, serial S1' }]);
  });

  test.each<[string, BootScriptsOptions['leaseOf'], string]>([
    [
      'another machine that knows its UUID and MAC',
      leaseOf('deadbeef', OTHER),
      '10.77.0.100 is leased to machine deadbeef',
    ],
    ['a machine of no known id', leaseOf(undefined, OTHER), '10.77.0.100 is leased to no known machine'],
    ['an address that is not leased', () => undefined, '10.77.0.100 is leased to no known machine'],
  ])(
    'not %s: it leaves a complaint on the timeline, and nothing by which the machine is known',
    async (_, lease, why) => {
      const { scripts: service, events } = scripts({ leaseOf: lease });
      expect(await service.answer(REQUEST, FROM)).toBe(withoutToken);
      expect(events).toEqual([
        {
          at: 1000,
          stage: 'problem',
          step: 'script',
          fault: 'forbidden',
          machineId: BARE.id,
          text: refused(why),
        },
      ]);
    },
  );

  test('nor its own card under another id: the places that compute it disagree, and that shows', async () => {
    const { scripts: service, events } = scripts({ leaseOf: leaseOf('deadbeef') });
    expect(await service.answer(REQUEST, FROM)).toBe(withoutToken);
    expect(events).toMatchObject([
      { stage: 'script', idFrom: 'script', mac: REQUEST.mac, fault: 'forbidden' },
    ]);
  });

  test('a machine without a folder too: it may get one while its kernel loads', async () => {
    const { scripts: service } = scripts({ leaseOf: leaseOf(BARE.id), isKnown: isUnknown });
    expect(await service.answer(REQUEST, FROM)).toBe(machineScript(MACHINE, POLICY));
  });

  test('a machine without a folder boots from any address, without a token; a stranger leaves a complaint and no sighting', async () => {
    const { scripts: service, events } = scripts({ leaseOf: () => undefined, isKnown: isUnknown });
    expect(await service.answer(REQUEST, FROM)).toBe(withoutToken);
    expect(events).toMatchObject([{ stage: 'problem', machineId: BARE.id }]);
    expect(events[0]).not.toHaveProperty('mac');
  });

  test('nobody over a protocol that tells no address', async () => {
    const { scripts: service } = scripts({ leaseOf: leaseOf(BARE.id) });
    expect(await service.answer(REQUEST, undefined)).toBe(withoutToken);
  });

  test('beside another DHCP server, whoever asks: the token is bound to that address', async () => {
    const { scripts: service } = scripts({ leaseOf: undefined });
    expect(await service.answer(REQUEST, FROM)).toBe(machineScript(MACHINE, POLICY));
  });
});

test('the token stands behind the path, which ends in .gz as Alpine wants it, and no argument has a dot in its name', () => {
  const words = machineScript(MACHINE, POLICY).split('\n')[2]?.split(' ') ?? [];
  expect(words).toContain(`apkovl=http://10.77.0.1/apkovl/${BARE.id}.apkovl.tar.gz?token=${TOKEN}`);
  expect(words.slice(2).filter(word => word.split('=')[0]?.includes('.'))).toEqual([]);
});

test('nothing that a machine sends becomes a line or a command of a script', async () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\nshell\n',
      '${uuid}',
      ' || shell',
      ' && shell',
      '; shell',
      '#',
      REQUEST.uuid,
      `${REQUEST.uuid}\n`,
      '%0ashell',
    ),
  );
  const setups: Partial<BootScriptsOptions>[] = [
    {},
    { isKnown: isUnknown, unknown: 'wait' },
    { isKnown: isUnknown, unknown: 'wait', policy: { ...POLICY, transport: 'tftp' } },
    { conflict: () => dispute },
  ];
  const plain = await Promise.all(
    setups.map(setup => scripts(setup).scripts.answer({ ...REQUEST, uuid: '' }, FROM)),
  );
  const shape = (script: string): string =>
    script.replaceAll(REQUEST.uuid, '').replaceAll(/\b[0-9a-f]{8}\b/g, 'ID');
  await fc.assert(
    fc.asyncProperty(
      nasty,
      nasty,
      nasty,
      fc.nat(setups.length - 1),
      async (uuid, serial, platform, which) => {
        const query = new URLSearchParams({ uuid, serial, platform, mac: REQUEST.mac });
        const { scripts: service, events } = scripts(setups[which]);
        const script = await service.answer(scriptRequestFromQuery(query), FROM);
        expect(shape(script)).toBe(shape(plain[which]!));
        expect(events.every(event => /^[\x20-\x7e]*$/.test(event.text))).toBe(true);
      },
    ),
    { seed: 11, numRuns: 400 },
  );
});
