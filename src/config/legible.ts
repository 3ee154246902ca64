/**
 * An excerpt of what a file has, for a terminal: short, and with nothing that moves a cursor, since the file may be no text at
 * all.
 */
const LEGIBLE_CHARACTERS = 80;

export function legible(text: string, most = LEGIBLE_CHARACTERS): string {
  const shown = text.slice(0, most).replace(/[\p{C}\ufffd]/gu, "?");
  return text.length > most ? `${shown}...` : shown;
}
