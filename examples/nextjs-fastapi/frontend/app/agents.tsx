import { useEffect, useState } from "react";
import { usePresence } from "@roomcast/react";
import { type Agent, call } from "./backend";

const REFRESH_MS = 30_000;

/** The agents, with their presence. */
export function Agents() {
  const [agents, setAgents] = useState<Agent[]>([]);
  useEffect(() => {
    const load = () => void call<Agent[]>("GET", "/agents").then(setAgents, () => {});
    load();
    const timer = setInterval(load, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const { presence } = usePresence(agents.map(({ id }) => id));
  return (
    <ul className="agents" aria-label="Agents">
      {agents.map(({ id, name }) => (
        <li key={id} data-status={presence[id]?.status ?? "offline"}>{name}</li>
      ))}
    </ul>
  );
}
