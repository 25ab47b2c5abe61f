import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { partOf, replacementOf, rewired, withPart } from '../../../../src/domain/workload/replacement.ts';
import { LEAST, well } from './config.ts';

const file = (text: string) => ({ file: 'f', text });
const DISK = 'platform.volume.0.type=qcow2\nplatform.volume.0.path=/v/a.qcow2\n';
const DISC = 'platform.volume.1.type=iso\nplatform.volume.1.path=/v/one.iso\n';
const OTHER = DISK.replace('/a.', '/b.');

describe('the file of a machine that gets another volume', () => {
  test.each<[string, string, string, string]>([
    [
      'is the new file where nothing else is different',
      `${LEAST}${DISK}`,
      `# new\n${OTHER}${LEAST}`,
      `# new\n${OTHER}${LEAST}`,
    ],
    [
      'has no other changes of the new file',
      `${LEAST}${DISK}${DISC}`,
      `${LEAST.replace('1G', '2G')}${OTHER}${DISC.replace('one', 'two')}`,
      `${LEAST}${DISC}${OTHER}`,
    ],
    ['has what was left out no more', `${LEAST}${DISK}${DISC}`, LEAST.replace('1G', '2G'), `${LEAST}${DISC}`],
    [
      'leaves volumes alone whose number begins alike',
      `${LEAST}${DISK}platform.volume.01.x=\nplatform.volume.00=`,
      `\ufeff  platform.volume.0.path=/z`,
      `${LEAST}platform.volume.01.x=\nplatform.volume.00=\n\ufeff  platform.volume.0.path=/z\n`,
    ],
  ])('%s', (_, started, wanted, merged) =>
    expect(withPart(file(started), file(wanted), { volume: 0 })).toEqual(file(merged)),
  );

  test('is the same when it is made of itself and the new file again', () => {
    const text = fc
      .array(fc.constantFrom(...`${LEAST}${DISK}${OTHER}${DISC}# x\n`.split('\n')))
      .map(lines => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (started, wanted) => {
        const once = withPart(file(started), file(wanted), { volume: 0 });
        expect(withPart(once, file(wanted), { volume: 0 })).toEqual(once);
      }),
    );
  });
});

/** What stands against it, or the paths before and after. */
function judged(before: string, after: string, id = 0): readonly string[] {
  const [one, two] = [before, after].map(text => well(LEAST + text).workload);
  if (!one || !two) throw new Error('both are there');
  try {
    const { was, will } = replacementOf(one, two, id);
    return [was.path, will.path];
  } catch (thrown) {
    if (!(thrown instanceof PxenError)) throw thrown;
    expect([thrown.code, thrown.message]).toEqual([
      'WORKLOAD_STATE',
      `vm: volume ${id} cannot be replaced while it runs`,
    ]);
    return thrown.details;
  }
}

describe('a volume', () => {
  const stays = (key: string, id = 0): string =>
    `platform.volume.${id}.${key}: it cannot change while the machine runs; a restart changes it`;

  test.each<[string, string, string, number, readonly string[]]>([
    ['may have another path', DISK, OTHER, 0, ['/v/a.qcow2', '/v/b.qcow2']],
    [
      'that is a disk may have another cache and another serial number',
      DISK,
      `${OTHER}platform.volume.0.cache=none\nplatform.volume.0.serial=x\n`,
      0,
      ['/v/a.qcow2', '/v/b.qcow2'],
    ],
    [
      'must have another path',
      DISK,
      DISK,
      0,
      [
        'platform.volume.0.path: got "/v/a.qcow2", expected another path than that of the file which the machine has open',
      ],
    ],
    [
      'that is a disc keeps its drive',
      DISC,
      `${DISC.replace('one', 'two')}platform.volume.1.cache=none\nplatform.volume.1.interface=scsi\n`,
      1,
      [stays('interface', 1), stays('cache', 1)],
    ],
    ['keeps its type and its name', DISK, OTHER.replace('qcow2', 'iso'), 0, [stays('type')]],
    ['keeps its name', DISK, `${OTHER}platform.volume.0.alias=root\n`, 0, [stays('alias')]],
    [
      'that is new waits',
      DISK,
      DISK + DISC,
      1,
      ['platform.volume.1: it was started without one; a restart brings it'],
    ],
    [
      'that is gone waits',
      DISK + DISC,
      DISK,
      1,
      ['platform.volume.1: its file has none any more; a restart takes it away'],
    ],
  ])('%s', (_, before, after, id, told) => expect(judged(before, after, id)).toEqual(told));
});

const CARD = 'network.0.type=bridge\nnetwork.0.bridge=br0\n';

/** What stands against it, or the bridges before and after. */
function moved(before: string, after: string): readonly unknown[] {
  const [one, two] = [before, after].map(text => well(LEAST + text).workload);
  if (!one || !two) throw new Error('both are there');
  try {
    const { was, will } = rewired(one, two, 0);
    return [was.bridge, will.bridge, will.qos];
  } catch (thrown) {
    if (!(thrown instanceof PxenError)) throw thrown;
    expect(thrown.message).toBe('vm: NIC 0 cannot be replaced while it runs');
    return thrown.details;
  }
}

describe('a NIC', () => {
  const stays = (key: string): string =>
    `network.0.${key}: it cannot change while the machine runs; a restart changes it`;

  test.each<[string, string, string, readonly unknown[]]>([
    ['may be on another bridge', CARD, CARD.replace('br0', 'br1'), ['br0', 'br1', undefined]],
    [
      'may have another quality of service',
      CARD,
      `${CARD}network.0.qos.delay=5\n`,
      ['br0', 'br0', { delay: 5000 }],
    ],
    ['must have something new', CARD, CARD, ['network.0: it is on the bridge that its file names already']],
    [
      'keeps its address, its card and its interface',
      CARD,
      `${CARD}network.0.mac=52:54:00:00:00:01\nnetwork.0.driver=e1000\nnetwork.0.queue-tap=t\n`,
      [stays('mac'), stays('driver'), stays('queue-tap')],
    ],
    ['keeps its type', CARD, 'network.0.type=nat\n', [stays('type')]],
    [
      'that is new waits',
      '',
      CARD,
      ['network.0: it was started without one; a restart takes over what its file says'],
    ],
    [
      'that is gone waits',
      CARD,
      '',
      ['network.0: its file has none any more; a restart takes over what its file says'],
    ],
  ])('%s', (_, before, after, told) => expect(moved(before, after)).toEqual(told));

  test('alone is taken out of a new file', () => {
    const wanted = `${LEAST.replace('1G', '2G')}${CARD.replace('br0', 'br1')}`;
    expect(withPart(file(LEAST + CARD), file(wanted), { nic: 0 })).toEqual(
      file(LEAST + CARD.replace('br0', 'br1')),
    );
  });
});

test('one part is replaced at a time', () => {
  expect([{ volume: 0 }, { nic: 1 }, {}, { nic: 1, volume: 0 }].map(partOf)).toEqual([
    ...[{ volume: 0 }, { nic: 1 }, undefined, undefined],
  ]);
});
