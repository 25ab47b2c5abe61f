import { type Cidr, type Ipv4, parseCidr, parseIpv4 } from '../../base/ipv4.ts';
import { STATE_FILES } from '../vm/statefiles.ts';
import { matching, path, pathForFiles, type Read, wholeNumber } from './values.ts';

/** A file or folder of the node that is only read. */
export const anyPath: Read<string> = path;

/** QEMU looks up a bare name in the folder of its own firmware. */
export const firmware: Read<string> = text =>
  text.startsWith('/') || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text) ? path(text) : { value: text };

/** The kernel of x86 takes 2047 bytes (COMMAND_LINE_SIZE less its NUL). */
export const kernelArguments: Read<string> = matching(/^[\x20-\x7e]{1,2047}$/);

/** Of VHOST_VSOCK_SET_GUEST_CID: 0 to 2 are the host's, the last one means any (SV-14). */
const LEAST_CID = 3;
const MOST_CID = 4_294_967_294;

export const contextId: Read<number | 'auto'> = text =>
  text === 'auto' ? { value: text } : wholeNumber(LEAST_CID, MOST_CID)(text);

/** An id of QEMU's object model begins with a letter, and libvirt takes no dots in an alias. */
const DEVICE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
export const deviceAlias: Read<string> = matching(DEVICE_NAME);
export const threadName: Read<string> = matching(DEVICE_NAME);

/** virtio-blk has room for 20 bytes (VIRTIO_BLK_ID_BYTES, SV-11). */
export const serialNumber: Read<string> = matching(/^[A-Za-z0-9._+-]{1,20}$/);

/** It is a field between commas for minimega. */
export const switchName: Read<string> = matching(/^[^\p{C}\p{Z},]{1,128}$/u);

/** As the schema of libvirt has it. */
export const filterName: Read<string> = matching(/^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/);

export const networkAddress: Read<Cidr> = text => known(parseCidr(text));

export const ipv4: Read<Ipv4> = text => known(parseIpv4(text));

function known<T>(value: T | undefined): ReturnType<Read<T>> {
  return value === undefined ? {} : { value };
}

/** `sun_path` of unix(7) has 108 bytes, the last one a NUL. */
const LONGEST_SOCKET = 107;
/** With `/tmp/pxen/`, a uuid of 64 letters and a slash in front it is short enough. */
const LONGEST_SOCKET_NAME = 32;
const TAKEN: readonly string[] = Object.values(STATE_FILES);

/** What lies at the path of a socket is removed by whoever listens there, so it gets the limits of a volume. */
export const socketPath: Read<string> = text => {
  if (!text.includes('/')) return socketName(text);
  // Sockets belong there, and nothing that is kept over a boot.
  const reading = text.startsWith('/run/')
    ? path(text)
    : pathForFiles(text, 'the socket is made and deleted');
  if ('value' in reading && new TextEncoder().encode(text).length > LONGEST_SOCKET)
    return { expected: `a path of at most ${LONGEST_SOCKET} bytes` };
  return reading;
};

function socketName(text: string): ReturnType<Read<string>> {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(text) || text.length > LONGEST_SOCKET_NAME)
    return {
      expected: `a name of at most ${LONGEST_SOCKET_NAME} letters, digits, dots, hyphens and underscores`,
    };
  return TAKEN.includes(text)
    ? { expected: 'another name, pxen has a file of this name there' }
    : { value: text };
}

/** -1: as many as there are (FW-26). */
export const neighbours: Read<number> = text => (text === '-1' ? { value: -1 } : wholeNumber(0, 4096)(text));

export const optionValue: Read<string> = matching(/^[^\p{C}\p{Zl}\p{Zp}]{0,1024}$/u);
export const tagValue: Read<string> = matching(/^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u);
