/** Languages a snippet comes in. */
export const LANGUAGES = ['curl', 'Python', 'JavaScript'] as const;
/** One of them. */
export type Language = (typeof LANGUAGES)[number];

/** What a client needs to know. */
export type Endpoint = { readonly baseUrl: string; readonly key: string; readonly model: string };

/** Code that asks the model one question through the OpenAI protocol, ready to be pasted. */
export function snippet(language: Language, { baseUrl, key, model }: Endpoint): string {
  switch (language) {
    case 'curl':
      return `curl ${baseUrl}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "What is 6 times 7?"}]}'`;
    case 'Python':
      return `from openai import OpenAI

client = OpenAI(base_url="${baseUrl}", api_key="${key}")
stream = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "What is 6 times 7?"}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")`;
    case 'JavaScript':
      return `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${baseUrl}', apiKey: '${key}' });
const stream = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'What is 6 times 7?' }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '');`;
  }
}
