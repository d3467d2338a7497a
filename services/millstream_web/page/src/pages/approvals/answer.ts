/** What an answer to a question may be. */
import type { InputRequest } from "../../api/types";

/** The options after one was clicked: one alone, or one more or less. */
export function turned(chosen: readonly string[], option: string, request: Pick<InputRequest, "multiple" | "options">): string[] {
  if (!request.multiple) return [option];
  const isOn = chosen.includes(option);
  return request.options.filter((each) => (each === option ? !isOn : chosen.includes(each)));
}

/** Whether a person may answer: nobody is named, or they are. */
export function mayAnswer(request: Pick<InputRequest, "assignedUsers">, me: string | undefined): boolean {
  const { assignedUsers } = request;
  return !assignedUsers.length || assignedUsers.some((user) => user.id === me || user.name === me);
}

/** Who may answer, in words. */
export function askedOf(request: Pick<InputRequest, "assignedUsers">): string {
  return request.assignedUsers.map((user) => user.name || user.id).join(", ") || "anybody";
}
