import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Tree } from '../../../../src/agent/tree.ts';
import { hasTcpClient, hasUnixClient, listeningPorts } from '../../../../src/agent/workload/sockets.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const REST = '00000000:00000000 00:00000000 00000000     0        0 103 1 00000000a08f90f6 100 0 0 10 0';
/** As the kernel writes them: a listener on 7900 with a client, another one on 22 without, a client on 40000. */
const TCP = `${HEAD}   0: 00000000:1EDC 00000000:0000 0A ${REST}
   1: 00000000:0016 00000000:0000 0A ${REST}
   2: 0100007F:1EDC 0100007F:9C40 01 ${REST}
   3: 0100007F:9C40 0100007F:1EDC 01 ${REST}
`;
const TCP6 = `${HEAD}   0: 00000000000000000000000000000000:1705 00000000000000000000000000000000:0000 0A ${REST}
   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A ${REST}
   2: 0000000000000000FFFF00000100007F:1EDD 0000000000000000FFFF00000100007F:9C41 06 ${REST}
`;
const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
00000000a3907fc2: 00000002 00000000 00010000 0001 01 1278522 /tmp/pxen/a/serial.sock
00000000a3907fc3: 00000003 00000000 00000000 0001 03 1278523 /tmp/pxen/a/serial.sock
00000000a3907fc4: 00000002 00000000 00010000 0001 01 1278524 /tmp/pxen/b/serial.sock
00000000a3907fc5: 00000003 00000000 00000000 0001 03 1278525
`;

function treeOf(files: Record<string, string>): Tree {
  return {
    text: path => files[path]?.trim(),
    list: () => [],
    exists: path => path in files,
    link: () => undefined,
    head: () => undefined,
  };
}
const node = treeOf({ '/proc/net/tcp': TCP, '/proc/net/tcp6': TCP6, '/proc/net/unix': UNIX });

describe('sockets of the node', () => {
  test('ports that something listens on, of both tables', () => {
    expect(listeningPorts(node)).toEqual([22, 5893, 7900]);
    expect(listeningPorts(treeOf({}))).toEqual([]);
  });

  test.each([
    [7900, true],
    [22, false],
    [7901, false],
    [40000, true],
  ])('port %i has a client: %s', (port, expected) => {
    expect(hasTcpClient(node, port)).toBe(expected);
  });

  test.each([
    ['/tmp/pxen/a/serial.sock', true],
    ['/tmp/pxen/b/serial.sock', false],
    ['/tmp/pxen', false],
  ])('%s has a client: %s', (path, expected) => {
    expect(hasUnixClient(node, path)).toBe(expected);
  });

  test('tables that make no sense have no sockets', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        const tree = treeOf({ '/proc/net/tcp': text, '/proc/net/tcp6': text, '/proc/net/unix': text });
        expect([listeningPorts(tree), hasTcpClient(tree, 1), hasUnixClient(tree, '/x')]).toEqual([
          [],
          false,
          false,
        ]);
      }),
    );
  });
});
