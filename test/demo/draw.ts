/*
 * Inputs of the ready pipelines, drawn anew from a seed in the wordings that pocket's card lists, each with its right
 * answer computed here and not by any part of the product.
 */

/** A stream of numbers in [0, 1) from a seed (mulberry32): the same seed draws the same inputs on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One word problem and the number that its answer must hold. */
export type Problem = { readonly question: string; readonly expected: string };
/** One message and its right label. */
export type Message = { readonly message: string; readonly label: string };

const NAMES = ['Ana', 'Ben', 'Leo', 'Sven', 'Uma', 'Xenia', 'Yara', 'Wim', 'Hugo'];
const NOUNS = ['pearls', 'opals', 'candles', 'violets', 'otters', 'lakes'];
const MASSES = ['sand', 'copper', 'silver', 'nectar'];
const SERVICES = ['nectar', 'river', 'cedar', 'otter', 'copper', 'silver', 'violet', 'crimson'];

type Random = () => number;
const between = (random: Random, low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
const pick = <T>(random: Random, from: readonly T[]): T => {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
};
const two = (random: Random): [string, string] => {
  const first = pick(random, NAMES);
  return [
    first,
    pick(
      random,
      NAMES.filter((name) => name !== first),
    ),
  ];
};

const PROBLEMS: readonly ((random: Random) => Problem)[] = [
  (random) => {
    const [a, b, hours] = [5 * between(random, 6, 18), 5 * between(random, 6, 18), between(random, 2, 6)];
    return {
      question: `A train leaves Station A at ${a} mph. Another leaves Station B at ${b} mph. They are ${(a + b) * hours} miles apart. When do they meet?`,
      expected: String(hours),
    };
  },
  (random) => {
    const [first, second] = two(random);
    const [count, price, spent] = [between(random, 2, 9), between(random, 2, 12), between(random, 5, 60)];
    return {
      question: `${first} buys ${count} ${pick(random, NOUNS)} at ${price} dollars each and ${second} buys ${spent} dollars of ${pick(random, MASSES)}. How much do they pay together?`,
      expected: String(count * price + spent),
    };
  },
  (random) => {
    const [rate, minutes] = [between(random, 2, 12), between(random, 3, 40)];
    return {
      question: `A tank holds ${rate * minutes} liters. A pump fills ${rate} liters a minute. How many minutes does it take to fill it?`,
      expected: String(minutes),
    };
  },
  (random) => {
    const [first, second] = two(random);
    const noun = pick(random, NOUNS);
    const [has, gives, finds] = [between(random, 100, 990), between(random, 2, 90), between(random, 2, 90)];
    return {
      question: `${first} has ${has} ${noun} and gives ${gives} to ${second}. Then ${first} finds ${finds} more. How many does ${first} have now?`,
      expected: String(has - gives + finds),
    };
  },
  (random) => {
    const [percent, whole] = [5 * between(random, 1, 19), 20 * between(random, 1, 25)];
    return { question: `What is ${percent} percent of ${whole}?`, expected: String((percent * whole) / 100) };
  },
  (random) => {
    const [long, wide] = [between(random, 2, 30), between(random, 2, 30)];
    return { question: `A room is ${long} meters by ${wide} meters. What is its area?`, expected: String(long * wide) };
  },
  (random) => {
    const [speed, hours] = [5 * between(random, 4, 16), between(random, 2, 8)];
    return {
      question: `${pick(random, NAMES)} drives ${speed * hours} miles in ${hours} hours. What is the average speed?`,
      expected: String(speed),
    };
  },
  (random) => {
    const [a, b, c] = [between(random, 2, 40), between(random, 2, 40), between(random, 1, 60)];
    return { question: `Compute ${a}*${b}-${c}.`, expected: String(a * b - c) };
  },
];

const code = (random: Random): string => `${pick(random, ['A', 'B', 'C', 'K'])}${between(random, 100, 9999)}`;

const COMPLAINTS: Record<string, readonly ((random: Random) => string)[]> = {
  billing: [
    (r) => `I was charged twice for ${code(r)}`,
    (r) => `My card was billed ${between(r, 10, 900)} dollars by mistake`,
    (r) => `Please refund invoice ${code(r)}`,
    (r) => `The receipt ${code(r)} shows a wrong amount`,
    (r) => `Why did my price go up to ${between(r, 10, 900)} dollars`,
  ],
  outage: [
    (r) => `The ${pick(r, SERVICES)} service is down`,
    (r) => `Nothing loads since this morning on ${pick(r, SERVICES)}`,
    (r) => `We get errors from the ${pick(r, SERVICES)} server`,
    (r) => `The ${pick(r, SERVICES)} page answers with error ${between(r, 400, 599)}`,
    (r) => `${pick(r, SERVICES)} is very slow and times out`,
  ],
  account: [
    (r) => `I cannot log in as ${pick(r, NAMES)}`,
    (r) => `Please reset the password of ${pick(r, NAMES)}`,
    (r) => `My account ${code(r)} is locked`,
    (r) => `How do I change the mail of ${pick(r, NAMES)}`,
    (r) => `Please delete the account ${code(r)}`,
  ],
  praise: [
    (r) => `Thank you for the ${pick(r, SERVICES)} update`,
    (r) => `The new ${pick(r, SERVICES)} view is great`,
    (r) => `${pick(r, NAMES)} loves the ${pick(r, SERVICES)} tool`,
    (r) => `Great work on ${pick(r, SERVICES)}`,
    (r) => `We are very happy with ${pick(r, SERVICES)}`,
  ],
};

const WRAPS: readonly ((text: string, random: Random) => string)[] = [
  (text) => text,
  (text) => `Hi, ${text}.`,
  (text, random) => `${text}. Regards, ${pick(random, NAMES)}`,
  (text, random) => `Hello team, ${text}. Thanks, ${pick(random, NAMES)}`,
];

/** `count` problems, the kinds in turn. */
export const drawProblems = (random: Random, count: number): Problem[] =>
  Array.from({ length: count }, (_, i) => {
    const draw = PROBLEMS[i % PROBLEMS.length];
    if (draw === undefined) throw new Error('no problems');
    return draw(random);
  });

/** `count` messages, the labels in turn. */
export const drawMessages = (random: Random, count: number): Message[] =>
  Array.from({ length: count }, (_, i) => {
    const label = pick(() => (i % 4) / 4, Object.keys(COMPLAINTS));
    return { message: pick(random, WRAPS)(pick(random, COMPLAINTS[label] ?? [])(random), random), label };
  });

/** `count` chains of one to four links and a seed each. */
export const drawChains = (random: Random, count: number): { links: number; seed: number }[] =>
  Array.from({ length: count }, (_, i) => ({ links: 1 + (i % 4), seed: between(random, 1, 1_000_000) }));
