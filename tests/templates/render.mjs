// Chat templates by an engine that is none of ours: [{template, messages, tokens}] in, texts out; null
// where the template refuses.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Template } = createRequire(`${process.argv[2]}/`)("@huggingface/jinja");

function rendered({ template, messages, tokens }) {
  try {
    return new Template(template).render({ messages, add_generation_prompt: true, ...tokens });
  } catch {
    return null;
  }
}

const asked = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(asked.map(rendered)));
