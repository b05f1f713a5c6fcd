// Writes the golden lists: node make-goldens.mjs <folder with node_modules>, where these are installed:
//   npm i @huggingface/tokenizers@0.2.0 @anush008/tokenizers@0.6.0 @huggingface/jinja@0.5.11
// Ids and texts are those of the second, which is the Rust library (tokenizers 0.22.2) itself; the first, the same in JavaScript, must agree but for what
// "agrees" counts: it has no charsmap, other character classes, and rules of its own for unknown characters and splits.
// Then: python3 render-templates.py, which has Jinja itself render the templates (the JavaScript package knows less of it).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { strings } from './corpus.mjs';
import { conversations, templates } from './templates.mjs';
import { makeTokenizers } from './tokenizers.mjs';

const require = createRequire(`${process.argv[2]}/x.js`);
const rust = require('@anush008/tokenizers');
const script = require('@huggingface/tokenizers');
const { Template } = require('@huggingface/jinja');
const here = (path) => new URL(path, import.meta.url);

rmSync(here('data'), { recursive: true, force: true });
mkdirSync(here('data'));
for (const [name, json] of Object.entries(makeTokenizers())) {
  const text = JSON.stringify(json);
  writeFileSync(here(`data/${name}.tokenizer.json`), text + '\n');
  const reference = rust.Tokenizer.fromString(text);
  let other;
  try { other = new script.Tokenizer(JSON.parse(text), { clean_up_tokenization_spaces: false }); } catch (e) { console.log(e.message); }
  const cases = [];
  let agrees = 0;
  for (const string of strings) {
    const ids = (await reference.encode(string, null, { addSpecialTokens: false })).getIds();
    const whole = (await reference.encode(string, null, { addSpecialTokens: true })).getIds();
    const decoded = await reference.decode(ids, true);
    let theirs;
    try { theirs = other.encode(string, { add_special_tokens: false }).ids; } catch (e) { theirs = e.message; }
    agrees += JSON.stringify(theirs) === JSON.stringify(ids) ? 1 : 0;
    cases.push({ text: string, ids, whole, decoded });
  }
  writeFileSync(here(`data/${name}.golden.json`), '{"agrees":' + agrees + ',"cases":[\n' + cases.map((c) => JSON.stringify(c)).join(',\n') + '\n]}\n');
  console.log(name.padEnd(32), `${agrees} of ${strings.length} as in JavaScript`);
}

// strftime_now of the JavaScript package reads the clock: here it always shows this.
process.env.TZ = 'UTC';
const Clock = Date;
globalThis.Date = class extends Clock { constructor(...given) { super(...(given.length ? given : ['2024-07-26T12:00:00Z'])); } };
const rendered = [];
for (const [name, template] of Object.entries(templates)) {
  for (const conversation of conversations) {
    const context = { messages: conversation, add_generation_prompt: true, tools: null, documents: null, bos_token: '<s>', eos_token: '</s>', ...template.context };
    try {
      rendered.push({ name, messages: conversation, text: new Template(template.text).render(context) });
    } catch (e) {
      rendered.push({ name, messages: conversation, error: e.message });
    }
  }
}
writeFileSync(here('data/templates.golden.json'), JSON.stringify({
  templates: Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, template.text])), rendered }, null, 1) + '\n');
console.log(rendered.length, 'conversations,', rendered.filter((r) => r.error).length, 'refused');
