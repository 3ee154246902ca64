/**
 * What one peer was told (its Adj-RIB-Out): of each prefix the number of its attributes, which are kept once, however many
 * prefixes have them. So a table that is told costs about what it costs in the RIB. `adj-out.ts` has one for each peer.
 */
import type { PathAttributes } from "../bgp/path.ts";
import type { Prefix } from "../net/prefix.ts";
import { createPrefixTable } from "../net/prefix-table.ts";

export interface Told {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
}

export interface ToldTable {
  /** The attributes' text; undefined: it was not told. */
  textOf(prefix: Prefix): string | undefined;
  /** `text`: what tells these attributes from others. */
  set(prefix: Prefix, attributes: PathAttributes, text: string): void;
  /** False if it was not told. */
  delete(prefix: Prefix): boolean;
  readonly size: number;
  /** In no order, in pieces between which it may change. Equal attributes are one object. */
  pieces(): Iterable<readonly Told[]>;
}

interface Word {
  readonly number: number;
  readonly text: string;
  readonly attributes: PathAttributes;
  prefixes: number;
}

/** The work of a fraction of a millisecond. */
const PLACES_IN_PIECE = 256;
const NOT_TOLD = 0;

export function createToldTable(): ToldTable {
  const numbers = createPrefixTable();
  const byText = new Map<string, Word>();
  const byNumber: (Word | undefined)[] = [undefined];
  const free: number[] = [];

  const wordOf = (attributes: PathAttributes, text: string): Word => {
    const known = byText.get(text);
    if (known) return known;
    const word: Word = { number: free.pop() ?? byNumber.length, text, attributes, prefixes: 0 };
    byNumber[word.number] = word;
    byText.set(text, word);
    return word;
  };

  const release = (number: number): void => {
    const word = byNumber[number];
    if (!word || --word.prefixes > 0) return;
    byText.delete(word.text);
    byNumber[number] = undefined;
    free.push(number);
  };

  return {
    textOf: (prefix) => byNumber[numbers.get(prefix)]?.text,
    set(prefix, attributes, text) {
      const before = numbers.get(prefix);
      const word = wordOf(attributes, text);
      word.prefixes++;
      numbers.set(prefix, word.number);
      release(before);
    },
    delete(prefix) {
      const before = numbers.get(prefix);
      if (before === NOT_TOLD) return false;
      numbers.set(prefix, NOT_TOLD);
      release(before);
      return true;
    },
    get size() {
      return numbers.size;
    },
    *pieces() {
      const walk = numbers.walk();
      for (let isLast = false; !isLast; ) {
        const piece: Told[] = [];
        const visit = (prefix: Prefix, number: number): void => {
          const word = byNumber[number];
          if (word) piece.push({ prefix, attributes: word.attributes });
        };
        isLast = walk(PLACES_IN_PIECE, visit, () => true) > 0;
        yield piece;
      }
    },
  };
}
