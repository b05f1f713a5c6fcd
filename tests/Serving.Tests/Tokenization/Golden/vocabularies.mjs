// Small vocabularies, made from the corpus by plain methods.
import { corpus, randomOf } from './corpus.mjs';

const byteChars = (() => {
  const chars = [];
  let next = 256;
  for (let b = 0; b < 256; b++) {
    const printable = (b >= 33 && b <= 126) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE);
    chars.push(String.fromCodePoint(printable ? b : next++));
  }
  return chars;
})();

/** Most frequent neighbours first; ties by text. */
function merge(words, count) {
  const merges = [];
  for (let i = 0; i < count; i++) {
    const pairs = new Map();
    for (const word of words) {
      for (let j = 0; j + 1 < word.length; j++) {
        const key = word[j] + ' ' + word[j + 1];
        pairs.set(key, (pairs.get(key) ?? 0) + 1);
      }
    }
    const best = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best) { break; }
    const [left, right] = best[0].split(' ');
    merges.push([left, right]);
    for (const word of words) {
      for (let j = 0; j + 1 < word.length; j++) {
        if (word[j] === left && word[j + 1] === right) { word.splice(j, 2, left + right); }
      }
    }
  }
  return merges;
}

function numbered(entries) {
  const vocab = {};
  for (const entry of entries) { if (!(entry in vocab)) { vocab[entry] = Object.keys(vocab).length; } }
  return vocab;
}

/** Byte-level BPE: specials, 256 bytes, merges. */
export function byteLevel(specials, count, pattern) {
  const words = corpus.flatMap((text) => text.match(pattern) ?? []).map((word) => [...new TextEncoder().encode(word)].map((b) => byteChars[b]));
  const merges = merge(words, count);
  return { vocab: numbered([...specials, ...byteChars, ...merges.map((m) => m.join(''))]), merges };
}

export const byteTokens = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);

/** SentencePiece-like BPE: specials, byte tokens, then merges and characters. */
export function sentencePiece(specials, bytes, count) {
  const words = corpus.slice(0, 9).flatMap((text) => text.match(/ ?[^ ]+/gu)).map((word) => [...word.replaceAll(' ', '▁')]);
  const characters = [...new Set(words.flat())].filter((c) => c.codePointAt(0) < 0x3000).sort();
  const known = new Set(characters);
  const merges = merge(words.map((word) => word.filter((c) => known.has(c))), count);
  for (let blanks = 2; blanks <= 16; blanks *= 2) { merges.push(['▁'.repeat(blanks / 2), '▁'.repeat(blanks / 2)]); }
  return { vocab: numbered([...specials, ...(bytes ? byteTokens : []), ...merges.map((m) => m.join('')), '▁', ...characters]), merges };
}

/** Pieces with scores: frequent parts of words, longer ones dearer to make; scores get a little noise so that no two ways cost the same. */
export function unigram(specials, bytes, count) {
  const random = randomOf(7);
  const counts = new Map();
  for (const text of corpus.slice(0, 9)) {
    for (const word of text.replaceAll('\n', ' ').split(/ +/u)) {
      const characters = [...('▁' + word)];
      for (let i = 0; i < characters.length; i++) {
        for (let j = i + 1; j <= Math.min(characters.length, i + 8); j++) {
          const piece = characters.slice(i, j).join('');
          counts.set(piece, (counts.get(piece) ?? 0) + 1);
        }
      }
    }
  }
  const single = [...counts].filter(([piece]) => [...piece].length === 1 && piece.codePointAt(0) < 0x3000);
  const longer = [...counts].filter(([piece, n]) => [...piece].length > 1 && n > 1).sort((a, b) => b[1] * [...b[0]].length - a[1] * [...a[0]].length).slice(0, count);
  const total = [...counts.values()].reduce((a, b) => a + b);
  const score = (n) => Math.round((Math.log(n / total) - random() * 0.01) * 1e6) / 1e6;
  return [
    ...specials.map((special) => [special, 0]),
    ...(bytes ? byteTokens.map((token) => [token, 0]) : []),
    ...longer.concat(single).map(([piece, n]) => [piece, score(n * [...piece].length)]),
  ];
}

/** Whole words, common beginnings and endings, and every letter on its own. */
export function wordPiece(specials, lower, count) {
  const counts = new Map();
  for (const text of corpus) {
    let words = lower ? text.toLowerCase().normalize('NFD').replaceAll(/\p{Mn}/gu, '') : text;
    for (const word of words.match(/[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{N}\p{M}]/gu)) {
      const characters = [...word];
      for (let i = 0; i < characters.length; i++) {
        for (let j = i + 1; j <= characters.length; j++) {
          const piece = (i ? '##' : '') + characters.slice(i, j).join('');
          counts.set(piece, (counts.get(piece) ?? 0) + (j === characters.length ? 2 : 1));
        }
      }
    }
  }
  const single = [...counts.keys()].filter((piece) => [...piece.replace('##', '')].length === 1).sort();
  const longer = [...counts].filter(([, n]) => n > 3).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([piece]) => piece).slice(0, count);
  return numbered([...specials, ...single, ...longer]);
}

/** A darts-clone double array (what SentencePiece compiles its rules to) and its replacements, in base64. */
export function charsMap(rules) {
  const encoder = new TextEncoder();
  const replacements = [];
  const root = { children: new Map() };
  for (const [from, to] of rules) {
    let node = root;
    for (const b of encoder.encode(from)) {
      if (!node.children.has(b)) { node.children.set(b, { children: new Map() }); }
      node = node.children.get(b);
    }
    node.value = replacements.length;
    replacements.push(...encoder.encode(to), 0);
  }
  const units = [0];
  const taken = new Set([0]);
  const place = (node, at) => {
    const labels = [...node.children.keys(), ...(node.value === undefined ? [] : [0])];
    let base = 1;
    while (labels.some((label) => taken.has(base ^ label)) || (base ^ at) >= 1 << 21) { base++; }
    for (const label of labels) { taken.add(base ^ label); }
    units[at] = (units[at] ?? 0) | ((base ^ at) << 10) | (node.value === undefined ? 0 : 0x100);
    if (node.value !== undefined) { units[base] = (0x80000000 | node.value) >>> 0; }
    for (const [label, child] of node.children) { units[base ^ label] = label; }
    for (const [label, child] of node.children) { place(child, base ^ label); }
  };
  place(root, 0);
  const count = Math.ceil(units.length / 256) * 256;
  const blob = Buffer.alloc(4 + 4 * count + replacements.length);
  blob.writeUInt32LE(4 * count, 0);
  for (let i = 0; i < count; i++) { blob.writeUInt32LE((units[i] ?? 0) >>> 0, 4 + 4 * i); }
  Buffer.from(replacements).copy(blob, 4 + 4 * count);
  return blob.toString('base64');
}
