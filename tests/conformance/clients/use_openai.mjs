// openai for Node: a text turn, a streamed one, and a loop with a tool.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const [url, model, given] = process.argv.slice(2);
const { question, tool, result } = JSON.parse(given);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 300000 });
const hello = { model, messages: [{ role: "user", content: "Say hello." }], max_tokens: 16 };
const said = await client.chat.completions.create(hello);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...hello, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
let called;
const runner = client.chat.completions.runTools({
  model,
  messages: [{ role: "user", content: question }],
  temperature: 0,
  max_tokens: 200,
  stream: true,
  tools: [
    {
      type: "function",
      function: {
        ...tool.function,
        parse: JSON.parse,
        function: (given) => {
          called = "weather";
          return `${result} ${given.city}`;
        },
      },
    },
  ],
});
const answer = await runner.finalContent();
const version = JSON.parse(
  readFileSync(new URL("./node_modules/openai/package.json", `file://${process.cwd()}/`)),
).version;
console.log(
  JSON.stringify({
    version,
    text: said.choices[0].message.content,
    streamed,
    tool: called,
    answer,
    note: `Node ${process.version}`,
  }),
);
