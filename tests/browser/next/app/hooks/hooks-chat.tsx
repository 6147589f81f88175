"use client";

import { RoomcastProvider, useConnection, useMessages } from "@roomcast/react";

async function token(): Promise<string> {
  const answer = await fetch("/api/chat-token", { method: "POST" });
  return ((await answer.json()) as { token: string }).token;
}

function Room({ roomId }: { roomId: string }) {
  const { phase } = useConnection();
  const { messages, send } = useMessages(roomId);
  return (
    <form action={(form) => void send({ text: String(form.get("text")) })}>
      <h1>Version 1</h1>
      <p role="status">{phase}</p>
      {messages.map((message) => (
        <p key={message.id} data-state={message.state}>
          <b>{message.name}</b> {message.text}
        </p>
      ))}
      <input name="text" aria-label="Message" />
    </form>
  );
}

export function HooksChat({ roomId }: { roomId: string }) {
  return (
    <RoomcastProvider url="https://chat.example.com" token={token}>
      <Room roomId={roomId} />
    </RoomcastProvider>
  );
}
