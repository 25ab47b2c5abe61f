/** An element; what is undefined in it is left out. */
export interface Element {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string | number | undefined>>;
  readonly children?: readonly (Element | undefined)[];
  readonly text?: string | number;
}

export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (Element | undefined)[]
): Element {
  return { name, attributes, children };
}

/** An element with nothing but a text in it. */
export function leaf(
  name: string,
  text: string | number,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
): Element {
  return { name, attributes, text };
}

/** An element as libvirt prints it: two blanks a level, one element a line. */
export function formatXml(given: Element, indent = ''): string {
  const { attributes = {}, children = [], name, text } = given;
  const open = `${indent}<${name}${Object.entries(attributes).map(attribute).join('')}`;
  const inner = children.filter(child => child !== undefined);
  if (text !== undefined) return `${open}>${escaped(`${text}`)}</${name}>\n`;
  if (inner.length === 0) return `${open}/>\n`;
  return `${open}>\n${inner.map(child => formatXml(child, `${indent}  `)).join('')}${indent}</${name}>\n`;
}

function attribute([name, value]: readonly [string, string | number | undefined]): string {
  return value === undefined ? '' : ` ${name}='${escaped(`${value}`)}'`;
}

/** XML 1.0, section 2.4; line ends do not occur in a workload. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&apos;')
    .replaceAll('"', '&quot;');
}
