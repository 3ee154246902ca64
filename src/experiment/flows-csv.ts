/**
 * Flows from CSV: a header line with the five columns in any order, then a line a flow; ports are empty where there are none.
 * The text comes piece by piece and the flows leave the same way, so that a file may be of any size: what is kept is the end of
 * a line that has not come yet, and mistakes up to so many.
 */
import { legible } from "../config/legible.ts";
import { isIpv4, parseAddress } from "../net/address.ts";
import { type Flow, hasPorts, PROTOCOLS, parseProtocol } from "../net/flow.ts";

/** What is wrong with a file, for people: where, the value, and what was wanted. */
export interface FlowMistake {
  readonly where: string;
  readonly value: string;
  readonly wanted: string;
}

export const FLOW_COLUMNS = ["protocol", "src", "srcPort", "dst", "dstPort"] as const;
type Column = (typeof FLOW_COLUMNS)[number];

/** More characters are no line of ours, and whatever has no end is not waited for. */
const MAXIMUM_LINE = 4096;

export interface FlowCsv {
  /** The flows of the lines that `text` completes. */
  read(text: string): Flow[];
  /** That of a last line without an end. */
  end(): Flow[];
  readonly mistakes: readonly FlowMistake[];
  /** There are as many mistakes as anybody wants to read, or no header: nothing more will come. */
  readonly isOver: boolean;
}

export function createFlowCsv(maximumMistakes = 20): FlowCsv {
  const mistakes: FlowMistake[] = [];
  let begun = "";
  let line = 0;
  let readRow: RowReader | undefined;
  let isOver = false;

  const complain: Complain = (column, value, wanted) => {
    if (mistakes.length < maximumMistakes) mistakes.push({ where: `line ${line}${column}`, value: legible(value), wanted });
    isOver ||= mistakes.length >= maximumMistakes;
  };
  const readLine = (text: string, flows: Flow[]): void => {
    line++;
    if (readRow === undefined) {
      readRow = createRowReader(text);
      isOver = readRow === undefined;
      if (isOver) complain("", text, `the header ${FLOW_COLUMNS.join()}`);
    } else if (text.length > MAXIMUM_LINE) {
      isOver = true;
      complain("", text, `a line of at most ${MAXIMUM_LINE} characters`);
    } else {
      const flow = readRow(text, complain);
      if (flow) flows.push(flow);
    }
  };

  return {
    mistakes,
    get isOver() {
      return isOver;
    },
    read(text) {
      const flows: Flow[] = [];
      const lines = (begun + (line === 0 ? text.replace(/^\ufeff/, "") : text)).split("\n");
      begun = lines.pop() as string;
      for (let i = 0; i < lines.length && !isOver; i++) readLine(lines[i], flows);
      if (begun.length > MAXIMUM_LINE && !isOver) readLine(begun, flows);
      return flows;
    },
    end() {
      const flows: Flow[] = [];
      if (!isOver && (begun !== "" || line === 0)) readLine(begun, flows);
      return flows;
    },
  };
}

type Complain = (column: string, value: string, wanted: string) => void;
type RowReader = (line: string, complain: Complain) => Flow | undefined;

/** Undefined: that is no header. */
function createRowReader(header: string): RowReader | undefined {
  const columns = cellsOf(header);
  if ([...columns].sort().join() !== [...FLOW_COLUMNS].sort().join()) return undefined;
  const places = FLOW_COLUMNS.map((column) => columns.indexOf(column));
  return (line, complain) => {
    const cells = cellsOf(line);
    if (cells.length !== columns.length) {
      if (line.trim() !== "") complain("", line.trimEnd(), `${columns.length} columns`);
      return undefined;
    }
    const row = places.map((place) => cells[place]);
    const flow = parseRow(row);
    if (flow === undefined) judgeRow(row, complain);
    return flow;
  };
}

const cellsOf = (line: string): string[] => line.split(",").map((cell) => cell.trim());

/** `row`: in the order of FLOW_COLUMNS. */
function parseRow([protocolText, src, srcPort, dst, dstPort]: readonly string[]): Flow | undefined {
  const protocol = parseProtocol(protocolText);
  const source = parseAddress(src);
  const destination = parseAddress(dst);
  const sourcePort = parsePort(srcPort, protocol);
  const destinationPort = parsePort(dstPort, protocol);
  if (protocol === undefined || source === undefined || destination === undefined) return undefined;
  if (sourcePort === undefined || destinationPort === undefined || isIpv4(source) !== isIpv4(destination)) return undefined;
  return { protocol, source, destination, sourcePort, destinationPort };
}

/** All that is wrong with a row of which no flow came. */
function judgeRow(row: readonly string[], complain: Complain): void {
  const cell = (column: Column): string => row[FLOW_COLUMNS.indexOf(column)];
  const check = (column: Column, isSound: boolean, wanted: string): void => {
    if (!isSound) complain(`, ${column}`, cell(column), wanted);
  };
  const protocol = parseProtocol(cell("protocol"));
  const [source, destination] = [parseAddress(cell("src")), parseAddress(cell("dst"))];
  const portWanted = protocol === undefined || hasPorts(protocol) ? "a port, 0 to 65535" : "nothing: the protocol has no ports";
  check("protocol", protocol !== undefined, `a number to 255 or one of ${Object.keys(PROTOCOLS).join(", ")}`);
  check("src", source !== undefined, "an address");
  check("dst", destination !== undefined, "an address");
  check("srcPort", parsePort(cell("srcPort"), protocol) !== undefined, portWanted);
  check("dstPort", parsePort(cell("dstPort"), protocol) !== undefined, portWanted);
  if (source === undefined || destination === undefined) return;
  check("dst", isIpv4(source) === isIpv4(destination), `an address of the family of ${cell("src")}`);
}

function parsePort(text: string, protocol: number | undefined): number | undefined {
  if (text === "" && (protocol === undefined || !hasPorts(protocol))) return 0;
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65535) return undefined;
  return protocol === undefined || hasPorts(protocol) || Number(text) === 0 ? Number(text) : undefined;
}
