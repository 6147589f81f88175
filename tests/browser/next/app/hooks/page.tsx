// A server component. It can import the package, because the package's bundle begins with "use client".
import { RoomcastProvider } from "@roomcast/react";
import { HooksChat } from "./hooks-chat";

export default function Page() {
  return (
    <main data-provider={typeof RoomcastProvider}>
      <HooksChat roomId="public:hooks" />
    </main>
  );
}
