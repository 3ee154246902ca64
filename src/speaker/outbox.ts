/**
 * What a session has still to say to its peer: of each prefix the last word, in the order in which they came up, and the marks
 * between them. It says no more than the connection takes. Behind a peer that does not read, words wait here, where a later one
 * takes the place of an earlier, and not as bytes in a socket: what that costs is bounded by the table and not by its changes.
 * `announcer.ts` fills it.
 */
import type { AsnSize } from "../bgp/as-path.ts";
import type { Message } from "../bgp/message.ts";
import type { PathAttributes } from "../bgp/path.ts";
import { REFRESH, type RouteRefreshMessage } from "../bgp/route-refresh.ts";
import { type UpdateMessage, withinMessages } from "../bgp/update.ts";
import { type Prefix, prefixKey } from "../net/prefix.ts";
import type { RouteAnnouncements } from "../rib/route.ts";

export interface OutboxOptions {
  readonly asnSize: AsnSize;
  send(message: Message): void;
  /** Whether the connection takes more now. When it does again, the session calls `flush`. */
  hasRoom(): boolean;
  /** Their attributes leave no room in a message: they are withdrawn instead. */
  onTooLong(prefixes: readonly Prefix[]): void;
}

/** Undefined attributes: it is withdrawn. */
type Word = { readonly prefix: Prefix; readonly attributes: PathAttributes | undefined };
/** Without a message it marks a place, and nobody hears of it. */
type Mark = { readonly mark: Message | undefined };
/** A whole table, of which no word waits here: the next piece is asked for when the peer takes it. */
type Table = { readonly pieces: Iterable<RouteAnnouncements> };

/** Words that are encoded together: at worst so many messages, a MiB of them. */
const WORDS_PER_RUN = 256;
/** Some milliseconds of work. */
const RUNS_PER_TURN = 8;

export class Outbox {
  private readonly options: OutboxOptions;
  /** A prefix that is said anew keeps its place: a mark that comes later is about it, too. */
  private readonly waiting = new Map<number | string, Word | Mark | Table>();
  /** Kept from run to run, because V8 walks over all that was deleted when a Map is begun from its start. */
  private cursor = this.waiting.entries();
  /** Of the table that is being told. */
  private pieces: Iterator<RouteAnnouncements> | undefined;
  private isOpen = true;
  private isResting = false;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  /** Prefixes, marks and tables that wait. */
  get length(): number {
    return this.waiting.size + (this.pieces ? 1 : 0);
  }

  tell(announcements: RouteAnnouncements): void {
    for (const word of wordsOf(announcements)) this.waiting.set(prefixKey(word.prefix), word);
    this.flush();
  }

  /** Says all of a table when all that waits now is said. One that has not begun does for whatever is wanted of it meanwhile. */
  tellAll(name: string, pieces: Iterable<RouteAnnouncements>): void {
    if (!this.waiting.has(name)) this.waiting.set(name, { pieces });
    this.flush();
  }

  /** To be said when all that waits now is. */
  mark(message: UpdateMessage & Required<Pick<UpdateMessage, "endOfRib">>): void {
    this.putLast(`end of ${nameOf(message.endOfRib)}`, { mark: message });
    this.flush();
  }

  /**
   * Everything again that the peer has asked for (RFC 2918), between marks (RFC 7313) if it knows them. An answer that has not
   * begun is an answer to whatever is asked meanwhile: who asks and asks and does not listen costs no more than once.
   */
  again(request: RouteRefreshMessage, isMarked: boolean, everything: Iterable<RouteAnnouncements>): void {
    const mark = (subtype: number): Mark => ({ mark: isMarked ? { ...request, subtype } : undefined });
    const begin = `refresh of ${nameOf(request.family)}`;
    if (this.waiting.has(begin)) return;
    this.putLast(begin, mark(REFRESH.begin));
    this.putLast(`table of ${begin}`, { pieces: everything });
    this.putLast(`end of ${begin}`, mark(REFRESH.end));
    this.flush();
  }

  /** Says what there is room for, in turns of the event loop. */
  flush(): void {
    if (this.isResting) return;
    for (let run = 0; run < RUNS_PER_TURN; run++) {
      if (!this.isOpen || this.length === 0 || !this.options.hasRoom()) return;
      this.run();
    }
    this.isResting = true;
    setImmediate(() => {
      this.isResting = false;
      this.flush();
    });
  }

  /** The session is over; what was not said by now is not said. */
  close(): void {
    this.isOpen = false;
  }

  private putLast(key: number | string, item: Word | Mark | Table): void {
    this.waiting.delete(key);
    this.waiting.set(key, item);
  }

  /** A piece of the table that is being told; else some words, and the mark or the table behind them if that is reached. */
  private run(): void {
    if (this.pieces) return this.runOfTable(this.pieces);
    const withdrawn: Prefix[] = [];
    const byPath = new Map<PathAttributes, Prefix[]>();
    let end: Message | undefined;
    for (let words = 0; words < WORDS_PER_RUN && !end && !this.pieces; words++) {
      const item = this.shift();
      if (!item) break;
      if ("pieces" in item) this.pieces = item.pieces[Symbol.iterator]();
      else if ("mark" in item) end = item.mark;
      else if (!item.attributes) withdrawn.push(item.prefix);
      else prefixesOf(byPath, item.attributes).push(item.prefix);
    }
    const announcements = Array.from(byPath, ([attributes, prefixes]) => ({ prefixes, attributes }));
    if (withdrawn.length + announcements.length > 0) this.say({ withdrawn, announcements });
    if (end) this.options.send(end);
  }

  /** What is asked for now is the last word on its prefixes, so an earlier one need not be said. */
  private runOfTable(pieces: Iterator<RouteAnnouncements>): void {
    const { done, value } = pieces.next();
    if (done) {
      this.pieces = undefined;
      return;
    }
    for (const { prefix } of wordsOf(value)) this.waiting.delete(prefixKey(prefix));
    if (value.withdrawn.length + value.announcements.length > 0) this.say(value);
  }

  private shift(): Word | Mark | Table | undefined {
    const next = this.cursor.next();
    if (next.done) {
      // All is said: a cursor that has seen the end does not see what comes after it.
      this.cursor = this.waiting.entries();
      return undefined;
    }
    const [key, item] = next.value;
    this.waiting.delete(key);
    return item;
  }

  private say(announcements: RouteAnnouncements): void {
    const { asnSize, send, onTooLong } = this.options;
    const { tooLong, ...update } = withinMessages(announcements, asnSize);
    if (tooLong.length > 0) onTooLong(tooLong);
    send({ kind: "update", ...update });
  }
}

function prefixesOf(byPath: Map<PathAttributes, Prefix[]>, attributes: PathAttributes): Prefix[] {
  const prefixes = byPath.get(attributes) ?? [];
  byPath.set(attributes, prefixes);
  return prefixes;
}

const nameOf = ({ afi, safi }: RouteRefreshMessage["family"]): string => `family ${afi}/${safi}`;

function* wordsOf({ withdrawn, announcements }: RouteAnnouncements): Generator<Word> {
  for (const prefix of withdrawn) yield { prefix, attributes: undefined };
  for (const { prefixes, attributes } of announcements) for (const prefix of prefixes) yield { prefix, attributes };
}
