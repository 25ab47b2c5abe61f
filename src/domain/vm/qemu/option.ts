/** A text as the value of a QEMU option such as `file=`: a comma would end it, two stand for one. */
export function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}

/** The id of a device, where the file gives it a name. */
export function called(alias: string | undefined): string {
  return alias === undefined ? '' : `,id=${alias}`;
}
