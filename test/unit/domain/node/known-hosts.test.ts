import { expect, test } from 'vitest';
import { knownHostKey } from '../../../../src/domain/node/known-hosts.ts';
import { generateSshKey } from '../../../../src/io/keys/openssh.ts';

const [ONE = '', TWO = ''] = [1, 2].map(() => generateSshKey('').publicKey.trim());
const FILE = `# hosts
hv1,10.0.0.1 ${ONE} root@hv1
[hv1]:2222 ${TWO}
|1|hash=|hash= ${TWO}
@revoked hv3 ${TWO}
hv4 ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB
hv4 ${TWO}
*.lab ${TWO}
`;

test.each([
  ['hv1', 22, ONE],
  ['HV1', 22, ONE],
  ['10.0.0.1', 22, ONE],
  ['hv1', 2222, TWO],
  ['hv1', 2223, undefined],
  ['hv2', 22, undefined],
  ['hv3', 22, undefined],
  ['hv4', 22, TWO],
  ['a.lab', 22, undefined],
  ['#', 22, undefined],
])('%s on port %i', (host, port, key) => {
  expect(knownHostKey(FILE, host, port)).toBe(key);
});

test('an empty file knows nobody', () => {
  expect(knownHostKey('', '', 22)).toBeUndefined();
});
