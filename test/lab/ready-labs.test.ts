/** What every ready lab and scenario has beside its file: a README with a picture, what is to be expected, and a test. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isScenario, labNames, loadLab, loadScenarios, playNames, scenarioNames } from "#src/lab/catalog.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const tests = readdirSync(new URL(".", import.meta.url)).filter(
  (name) => name.endsWith(".test.ts") && !name.startsWith("ready-labs"),
);
const labs = labNames();
const all = playNames();

describe.each(all)("the ready lab %s", (name) => {
  const readme = read(`../../lab/${name}/README.md`);
  const lab = loadLab(labs.includes(name) ? name : loadScenarios(name).lab);

  it("is in the list of labs, with the question that `ecmp lab list` tells", () => {
    const { description } = isScenario(name) ? loadScenarios(name) : lab;
    const question = description[0].toLowerCase() + description.slice(1);
    expect(read("../../lab/README.md")).toContain(`| [\`${name}\`](${name}/README.md) | ${question} |`);
    expect(question).toContain("?");
  });

  it("is drawn, with every machine of it", () => {
    const picture = /^```mermaid\n([^`]*)```$/m.exec(readme)?.[1];
    for (const machine of [...lab.hosts, ...lab.nodes.map((node) => node.name)]) expect(picture).toContain(machine);
  });

  it("says what to run, and what comes of it", () => {
    expect(readme).toMatch(name === "metallb-bgp" ? /npm start|ecmp lab run/ : `ecmp lab run ${name}`);
    expect(readme).toMatch(/^Expected outcome[.:]/m);
  });

  it("is played by a test", () => {
    const ways = [`runLab("${name}"`, `runScenario("${name}"`, `"lab", "run", "${name}"`, `lab/${name}/scenario.yaml`];
    const playing = tests.filter((file) => ways.some((way) => read(file).includes(way)));
    expect(playing).not.toEqual([]);
  });
});

describe("a name that is no lab's", () => {
  it("is answered with all that there are", () => {
    expect(() => loadLab("nope")).toThrow(`there is no "nope"`);
    for (const name of all) expect(() => loadLab("nope")).toThrow(name);
  });

  it.each(scenarioNames().filter((name) => !labs.includes(name)))("and is the scenario %s, with what it is played on", (name) => {
    expect(() => loadLab(name)).toThrow(`it is played on ${loadScenarios(name).lab}`);
  });
});
