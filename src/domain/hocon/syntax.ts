import type { HoconScalar, Origin } from './tree.ts';

/** What one file says, before includes are read, objects merged and substitutions resolved. */
export type Expression = HoconScalar | ObjectExpression | ListExpression | Substitution | Concatenation;

export interface ObjectExpression {
  readonly kind: 'object';
  readonly entries: readonly Entry[];
  readonly origin: Origin;
}

export type Entry = Field | Include;

export interface Field {
  readonly kind: 'field';
  readonly path: readonly string[];
  /** Written with `+=`. */
  readonly append: boolean;
  readonly value: Expression;
}

export interface Include {
  readonly kind: 'include';
  readonly name: string;
  readonly required: boolean;
  readonly origin: Origin;
}

export interface ListExpression {
  readonly kind: 'list';
  readonly items: readonly Expression[];
  readonly origin: Origin;
}

/** `${a.b}`, `${?a.b}`. */
export interface Substitution {
  readonly kind: 'substitution';
  readonly path: readonly string[];
  readonly optional: boolean;
  readonly origin: Origin;
}

/** Values side by side on one line, at least one of them no plain word. */
export interface Concatenation {
  readonly kind: 'concatenation';
  readonly parts: readonly (Expression | Space)[];
  readonly origin: Origin;
}

/** Blanks between two values: they count between words and mean nothing between objects. */
export interface Space {
  readonly kind: 'space';
  readonly text: string;
}
