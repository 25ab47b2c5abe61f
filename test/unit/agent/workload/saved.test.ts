import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSaved, type Places, parseSaved, type Saved } from '../../../../src/agent/workload/saved.ts';
import { decideMachine } from '../../../../src/domain/vm/machine.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { sha1 } from '../../../../src/io/sha1.ts';
import { sha256 } from '../../../../src/io/sha256.ts';

const PLACES: Places = { folder: '/tmp/pxen/w', at: path => `/root${path}` };
const text = (console: string): string => `name=web
uuid=w
platform.memory.size=1G
platform.cpu.threads=1
platform.volume.0.type=qcow2
platform.volume.0.path=/v/disk
network.0.type=bridge
network.0.bridge=br0
network.0.driver=e1000
network.0.alias=eth0
network.0.queue-tap=tap0
network.0.qos.rate=5
network.1.type=nat
platform.kernel.image=/srv/vmlinuz
platform.bios=bios.bin
platform.vsock.cid=auto
platform.vsock.alias=v0
runtime.console.virtio.0.path=a.sock
runtime.console.type=${console}
`;

function saved(console: string): Saved {
  const config = { file: 'web.conf', text: text(console) };
  const { workload } = parseWorkload(config.text, config.file);
  if (!workload) throw new Error('the file of this test is wrong');
  const machine = decideMachine(workload, {}, { ...PLACES, accel: 'tcg', sha1, sha256 });
  return { config, accel: 'auto', startedAt: 1_700_000_000_000, machine };
}

describe('what a start leaves for a later agent', () => {
  test.each(['serial-tcp', 'serial-socket', 'vnc\nruntime.console.id=3'])('comes back whole: %s', console => {
    const before = saved(console);
    expect(parseSaved(formatSaved(before), 'w', PLACES)).toEqual(before);
  });

  test.each([
    ['{', /^is no JSON \(/],
    ['7', /^does not have its form \(✖ Invalid input: expected object/],
    [
      formatSaved(saved('serial-tcp')).replace('"web.conf"', '7'),
      /^does not have its form \(✖ Invalid input: expected string/,
    ],
    [formatSaved(saved('serial-tcp')).replace('uuid=w', 'uuid=v'), /^holds no workload of the uuid w$/],
    [
      formatSaved(saved('serial-tcp')).replace('platform.memory.size=1G', 'x'),
      /^holds no workload of the uuid w$/,
    ],
  ])('is refused when it is damaged: %#', (damaged, expected) => {
    expect(parseSaved(damaged, 'w', PLACES)).toMatch(expected);
  });

  test('is refused, and never thrown at, whatever stands there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), any => typeof parseSaved(any, 'w', PLACES) === 'string'),
    );
  });
});
