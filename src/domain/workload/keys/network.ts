import { key } from '../key.ts';
import { deviceAlias, filterName, networkAddress, switchName, threadName } from '../machine-values.ts';
import { delay, loss } from '../quality.ts';
import { eitherOf, interfaceName, oneOf, unicastMac, wholeNumber } from '../values.ts';
import { DRIVERS, RATE_UNITS } from '../workload.ts';
import { ALIAS } from './platform.ts';

/** Network cards. */
export const NETWORK_KEYS = {
  'network.<id>.type': key({
    read: oneOf('bridge', 'nat'),
    required: true,
    about:
      "`bridge`: on a bridge of the node. `nat`: behind the node's own addresses, nothing reaches it from outside.",
    expected: 'bridge or nat',
    example: 'bridge',
  }),
  'network.<id>.bridge': key({
    read: interfaceName,
    about: 'The bridge, which the node must have. Required with `type=bridge`, not allowed with `nat`.',
    expected: 'the name of a bridge such as br0, at most 15 bytes without blanks, / and :',
    example: 'br0',
  }),
  'network.<id>.mac': key({
    read: unicastMac,
    about: 'MAC address. Without it one is made of uuid, id and type.',
    expected: 'a MAC address such as 52:54:00:12:34:56',
    example: '52:54:00:12:34:56',
  }),
  'network.<id>.driver': key({
    read: oneOf(...DRIVERS),
    fallback: 'virtio-net-pci',
    about: 'The card that the guest sees.',
    expected: eitherOf(DRIVERS),
    example: 'e1000',
  }),
  'network.<id>.queue-tap': key({
    read: interfaceName,
    about: 'Name of its interface on the node. Without it one is made of uuid and id.',
    expected: 'the name of an interface such as tap0, at most 15 bytes without blanks, / and :',
    example: 'tap0',
  }),
  'network.<id>.switch': key({
    read: switchName,
    about: 'What the network on the bridge is called elsewhere; without it as the bridge. Only exported.',
    expected: 'a name of at most 128 printable characters without blanks and commas',
    example: 'switch-host-ospf.root.net',
  }),
  'network.<id>.ip': key({
    read: networkAddress,
    about: 'What the guest gives itself. Only shown and exported.',
    expected: 'an IPv4 address with the length of its prefix such as 10.0.0.2/24',
    example: '10.0.0.2/24',
  }),
  'network.<id>.iothread': key({
    read: threadName,
    about: 'The thread that does its input and output: the value of a `platform.iothread.<n>`.',
    expected: ALIAS,
    example: 'io1',
  }),
  'network.<id>.filter': key({
    read: filterName,
    about: 'Network filter of libvirt (nwfilter).',
    expected:
      'a name such as clean-traffic: a letter, and up to 63 letters, digits, dots, colons, hyphens and underscores',
    example: 'clean-traffic',
  }),
  'network.<id>.qos.loss': key({
    read: loss,
    about: 'Share of the packets to the guest that get lost, percent.',
    expected: 'a percentage from 0 to less than 100 such as 25 or 0.5',
    example: '0.5',
  }),
  'network.<id>.qos.delay': key({
    read: delay,
    about: 'How long each packet to the guest is held back.',
    expected: 'a time from 0 to one hour in s, ms (the default) or us, such as 100ms',
    example: '100ms',
  }),
  'network.<id>.qos.rate': key({
    read: wholeNumber(1, 1_000_000),
    about: 'Most bits a second to the guest, in `qos.unit`. Neither loss nor delay goes with it.',
    expected: 'a whole number from 1 to 1000000',
    example: '10',
  }),
  'network.<id>.qos.unit': key({
    read: oneOf(...RATE_UNITS),
    fallback: 'mbit',
    about: 'Unit of `qos.rate`.',
    expected: eitherOf(RATE_UNITS),
    example: 'kbit',
  }),
  'network.<id>.alias': key({
    read: deviceAlias,
    about: 'What the engine calls the device; without it `net<id>`.',
    expected: ALIAS,
    example: 'eth0',
  }),
} as const;
