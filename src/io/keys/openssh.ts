import { generateKeyPair, generateKeyPairSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** A key pair in formats that OpenSSH reads. */
export interface SshKeyPair {
  /** The file that sshd and ssh read, without a passphrase. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA... comment` or `ssh-rsa ...`, one line without its end. */
  readonly publicKey: string;
}

const TYPE = 'ssh-ed25519';

/**
 * ssh2's own generator strips leading zero bytes of the public key, so that one key in 256 is broken: hence this one.
 * The format is OpenSSH's PROTOCOL.key: magic, cipher, kdf, kdf options, number of keys, public blob, private section.
 */
export function generateSshKey(comment: string): SshKeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const point = Buffer.from(jwk.x ?? '', 'base64url');
  const blob = Buffer.concat([string(TYPE), string(point)]);
  return {
    privateKey: armoured(
      Buffer.concat([
        Buffer.from('openssh-key-v1\0'),
        string('none'),
        string('none'),
        string(''),
        uint32(1),
        string(blob),
        string(privateSection(seed, point, comment)),
      ]),
    ),
    publicKey: `${TYPE} ${blob.toString('base64')} ${comment}`,
  };
}

/** An RSA key pair of 2048 bits, as libvirt hosts take it (checklist TC-1): PEM, and RFC 4253 section 6.6. */
export async function generateRsaKey(comment: string): Promise<SshKeyPair> {
  // Takes tenths of a second.
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  const blob = Buffer.concat([string('ssh-rsa'), mpint(e), mpint(n)]);
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
    publicKey: `ssh-rsa ${blob.toString('base64')} ${comment}`,
  };
}

/** RFC 4251 section 5: a first bit that is set would make it negative. */
function mpint(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return string((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** Two equal check numbers (a wrong passphrase would make them differ), the key, the comment, padding 1 2 3 ... to 8 bytes. */
function privateSection(seed: Buffer, point: Buffer, comment: string): Buffer {
  const check = randomBytes(4);
  const body = Buffer.concat([
    check,
    check,
    string(TYPE),
    string(point),
    string(Buffer.concat([seed, point])),
    string(comment),
  ]);
  const padding = Uint8Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, i) => i + 1);
  return Buffer.concat([body, padding]);
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function armoured(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
    '\n',
  );
}
