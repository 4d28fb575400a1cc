"""Streams one chat completion with the openai package, as its documentation shows it. argv: base_url api_key."""
import json
import sys

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2])
stream = client.chat.completions.create(
    model="pocket",
    messages=[
        {"role": "system", "content": "You are Kimi, an AI assistant created by Moonshot AI."},
        {"role": "user", "content": "Solve this step by step: A train leaves Station A at 60 mph. Another leaves Station B at 80 mph. They are 280 miles apart. When do they meet?"},
    ],
    temperature=1.0,
    max_tokens=4096,
    stream=True,
)
thought, text, chunks = "", "", 0
for chunk in stream:
    if not chunk.choices:
        continue
    delta = chunk.choices[0].delta
    thought += getattr(delta, "reasoning_content", None) or ""
    text += delta.content or ""
    chunks += 1
print(json.dumps({"thought": thought, "text": text, "chunks": chunks}))
