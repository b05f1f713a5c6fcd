// Writes src/Serving/Tokenization/Normalization/decompositions.txt from the Unicode data inside Node (process.versions.unicode); run: node make-decompositions.mjs
// Lines: "=" canonical and "~" compatible decomposition (both full), "+" a pair that composes, "#" first, last, combining class.
import { writeFileSync } from 'node:fs';

// One character of every combining class: the class of another character follows from how the two are reordered.
const representatives = [
  [1, 0x334], [6, 0x16FF0], [7, 0x93C], [8, 0x3099], [9, 0x94D], [10, 0x5B0], [11, 0x5B1], [12, 0x5B2], [13, 0x5B3], [14, 0x5B4], [15,
  0x5B5], [16, 0x5B6], [17, 0x5B7], [18, 0x5B8], [19, 0x5B9], [20, 0x5BB], [21, 0x5BC], [22, 0x5BD], [23, 0x5BF], [24, 0x5C1], [25, 0x5C2],
  [26, 0xFB1E], [27, 0x64B], [28, 0x64C], [29, 0x64D], [30, 0x618], [31, 0x619], [32, 0x61A], [33, 0x651], [34, 0x652], [35, 0x670], [36,
  0x711], [84, 0xC55], [91, 0xC56], [103, 0xE38], [107, 0xE48], [118, 0xEB8], [122, 0xEC8], [129, 0xF71], [130, 0xF72], [132, 0xF74], [202,
  0x321], [214, 0x1DCE], [216, 0x31B], [218, 0x1DFA], [220, 0x316], [222, 0x59A], [224, 0x302E], [226, 0x1D16D], [228, 0x5AE], [230, 0x300],
  [232, 0x315], [233, 0x35C], [234, 0x35D], [240, 0x345]
];

const hex = (point) => point.toString(16).toUpperCase();
const points = (text) => [...text].map((c) => c.codePointAt(0));

function combiningClass(text) {
  const swaps = (a, b) => (a + b).normalize('NFD') !== a.normalize('NFD') + b.normalize('NFD');
  let found = 0;
  for (const [value, point] of representatives) {
    const other = String.fromCodePoint(point);
    if (swaps(other, text)) { return found; }            // its class is lower than this one
    if (swaps(text, other)) { continue; }                // higher
    // Neither swaps: the same class, or none at all, which a mark of another class tells apart.
    const last = String.fromCodePoint(representatives.at(-1)[1]);
    if (value === 1 ? swaps(last, text) : swaps(text, String.fromCodePoint(representatives[0][1]))) { found = value; }
  }
  return found;
}

const lines = [];
const classes = [];
for (let point = 0x80; point < 0x110000; point++) {
  if ((point >= 0xD800 && point < 0xE000) || (point >= 0xAC00 && point < 0xD7A4)) { continue; }
  const text = String.fromCodePoint(point);
  const canonical = text.normalize('NFD');
  const compatible = text.normalize('NFKD');
  if (canonical !== text) {
    lines.push('=' + [point, ...points(canonical)].map(hex).join(' '));
    if (canonical.normalize('NFC') === text) {
      const parts = [...canonical];
      const head = parts.slice(0, -1).join('').normalize('NFC');
      if ([...head].length !== 1) { throw new Error('no pair for ' + hex(point)); }
      lines.push('+' + [point, ...points(head), ...points(parts.at(-1))].map(hex).join(' '));
    }
  }
  if (compatible !== canonical) { lines.push('~' + [point, ...points(compatible)].map(hex).join(' ')); }
  if (/\p{M}/u.test(text) && canonical === text) { const own = combiningClass(text); if (own) { classes.push([point, own]); } }
}
for (let i = 0; i < classes.length;) {
  let end = i;
  while (end + 1 < classes.length && classes[end + 1][0] === classes[end][0] + 1 && classes[end + 1][1] === classes[i][1]) { end++; }
  lines.push('#' + [classes[i][0], classes[end][0], classes[i][1]].map(hex).join(' '));
  i = end + 1;
}
const target = new URL('../../../../src/Serving/Tokenization/Normalization/decompositions.txt', import.meta.url);
writeFileSync(target, lines.join('\n') + '\n');
console.log(lines.length, 'lines of Unicode', process.versions.unicode);
