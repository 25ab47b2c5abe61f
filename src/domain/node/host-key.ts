/**
 * `ssh-ed25519 AAAA...` without the comment, or undefined unless it is a whole Ed25519 key: in base64 the length and
 * name fields of RFC 8709 section 4 are a fixed prefix of 25 characters, and 43 of the 68 are left for the key.
 */
export function normalHostKey(line: string): string | undefined {
  const match = /^\s*(ssh-ed25519) (AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43})(\s|$)/.exec(line);
  return match ? `${match[1]} ${match[2]}` : undefined;
}
