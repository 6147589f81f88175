import { Helpdesk } from "./helpdesk";

export default function Page() {
  return <Helpdesk />;
}
