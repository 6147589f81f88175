// A server component: it can import the package, because the bundle itself says "use client".
import { RoomcastProvider } from "@roomcast/react";
import { HooksChat } from "./hooks-chat";

export default function Page() {
  return (
    <main data-provider={typeof RoomcastProvider}>
      <HooksChat roomId="public:hooks" />
    </main>
  );
}
