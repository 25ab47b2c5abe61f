import { isWord, WORD_FORM } from '../../placement/names.ts';
import { key } from '../key.ts';
import { deviceAlias, serialNumber, threadName } from '../machine-values.ts';
import {
  eitherOf,
  matching,
  memorySize,
  oneOf,
  sha256Digits,
  source,
  volumePath,
  wholeNumber,
  yesOrNo,
} from '../values.ts';
import { CACHES, INTERFACES, VOLUME_FORMATS } from '../workload.ts';
import { ALIAS } from './platform.ts';

/** Disks and CD-ROMs. */
export const VOLUME_KEYS = {
  'platform.volume.<id>.type': key({
    read: oneOf('qcow2', 'iso'),
    required: true,
    about: '`qcow2`: a disk. `iso`: a CD-ROM.',
    expected: 'qcow2 or iso',
    example: 'iso',
  }),
  'platform.volume.<id>.path': key({
    read: volumePath,
    required: true,
    about: 'Where the file is on the node; `mesh workload download` puts it there.',
    expected: 'an absolute path on the node such as /tmp/alpine.iso',
    example: '/tmp/alpine.iso',
  }),
  'platform.volume.<id>.source': key({
    read: source,
    about:
      'Where the file is fetched from: a URL, or a path on the node. `http://host0/isos/` is `/srv/pxen/http/isos/` of host0.',
    expected: 'a URL that begins with http:// or https://, or an absolute path on the node',
    example: 'http://host0/isos/alpine.iso',
  }),
  'platform.volume.<id>.sha256': key({
    read: sha256Digits,
    about: 'SHA-256 that the fetched file must have.',
    expected: '64 hex digits',
    example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  }),
  'platform.volume.<id>.writable': key({
    read: yesOrNo,
    fallback: '0',
    about: '`1`: the guest may write to it. Not for a CD-ROM.',
    expected: '1 or 0',
    example: '1',
  }),
  'platform.volume.<id>.ephemeral': key({
    read: yesOrNo,
    fallback: '1',
    about: '`1`: the file is deleted when the workload stops. `0`: it stays.',
    expected: '1 or 0',
    example: '0',
  }),
  'platform.volume.<id>.format': key({
    read: oneOf(...VOLUME_FORMATS),
    about:
      'How the file of a disk is written. Without it qcow2, and raw where the engine takes nothing else.',
    expected: eitherOf(VOLUME_FORMATS),
    example: 'raw',
  }),
  'platform.volume.<id>.interface': key({
    read: oneOf(...INTERFACES),
    about: 'What it hangs on in the guest. Without it a disk is `virtio`, a CD-ROM `ahci`.',
    expected: eitherOf(INTERFACES),
    example: 'ide',
  }),
  'platform.volume.<id>.cache': key({
    read: oneOf(...CACHES),
    about:
      "How the node caches it: `writeback` without this key, or what the realm says. `none` and `directsync` go around the node's page cache; `unsafe` forgets what the guest believes to be written.",
    expected: eitherOf(CACHES),
    example: 'writethrough',
  }),
  'platform.volume.<id>.direct': key({
    read: yesOrNo,
    about: "`1`: it goes around the node's page cache (O_DIRECT), as `cache=none` does.",
    expected: '1 or 0',
    example: '1',
  }),
  'platform.volume.<id>.serial': key({
    read: serialNumber,
    about: 'What the guest reads as its serial number.',
    expected: 'up to 20 letters, digits, dots, hyphens, underscores and plus signs',
    example: '11111111',
  }),
  'platform.volume.<id>.iops': key({
    read: wholeNumber(0, 1_000_000),
    about: 'Operations that it does in a second on average, `0`: any number.',
    expected: 'a whole number from 0 to 1000000',
    example: '200',
  }),
  'platform.volume.<id>.iothread': key({
    read: threadName,
    about: 'The thread that does its input and output: the value of a `platform.iothread.<n>`.',
    expected: ALIAS,
    example: 'io1',
  }),
  'platform.volume.<id>.size': key({
    read: memorySize,
    about: 'An empty disk of this size is made when there is none. Not beside `source`.',
    expected: 'a whole number with K, M, G or T behind it such as 20G, more than 0 and at most 16T',
    example: '20G',
  }),
  'platform.volume.<id>.pool': key({
    read: matching(isWord),
    about: 'Storage pool of libvirt that holds it, under the last name of its `path`.',
    expected: `${WORD_FORM}, such as ticrypt-vm-drives`,
    example: 'ticrypt-vm-drives',
  }),
  'platform.volume.<id>.alias': key({
    read: deviceAlias,
    about: 'What the engine calls the device; without it `vol<id>`.',
    expected: ALIAS,
    example: 'rootfs',
  }),
} as const;
