import { Chat } from "./chat";

export default function Page() {
  return (
    <main>
      <h1>Version 1</h1>
      <Chat roomId="public:next" />
    </main>
  );
}
