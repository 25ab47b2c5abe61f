import { createHash } from 'node:crypto';

/** The key itself out of a public key line `ssh-ed25519 AAAA... comment`; undefined unless it is a whole Ed25519 key. */
export function hostKeyBlob(line: string): Buffer | undefined {
  const [type, base64 = ''] = line.trim().split(/\s+/);
  if (type !== 'ssh-ed25519' || !/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined;
  const blob = Buffer.from(base64, 'base64');
  // 4 + 11 bytes of type name, 4 + 32 bytes of key (RFC 8709 section 4)
  return blob.length === 51 && blob.subarray(4, 15).toString() === 'ssh-ed25519' ? blob : undefined;
}

/** As `ssh-keygen -l` prints it: `SHA256:...`. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
