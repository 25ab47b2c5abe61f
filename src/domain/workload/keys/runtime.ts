import { isWord, WORD_FORM } from '../../placement/names.ts';
import { key } from '../key.ts';
import { deviceAlias, ipv4, neighbours, optionValue, socketPath, tagValue } from '../machine-values.ts';
import { bootOrder, eitherOf, matching, oneOf, printableName, wholeNumber, yesOrNo } from '../values.ts';
import { POWER_STATES, VGAS } from '../workload.ts';
import { ALIAS } from './platform.ts';

/** How it is run, and where. */
export const RUNTIME_KEYS = {
  'runtime.boot': key({
    read: bootOrder,
    about:
      'Boot order: ids of volumes, ids of NICs with an `n` before them. Without it the first volume is booted, or the first NIC where there is no volume.',
    expected: 'ids of volumes, and of NICs with an n before them, such as 1,0,n0',
    example: '1,0,n0',
  }),
  'runtime.console.type': key({
    read: oneOf('serial-tcp', 'serial-socket', 'vnc'),
    fallback: 'serial-tcp',
    about:
      '`serial-tcp`: the serial port on TCP port 7900+id. `serial-socket`: on `/tmp/pxen/<uuid>/serial.sock`. `vnc`: the screen on TCP port 5900+id.',
    expected: 'serial-tcp, serial-socket or vnc',
    example: 'vnc',
  }),
  'runtime.console.id': key({
    read: wholeNumber(0, 65_535),
    about:
      'Which port. Required with `vnc`; without it `serial-tcp` takes the lowest free port from 7900; not allowed with `serial-socket`.',
    expected: 'a whole number such as 5; the port is 5900+id (vnc) or 7900+id (serial-tcp)',
    example: '5',
  }),
  'runtime.console.virtio.<n>.path': key({
    read: socketPath,
    required: true,
    about:
      'A virtio-console beside the console: a unix socket on the node; in the guest the one with the lowest `<n>` is `/dev/hvc0`, the next one `/dev/hvc1`. A bare name is one in `/tmp/pxen/<uuid>/`.',
    expected: 'the name of a socket such as log.sock, or the absolute path of one',
    example: 'log.sock',
  }),
  'runtime.console.virtio.<n>.alias': key({
    read: deviceAlias,
    about: 'What the engine calls it; without it `console<n>`.',
    expected: ALIAS,
    example: 'charconsole0',
  }),
  'runtime.vga': key({
    read: oneOf(...VGAS),
    fallback: 'std',
    about: 'The graphics card.',
    expected: eitherOf(VGAS),
    example: 'qxl',
  }),
  'runtime.power-state': key({
    read: oneOf(...POWER_STATES),
    fallback: 'running',
    about:
      '`paused`: it is there after the start, but its first instruction waits for `mesh workload resume`.',
    expected: eitherOf(POWER_STATES),
    example: 'paused',
  }),
  'runtime.qga': key({
    read: yesOrNo,
    fallback: '0',
    about: '`1`: it has the channel of the QEMU guest agent, which must run in the guest.',
    expected: '1 or 0',
    example: '1',
  }),
  'runtime.append.<arg>': key({
    read: optionValue,
    mayBeEmpty: true,
    about:
      'A further option of QEMU: `runtime.append.rtc=base=localtime` is `-rtc base=localtime`, with nothing behind the `=` it is the bare option. They are given in the order of their names.',
    expected: 'the value of the option, at most 1024 printable characters, or nothing',
    example: 'base=localtime',
  }),
  'runtime.tag.<k>': key({
    read: tagValue,
    about: 'A word about it for people and programs. Only shown and exported.',
    expected: 'at most 256 printable characters',
    example: 'web',
  }),
  'runtime.control-ip': key({
    read: ipv4,
    about: 'Where it is reached for management. Only shown and exported.',
    expected: 'an IPv4 address such as 172.16.0.5',
    example: '172.16.0.5',
  }),
  'runtime.autostart': key({
    read: yesOrNo,
    fallback: '1',
    about: '`1`: a workload that was started comes back when its node boots again. `0`: it does not.',
    expected: '1 or 0',
    example: '0',
  }),
  'placement.node': key({
    read: printableName,
    about: 'The node to start it on, by machine id or name; `-n` of the command line wins.',
    expected: 'the machine id or name of a node',
    example: 'rack1-07',
  }),
  'placement.realm': key({
    read: matching(isWord),
    about: 'The realm whose hosts it may be on, where no node is named.',
    expected: `${WORD_FORM}, such as lab`,
    example: 'lab',
  }),
  'placement.coschedule': key({
    read: neighbours,
    fallback: '-1',
    about: 'How many other workloads its host may have: `0` none, `-1` any number.',
    expected: 'a whole number from -1 to 4096',
    example: '0',
  }),
  'placement.group': key({
    read: matching(isWord),
    about: 'Workloads of one group are kept on hosts that do not fail together.',
    expected: `${WORD_FORM}, such as databases`,
    example: 'databases',
  }),
} as const;
