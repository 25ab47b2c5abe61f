import { createHash } from 'node:crypto';

/** Of a public key blob, as `ssh-keygen -l` prints it: `SHA256:...`. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
