// The one driver that performs what pure machines put out, with their timers on the real clock (STYLE "The pure shapes").
import type { Wheel, WheelTimer } from "./wheel.ts";

/** Timers are data: a machine puts these out, and gets `{ kind: "timer", name }` in. Starting one anew replaces it. */
export type TimerOutput =
  | { readonly do: "start-timer"; readonly name: string; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: string };
export type TimerInput<Name extends string = string> = { readonly kind: "timer"; readonly name: Name };

/** The shape of every machine in a session/ folder. */
export type Step<State, Input, Output> = (state: State, input: Input) => readonly [State, readonly Output[]];

type Performed<Output> = Exclude<Output, { readonly do: "start-timer" | "stop-timer" }>;

export interface DriveOptions<State, Input, Output> {
  readonly state: State;
  readonly step: Step<State, Input, Output>;
  /** Performs every output but timers, in order. What it feeds back is stepped after the outputs of this step. */
  readonly perform: (output: Performed<Output>) => void;
  readonly wheel: Wheel;
  /** A step or an output threw: our fault. The driver has stopped; end this session, and log it. */
  readonly failed: (error: unknown) => void;
}

export interface Driver<State, Input> {
  readonly state: State;
  input(input: Input): void;
  /** Stops all timers; later inputs are ignored. */
  stop(): void;
}

/** Inputs that may wait while a step's outputs are performed; a machine that feeds itself for ever is stopped there. */
const mostWaitingInputs = 1_000;

interface AnyOutput {
  readonly do: string;
}

/** Drives one machine. Steps never nest: an input that comes during a step waits for its end. */
export function drive<State, Input extends { readonly kind: string }, Output extends AnyOutput>(
  options: DriveOptions<State, Input | TimerInput, Output | TimerOutput>,
): Driver<State, Input | TimerInput> {
  return new RunningDriver<State, Input | TimerInput, Output | TimerOutput>(options);
}

class RunningDriver<State, Input, Output extends AnyOutput> implements Driver<State, Input | TimerInput> {
  readonly #options: DriveOptions<State, Input | TimerInput, Output | TimerOutput>;
  readonly #timers = new Map<string, WheelTimer>();
  readonly #waiting: (Input | TimerInput)[] = [];
  #state: State;
  #stepping = false;
  #stopped = false;

  constructor(options: DriveOptions<State, Input | TimerInput, Output | TimerOutput>) {
    this.#options = options;
    this.#state = options.state;
  }

  get state(): State {
    return this.#state;
  }

  input(input: Input | TimerInput): void {
    if (this.#stopped) return;
    this.#waiting.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      this.#run();
    } catch (error) {
      this.stop();
      this.#options.failed(error);
    } finally {
      this.#stepping = false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #run(): void {
    let steps = 0;
    for (let input = this.#waiting.shift(); input !== undefined; input = this.#waiting.shift()) {
      steps += 1;
      if (steps > mostWaitingInputs) throw new Error("a machine feeds itself without end");
      const [state, outputs] = this.#options.step(this.#state, input);
      this.#state = state;
      for (const output of outputs) {
        if (this.#stopped) return;
        this.#perform(output);
      }
    }
  }

  #perform(output: Output | TimerOutput): void {
    if (isTimer(output)) {
      this.#timers.get(output.name)?.cancel();
      this.#timers.delete(output.name);
      if (output.do === "start-timer") this.#start(output.name, output.delayMs);
    } else this.#options.perform(output as Performed<Output | TimerOutput>);
  }

  #start(name: string, delayMs: number): void {
    const timer = this.#options.wheel.after(delayMs, () => {
      this.#timers.delete(name);
      this.input({ kind: "timer", name });
    });
    this.#timers.set(name, timer);
  }
}

const isTimer = (output: AnyOutput): output is TimerOutput =>
  output.do === "start-timer" || output.do === "stop-timer";
